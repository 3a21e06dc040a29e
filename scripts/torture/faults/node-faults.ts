import type { TortureCluster, TortureNode } from '../stand/torture-cluster.ts';
import type { FaultKind } from './fault.ts';

const clockJumpMsMax = 4 * 60_000;

/** What can happen to the process of a node, and to its clock. */
export function nodeFaults(cluster: TortureCluster): FaultKind[] {
  const { nodes } = cluster;
  return [
    {
      ...{ name: 'kill node', weight: 4, lastsMs: [200, 15_000] },
      draw: (random) => {
        const node = random.pick(nodes);
        return {
          ...{ what: `kill -9 of ${node.id}`, holds: [node.id] },
          begin: () => ifItRuns(node, () => node.process.process.kill('SIGKILL')),
          end: () => cluster.revive(node),
        };
      },
    },
    {
      ...{ name: 'stop node', weight: 1, lastsMs: [200, 5_000] },
      draw: (random) => {
        const node = random.pick(nodes);
        return {
          ...{ what: `SIGTERM to ${node.id}`, holds: [node.id] },
          begin: () => ifItRuns(node, () => node.process.process.stop()),
          end: () => cluster.revive(node),
        };
      },
    },
    {
      // Long enough that others take over, and whoever asked it meanwhile is answered when it goes on.
      ...{ name: 'pause node', weight: 4, lastsMs: [500, 32_000] },
      draw: (random) => {
        const node = random.pick(nodes);
        return {
          ...{ what: `SIGSTOP of ${node.id}`, holds: [node.id] },
          begin: async () => cluster.signal(node, 'SIGSTOP'),
          end: async () => {
            cluster.signal(node, 'SIGCONT');
          },
        };
      },
    },
    {
      ...{ name: 'clock jump', weight: 2, lastsMs: [2_000, 15_000] },
      draw: (random) => {
        const node = random.pick(nodes);
        const offsetMs = Math.round((random.next() - 0.5) * 2 * clockJumpMsMax * random.next());
        return {
          ...{ what: `clock of ${node.id} by ${offsetMs} ms`, holds: [node.id] },
          begin: () => cluster.setWallOffset(node, offsetMs),
          end: () => cluster.setWallOffset(node, 0),
        };
      },
    },
  ];
}

/** @returns false where it does not run */
async function ifItRuns({ process }: TortureNode, work: () => Promise<void>): Promise<boolean> {
  if (process.process.pid === undefined) return false;
  await work();
  return true;
}
