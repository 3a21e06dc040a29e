import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { NodeProcess } from './node-process.ts';

const pollMs = 100;

export interface NodeClusterOptions {
  readonly count: number;
  readonly folder: string;
  /** Flags of `mailring node` that all of them get. */
  readonly settings: readonly string[];
  /** See NodeProcessOptions. */
  readonly niceness?: number;
}

/** Nodes n1, n2, … of one cluster as processes on this machine. */
export class NodeCluster {
  readonly nodes: readonly NodeProcess[];
  readonly #options: NodeClusterOptions;
  #spares = 0;

  private constructor(nodes: readonly NodeProcess[], options: NodeClusterOptions) {
    this.nodes = nodes;
    this.#options = options;
  }

  /** Resolves when all of them are in one view. */
  static async start(options: NodeClusterOptions): Promise<NodeCluster> {
    const nodes: NodeProcess[] = [];
    for (let number = 1; number <= options.count; number++) nodes.push(await prepared(`n${number}`, options));
    const cluster = new NodeCluster(nodes, options);
    try {
      await Promise.all(nodes.map(({ process }) => process.start()));
      await cluster.untilAgreed(nodes, 30_000);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** One more node of this cluster; it does not run yet, and is not among `nodes`. */
  spare(): Promise<NodeProcess> {
    return prepared(`n${this.#options.count + ++this.#spares}`, this.#options);
  }

  get wsUrls(): string[] {
    return this.nodes.map(({ wsUrl }) => wsUrl);
  }

  /** Resolves when the view in force at each of these nodes is one of just them. Rejects after that time. */
  async untilAgreed(nodes: readonly NodeProcess[], timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const seen = await Promise.all(nodes.map(viewOf));
      const [first] = seen;
      const isAgreed = seen.every((view) => view === first) && first?.startsWith(`${nodes.length} `);
      if (isAgreed === true) return;
      if (performance.now() > deadline) throw new Error(`no common view: ${seen.join('; ')}`);
      await sleep(pollMs);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ process }) => process.stop()));
  }
}

function prepared(id: string, { folder, settings, niceness }: NodeClusterOptions): Promise<NodeProcess> {
  return NodeProcess.prepare({ id, folder: join(folder, 'nodes'), settings, ...(niceness && { niceness }) });
}

/** Members, epoch; what went wrong where the node does not answer. */
async function viewOf(node: NodeProcess): Promise<string> {
  try {
    const [members, epoch] = [
      await node.metric('mailring_ring_members'),
      await node.metric('mailring_ring_epoch'),
    ];
    return `${members} members, epoch ${epoch}`;
  } catch (error) {
    return `${node.id}: ${String(error)}`;
  }
}
