import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { diskFaults } from '../faults/disk-faults.ts';
import { networkFaults } from '../faults/network-faults.ts';
import { nodeFaults } from '../faults/node-faults.ts';
import { ringFaults } from '../faults/ring-faults.ts';
import { RingOperator } from './ring-operator.ts';
import { SmallDisk } from './small-disk.ts';
import { ringHealTimeoutMs, ringSettings, type Stand, type StandOptions } from './stand.ts';
import { TortureCluster } from './torture-cluster.ts';

/**
 * Nodes that share an embedded store. With even seeds it is on a disk of its own that can be filled, where the system
 * lets us have one; that one is in memory, so with odd seeds the store is on the real disk.
 */
export async function startLmdbStand({ nodes, folder, seed, onProgress }: StandOptions): Promise<Stand> {
  const data = join(folder, 'data');
  await mkdir(data);
  const disk = seed % 2 === 0 ? await SmallDisk.mount(data, onProgress) : undefined;
  try {
    const settings = ['--store', 'lmdb', '--data', data, ...ringSettings];
    const cluster = await TortureCluster.start({ nodes, folder, settings, services: new Map(), onProgress });
    const operator = new RingOperator(cluster);
    return {
      cluster,
      kinds: [
        ...nodeFaults(cluster),
        ...networkFaults(cluster),
        ...ringFaults(cluster.nodes, operator),
        ...(disk === undefined ? [] : diskFaults(disk)),
      ],
      heal: async () => {
        await cluster.heal();
        await operator.heal(ringHealTimeoutMs);
      },
      stop: async () => {
        await cluster.stop();
        await disk?.unmount();
      },
    };
  } catch (error) {
    await disk?.unmount();
    throw error;
  }
}
