import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fullDiskFault, slowDiskFault } from '../faults/disk-faults.ts';
import { networkFaults } from '../faults/network-faults.ts';
import { nodeFaults } from '../faults/node-faults.ts';
import { ringFaults } from '../faults/ring-faults.ts';
import { RingOperator } from './ring-operator.ts';
import { SlowDisk } from './slow-disk.ts';
import { SmallDisk } from './small-disk.ts';
import { nodeSettings, ringHealTimeoutMs, type Stand, type StandOptions } from './stand.ts';
import { TortureCluster } from './torture-cluster.ts';

/**
 * Nodes that share an embedded store. With even seeds it is on a disk of its own that can be filled, where the system
 * lets us have one; that one is in memory, so with odd seeds the store is on the real disk, which can be slowed.
 */
export async function startLmdbStand(options: StandOptions): Promise<Stand> {
  const { nodes, folder, seed, onProgress } = options;
  const data = join(folder, 'data');
  await mkdir(data);
  const small = seed % 2 === 0 ? await SmallDisk.mount(data, onProgress) : undefined;
  const slow = small === undefined ? await SlowDisk.prepare(data, basename(folder), onProgress) : undefined;
  const removeDisks = async (): Promise<void> => {
    await small?.unmount();
    await slow?.remove();
  };
  try {
    const settings = ['--store', 'lmdb', '--data', data, ...nodeSettings(options)];
    const cluster = await TortureCluster.start({ nodes, folder, settings, services: new Map(), onProgress });
    const operator = new RingOperator(cluster);
    return {
      cluster,
      kinds: [
        ...nodeFaults(cluster),
        ...networkFaults(cluster),
        ...ringFaults(cluster.nodes, operator),
        ...(small === undefined ? [] : [fullDiskFault(small)]),
        ...(slow === undefined ? [] : [slowDiskFault(slow, () => cluster.pids)]),
      ],
      heal: async () => {
        await cluster.heal();
        await operator.heal(ringHealTimeoutMs);
      },
      stop: async () => {
        try {
          await cluster.stop();
        } finally {
          await removeDisks();
        }
      },
    };
  } catch (error) {
    await removeDisks();
    throw error;
  }
}
