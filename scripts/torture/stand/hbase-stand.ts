import { execFile } from 'node:child_process';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DistributedHBase } from '../../../cluster/hbase/distributed-hbase.ts';
import { LocalRedis } from '../../../cluster/redis/local-redis.ts';
import { slowDiskFault } from '../faults/disk-faults.ts';
import { networkFaults } from '../faults/network-faults.ts';
import { nodeFaults } from '../faults/node-faults.ts';
import { ringFaults } from '../faults/ring-faults.ts';
import { hbaseFaults, redisFaults, restartEnded } from '../faults/service-faults.ts';
import { RingOperator } from './ring-operator.ts';
import { SlowDisk } from './slow-disk.ts';
import { nodeSettings, ringHealTimeoutMs, type Stand, type StandOptions } from './stand.ts';
import { TortureCluster } from './torture-cluster.ts';

const root = join(import.meta.dirname, '../../..');
const run = promisify(execFile);
const schemaTimeoutMs = 90_000;
const namespace = 'torture';
/** A server that was taken for dead while it was paused learns of it, and ends itself, within this time. */
const quietMs = 15_000;
const servicesHealTimeoutMs = 600_000;
const pollMs = 500;

/** Nodes over Redis and an HBase of two region servers on HDFS, all of it processes of this machine. */
export async function startHBaseStand(options: StandOptions): Promise<Stand> {
  const { nodes, folder, onProgress } = options;
  const hbase = new DistributedHBase({ dataDir: join(folder, 'hbase'), onProgress });
  const redis = new LocalRedis({ dataDir: join(folder, 'redis'), onProgress });
  const disk = await SlowDisk.prepare(folder, basename(folder), onProgress);
  const stopServices = async (): Promise<void> => {
    try {
      await Promise.all([hbase.stop(), redis.stop()]);
    } finally {
      await disk?.remove();
    }
  };
  try {
    await Promise.all([hbase.start(), redis.start()]);
    const store = ['--store', 'hbase', '--hbase', hbase.servers.join(','), '--hbase-namespace', namespace];
    await run(process.execPath, ['src/main.ts', 'schema', 'apply', ...store, '--hbase-region-count', '8'], {
      ...{ cwd: root, timeout: schemaTimeoutMs },
    });
    const services = new Map(hbase.servers.map((server, place) => [`hbase${place}`, portOf(server)]));
    services.set('redis', portOf(redis.url));
    const settings = [...store, '--redis', redis.url, ...nodeSettings(options)];
    const cluster = await TortureCluster.start({ nodes, folder, settings, services, onProgress });
    const operator = new RingOperator(cluster);
    return {
      cluster,
      kinds: [
        ...nodeFaults(cluster),
        ...networkFaults(cluster),
        ...ringFaults(cluster.nodes, operator),
        ...hbaseFaults(hbase),
        ...redisFaults(redis),
        ...(disk === undefined ? [] : [slowDiskFault(disk, () => pidsOf(hbase))]),
      ],
      heal: async () => {
        await Promise.all([untilAllRun(hbase), restartEnded(redis)]);
        await cluster.heal();
        await operator.heal(ringHealTimeoutMs);
      },
      stop: async () => {
        try {
          await cluster.stop();
        } finally {
          await stopServices();
        }
      },
    };
  } catch (error) {
    await stopServices();
    throw error;
  }
}

function pidsOf(hbase: DistributedHBase): number[] {
  return hbase.processNames.flatMap((name) => hbase.pid(name) ?? []);
}

function portOf(address: string): number {
  return Number(address.split(':').at(-1));
}

/** Starts what has ended, until nothing has for a while. @throws Error where that does not come about in time */
async function untilAllRun(hbase: DistributedHBase): Promise<void> {
  const deadline = performance.now() + servicesHealTimeoutMs;
  let sinceMs = performance.now();
  while (performance.now() - sinceMs < quietMs) {
    if ((await restartEnded(hbase)) > 0) sinceMs = performance.now();
    if (performance.now() > deadline) throw new Error('HBase does not come back');
    await sleep(pollMs);
  }
}
