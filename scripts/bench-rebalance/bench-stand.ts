import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provideHBase } from '../../cluster/hbase/provide-hbase.ts';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import type { NodeProcess } from '../../cluster/mailring/node-process.ts';
import type { ProvidedService } from '../../cluster/provided-service.ts';
import { LocalRedis } from '../../cluster/redis/local-redis.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { withSchema } from '../../src/node.ts';

const regionCount = 4;
/** What the clients need comes first, as if they had a machine of their own: their delays are nobody's pause. */
const niceness = 10;

/** Three nodes that run, one that does not yet, and what they stand on. */
export interface BenchCluster {
  readonly cluster: NodeCluster;
  readonly spare: NodeProcess;
  /** undefined on LMDB. */
  readonly redis: LocalRedis | undefined;
  readonly tokenFile: string;
  readonly token: string;
  stop(): Promise<void>;
}

/** Makes a new cluster for each scenario, on one HBase or on nothing. */
export class BenchStand {
  readonly #folder: string;
  readonly #hbase: ProvidedService<string[]> | undefined;
  #clusters = 0;

  private constructor(folder: string, hbase: ProvidedService<string[]> | undefined) {
    this.#folder = folder;
    this.#hbase = hbase;
  }

  static async open(store: 'lmdb' | 'hbase', onProgress: (line: string) => void): Promise<BenchStand> {
    const folder = await mkdtemp(join(tmpdir(), 'mailring-rebalance-'));
    // All processes are started from here. An installed Mailring has no TypeScript to compile at its start either.
    process.env['NODE_COMPILE_CACHE'] ??= join(folder, 'compiled');
    return new BenchStand(folder, store === 'hbase' ? await provideHBase(onProgress) : undefined);
  }

  /** Logs of the nodes are in it. */
  get folder(): string {
    return this.#folder;
  }

  async cluster(): Promise<BenchCluster> {
    const folder = join(this.#folder, String(++this.#clusters));
    await mkdir(folder, { recursive: true });
    const token = randomBytes(32).toString('hex');
    const tokenFile = join(folder, 'operator-token');
    await writeFile(tokenFile, token);
    const redis = this.#hbase && new LocalRedis({ dataDir: join(folder, 'redis') });
    await redis?.start();
    const store =
      redis === undefined
        ? ['--store', 'lmdb', '--data', join(folder, 'data')]
        : await this.#onHBase(folder, redis);
    const settings = [...store, '--operator-token-file', tokenFile];
    try {
      const cluster = await NodeCluster.start({ count: 3, folder, settings, niceness });
      const spare = await cluster.spare();
      const stop = async (): Promise<void> => {
        await Promise.all([cluster.stop(), spare.process.stop()]);
        await redis?.stop();
      };
      return { cluster, spare, redis, tokenFile, token, stop };
    } catch (error) {
      await redis?.stop();
      throw error;
    }
  }

  /** @param isKept so that somebody can read the logs */
  async close(isKept: boolean): Promise<void> {
    await this.#hbase?.release();
    if (!isKept) await rm(this.#folder, { recursive: true, force: true });
  }

  async #onHBase(folder: string, redis: LocalRedis): Promise<string[]> {
    const servers = this.#hbase?.address ?? [];
    const namespace = `rebalance_${randomBytes(4).toString('hex')}`;
    const hbase = { servers, namespace, regionCount };
    await withSchema(
      loadSettings({ preset: { store: { kind: 'hbase' }, hbase, log: { level: 'silent' } } }),
      (schema) => schema.apply(),
    );
    const secretFile = join(folder, 'cluster-secret');
    await writeFile(secretFile, randomBytes(32).toString('hex'));
    return [
      ...['--store', 'hbase', '--hbase', servers.join(','), '--hbase-namespace', namespace],
      ...['--redis', redis.url, '--cluster-secret-file', secretFile],
    ];
  }
}
