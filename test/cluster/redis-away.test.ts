import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { LocalRedis } from '../../cluster/redis/local-redis.ts';
import { ReplayRun } from '../../scripts/replay/replay-run.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { withSchema } from '../../src/node.ts';
import { hbaseServers } from '../support/services.ts';

const startMaxMs = 180_000;
const testMaxMs = 300_000;
/** Several times the lease of the nodes, so that everything that hangs on Redis has run out. */
const awayMs = 15_000;
const leaseMs = 2_000;

let folder: string;
let redis: LocalRedis;
let cluster: NodeCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-redis-away-'));
  const namespace = `redis_away_${randomBytes(4).toString('hex')}`;
  const hbase = { servers: hbaseServers(), namespace, regionCount: 4 };
  const forSchema = { store: { kind: 'hbase' }, hbase, log: { level: 'silent' } } as const;
  await withSchema(loadSettings({ preset: forSchema }), (schema) => schema.apply());
  redis = new LocalRedis({ dataDir: join(folder, 'redis') });
  await redis.start();
  const secretFile = join(folder, 'secret');
  await writeFile(secretFile, randomBytes(32).toString('hex'));
  const settings = [
    ...['--store', 'hbase', '--hbase', hbase.servers.join(','), '--hbase-namespace', namespace],
    ...['--redis', redis.url, '--cluster-secret-file', secretFile, '--ring-lease-ms', String(leaseMs)],
  ];
  cluster = await NodeCluster.start({ count: 3, folder, settings });
}, startMaxMs);

afterAll(async () => {
  await cluster.stop();
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
}, startMaxMs);

/** Sends that a node has answered with an error. */
async function failedSends(opsUrl: string): Promise<string[]> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  const calls = text
    .split('\n')
    .filter((line) => line.startsWith('mailring_calls_total{method="sendMessage"'));
  expect(calls.length).toBeGreaterThan(0);
  return calls.filter((line) => !line.includes('outcome="ok"') && !line.endsWith(' 0'));
}

it(
  'G1 to G9: with Redis killed for a while no send fails, no read is stale, and nobody is removed',
  async () => {
    const epochs = (): Promise<number[]> =>
      Promise.all(cluster.nodes.map((node) => node.metric('mailring_ring_epoch')));
    const epochsBefore = await epochs();
    const redisNow = { isBack: false };
    let acked = 0;
    let ackedWhileAway = 0;
    const plays: Promise<unknown>[] = [];
    const away = async (): Promise<void> => {
      await redis.kill('redis');
      const before = acked;
      await sleep(awayMs);
      ackedWhileAway = acked - before;
      await redis.start();
      redisNow.isBack = true;
    };
    // One history after the other for as long as Redis is away, and one more when it is back.
    for (let seed = 21; !redisNow.isBack || seed === 21; seed++) {
      const run = new ReplayRun({
        ...{ wsUrls: cluster.wsUrls, messages: 1_000, users: 40, seed },
        ...{ duplicates: 0.1, reconnects: 0.02, concurrency: 16 },
        onProgress: () => undefined,
        onAcknowledged: () => {
          acked += 1;
          if (acked === 100) plays.push(away());
        },
      });
      const report = await run.run();
      expect(run.violations.shown).toEqual([]);
      expect(report.acked).toBe(1_000);
    }
    await Promise.all(plays);
    expect(ackedWhileAway).toBeGreaterThan(100);
    for (const node of cluster.nodes) expect(await failedSends(node.opsUrl)).toEqual([]);
    expect(await epochs()).toEqual(epochsBefore);
  },
  testMaxMs,
);
