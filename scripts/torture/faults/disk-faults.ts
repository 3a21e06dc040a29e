import type { SmallDisk } from '../stand/small-disk.ts';
import type { FaultKind } from './fault.ts';

export function diskFaults(disk: SmallDisk): FaultKind[] {
  return [
    {
      ...{ name: 'full disk', weight: 2, lastsMs: [500, 8_000] },
      draw: () => ({
        ...{ what: 'the disk of the store is full', holds: ['disk'] },
        begin: () => disk.fill(),
        end: () => disk.free(),
      }),
    },
  ];
}
