import type { SlowDisk } from '../stand/slow-disk.ts';
import type { SmallDisk } from '../stand/small-disk.ts';
import type { FaultKind } from './fault.ts';

const writesPerSecond = [5, 15, 50];

export function fullDiskFault(disk: SmallDisk): FaultKind {
  return {
    ...{ name: 'full disk', weight: 2, lastsMs: [500, 8_000] },
    draw: () => ({
      ...{ what: 'the disk of the store is full', holds: ['disk'] },
      begin: () => disk.fill(),
      end: () => disk.free(),
    }),
  };
}

/** @param pids who writes to it, of those that run */
export function slowDiskFault(disk: SlowDisk, pids: () => readonly number[]): FaultKind {
  return {
    ...{ name: 'slow disk', weight: 2, lastsMs: [2_000, 15_000] },
    draw: (random) => {
      const limit = random.pick(writesPerSecond);
      return {
        ...{ what: `the disk of the store takes ${limit} writes a second`, holds: ['disk'] },
        begin: () => disk.slow(pids(), limit),
        end: () => disk.free(),
      };
    },
  };
}
