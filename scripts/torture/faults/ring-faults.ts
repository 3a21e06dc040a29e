import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TortureCluster, TortureNode } from '../stand/torture-cluster.ts';
import type { FaultKind } from './fault.ts';

const root = join(import.meta.dirname, '../../..');
const commandTimeoutMs = 45_000;
const joinAttemptsMax = 5;
const weights = [25, 50, 200];

/** What operators do: by the command line, with any node that answers. */
export function ringFaults(cluster: TortureCluster): FaultKind[] {
  const { nodes } = cluster;
  const away = ['drain', 'remove'] as const;
  return [
    {
      ...{ name: 'drain and join', weight: 3, lastsMs: [500, 15_000] },
      draw: (random) => {
        const node = random.pick(nodes);
        const verb = random.chance(0.8) ? away[0] : away[1];
        return {
          ...{ what: `ring ${verb} ${node.id}`, holds: ['ring'] },
          begin: async () => {
            await ring(cluster, [verb, node.id, '--force']);
          },
          end: () => comeBack(cluster, node, []),
        };
      },
    },
    {
      ...{ name: 'weight', weight: 2, lastsMs: [500, 10_000] },
      draw: (random) => {
        const node = random.pick(nodes);
        const weight = random.pick(weights);
        return {
          ...{ what: `ring weight ${node.id} ${weight}`, holds: ['ring'] },
          begin: async () => {
            await ring(cluster, ['weight', node.id, String(weight)]);
          },
          end: () => comeBack(cluster, node, ['--weight', '100']),
        };
      },
    },
  ];
}

/** A node that was taken out stays out until it is told to join; what forbids it now may be over soon. */
async function comeBack(cluster: TortureCluster, node: TortureNode, flags: readonly string[]): Promise<void> {
  for (let attempt = 0; attempt < joinAttemptsMax; attempt++) {
    if (await ring(cluster, ['join', node.id, ...flags])) return;
  }
}

/** @returns whether it was done; a change may fail or be refused while other faults are on */
function ring(cluster: TortureCluster, args: readonly string[]): Promise<boolean> {
  const ops = cluster.nodes.flatMap(({ process }) => ['--ops', process.opsUrl]);
  const token = ['--operator-token-file', cluster.operatorTokenFile];
  const command = ['src/main.ts', 'ring', ...args, ...ops, ...token, '--json', '--yes'];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, command, {
      ...{ cwd: root, stdio: 'ignore', timeout: commandTimeoutMs, killSignal: 'SIGKILL' },
    });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code === 0));
  });
}
