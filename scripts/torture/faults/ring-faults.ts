import type { RingOperator } from '../stand/ring-operator.ts';
import type { TortureNode } from '../stand/torture-cluster.ts';
import type { FaultKind } from './fault.ts';

const weights = [25, 50, 200];

/** What operators do. */
export function ringFaults(nodes: readonly TortureNode[], operator: RingOperator): FaultKind[] {
  return [
    {
      ...{ name: 'drain and join', weight: 3, lastsMs: [500, 15_000] },
      draw: (random) => {
        const { id } = random.pick(nodes);
        const verb = random.chance(0.8) ? 'drain' : 'remove';
        return {
          ...{ what: `ring ${verb} ${id}`, holds: ['ring'] },
          begin: () => operator.change(id, verb, ['--force']),
          end: async () => {
            await operator.restore(id);
          },
        };
      },
    },
    {
      ...{ name: 'weight', weight: 2, lastsMs: [500, 10_000] },
      draw: (random) => {
        const { id } = random.pick(nodes);
        const weight = String(random.pick(weights));
        return {
          ...{ what: `ring weight ${id} ${weight}`, holds: ['ring'] },
          begin: () => operator.change(id, 'weight', [weight]),
          end: async () => {
            await operator.restore(id);
          },
        };
      },
    },
  ];
}
