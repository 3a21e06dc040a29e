import { fileURLToPath } from 'node:url';
import type { DevNodePlan } from './dev-cluster.ts';

/** Settings of every node; variables win over them. */
export const devConfigPath = fileURLToPath(new URL('../../config/development.json', import.meta.url));
/** Operations of node i are at port + 100 + i. */
export const devOpsOffset = 100;

/** How many nodes, the first one's port for clients, and the folder that they share. */
export interface DevPlace {
  readonly nodes: number;
  readonly port: number;
  readonly data: string;
}

/** What each node of a cluster on this machine is started with. */
export function devPlans({ nodes, port, data }: DevPlace): DevNodePlan[] {
  return Array.from({ length: nodes }, (_, index) => {
    const id = `n${index + 1}`;
    const places = {
      id,
      config: devConfigPath,
      listen: `127.0.0.1:${port + index}`,
      ops: `127.0.0.1:${port + devOpsOffset + index}`,
      // The nodes tell each other where.
      peer: '127.0.0.1:0',
      data,
      // Each is a commit of the embedded store here, on somebody's laptop; a take-over comes some 2 s later for it.
      'ring-sign-ms': '1s',
    };
    return { id, args: Object.entries(places).flatMap(([flag, value]) => [`--${flag}`, value]) };
  });
}
