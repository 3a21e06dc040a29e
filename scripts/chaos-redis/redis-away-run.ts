import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { LocalRedis } from '../../cluster/redis/local-redis.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { withSchema } from '../../src/node.ts';
import { ReplayRun } from '../replay/replay-run.ts';

export interface RedisAwayOptions {
  /** `host:port` of masters and region servers. */
  readonly hbaseServers: readonly string[];
  /** For the nodes and Redis; the caller removes it. */
  readonly folder: string;
  /** Several times the lease of the nodes, so that everything that hangs on Redis runs out. */
  readonly awayMs: number;
  readonly onProgress: (line: string) => void;
}

export interface RedisAwayReport {
  readonly awaySeconds: number;
  readonly histories: number;
  readonly acked: number;
  readonly ackedWhileAway: number;
  /** What the replays found: lost, doubled, disordered or stale. */
  readonly violations: readonly string[];
  /** Lines of the nodes' metrics: sends that were answered with an error. */
  readonly failedSends: readonly string[];
  /** Views that were adopted meanwhile: nobody may be removed for Redis. */
  readonly viewChanges: number;
}

const leaseMs = 2_000;
const messages = 1_000;
/** Redis is killed when so many have been acknowledged. */
const ackedBefore = 100;

/** Three nodes on HBase and Redis play chat histories, one after the other, while Redis is killed and away. */
export class RedisAwayRun {
  readonly #options: RedisAwayOptions;
  #acked = 0;

  constructor(options: RedisAwayOptions) {
    this.#options = options;
  }

  async run(): Promise<RedisAwayReport> {
    const redis = new LocalRedis({ dataDir: join(this.#options.folder, 'redis') });
    await redis.start();
    try {
      const cluster = await this.#startNodes(redis.url);
      try {
        return await this.#play(cluster, redis);
      } finally {
        await cluster.stop();
      }
    } finally {
      await redis.stop();
    }
  }

  async #startNodes(redisUrl: string): Promise<NodeCluster> {
    const { folder, hbaseServers } = this.#options;
    const namespace = `redis_away_${randomBytes(4).toString('hex')}`;
    const hbase = { servers: hbaseServers, namespace, regionCount: 4 };
    const preset = { store: { kind: 'hbase' }, hbase, log: { level: 'silent' } } as const;
    await withSchema(loadSettings({ preset }), (schema) => schema.apply());
    const secretFile = join(folder, 'secret');
    await writeFile(secretFile, randomBytes(32).toString('hex'));
    const settings = [
      ...['--store', 'hbase', '--hbase', hbaseServers.join(','), '--hbase-namespace', namespace],
      ...['--redis', redisUrl, '--cluster-secret-file', secretFile, '--ring-lease-ms', String(leaseMs)],
    ];
    return NodeCluster.start({ count: 3, folder, settings });
  }

  async #play(cluster: NodeCluster, redis: LocalRedis): Promise<RedisAwayReport> {
    const epochs = (): Promise<number[]> =>
      Promise.all(cluster.nodes.map((node) => node.metric('mailring_ring_epoch')));
    const epochsBefore = await epochs();
    const violations: string[] = [];
    const outages: Promise<number>[] = [];
    const redisNow = { isBack: false };
    let histories = 0;
    // One history after the other for as long as Redis is away, and until one has begun after it was back.
    while (!redisNow.isBack || histories === 0) {
      const run = new ReplayRun({
        ...{ wsUrls: cluster.wsUrls, messages, users: 40, seed: 21 + histories },
        ...{ duplicates: 0.1, reconnects: 0.02, concurrency: 16 },
        onProgress: () => undefined,
        onAcknowledged: () => {
          this.#acked++;
          if (this.#acked !== ackedBefore) return;
          const outage = this.#outage(redis).finally(() => {
            redisNow.isBack = true;
          });
          outages.push(outage);
        },
      });
      const report = await run.run();
      violations.push(...run.violations.shown);
      if (report.acked !== messages) violations.push(`${messages - report.acked} messages not acknowledged`);
      histories++;
      this.#options.onProgress(
        `history ${histories}: ${report.acked} acknowledged, Redis ${redisNow.isBack ? 'back' : 'away'}`,
      );
    }
    const ackedWhileAway = (await Promise.all(outages))[0] ?? 0;
    const failedSends = (await Promise.all(cluster.nodes.map(({ opsUrl }) => failedSendsAt(opsUrl)))).flat();
    const viewChanges = (await epochs()).reduce((sum, epoch, i) => sum + epoch - (epochsBefore[i] ?? 0), 0);
    const awaySeconds = this.#options.awayMs / 1_000;
    return {
      awaySeconds,
      histories,
      acked: this.#acked,
      ackedWhileAway,
      violations,
      failedSends,
      viewChanges,
    };
  }

  /** @returns how many messages were acknowledged while Redis was away */
  async #outage(redis: LocalRedis): Promise<number> {
    const { awayMs, onProgress } = this.#options;
    await redis.kill('redis');
    onProgress(`Redis killed for ${awayMs / 1_000} s`);
    const before = this.#acked;
    await sleep(awayMs);
    const acked = this.#acked - before;
    await redis.start();
    onProgress(`Redis back; ${acked} acknowledged without it`);
    return acked;
  }
}

/** Of a node: how often sends were answered with an error, as its metrics say it. */
async function failedSendsAt(opsUrl: string): Promise<string[]> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  const calls = text
    .split('\n')
    .filter((line) => line.startsWith('mailring_calls_total{method="sendMessage"'));
  if (calls.length === 0) throw new Error(`${opsUrl} counts no sends`);
  return calls.filter((line) => !line.includes('outcome="ok"') && !line.endsWith(' 0'));
}
