import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { NodeProcess } from './node-process.ts';

const pollMs = 100;
/** What was on its way to the disk when a node was suspended is there by then. */
const inFlightMs = 300;
/** In that time each node renews its lease more than once. */
const commitMaxMs = 3_000;
const suspendTriesMax = 20;
const commits = 'mailring_store_duration_seconds_count{operation="commit"}';

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

  /**
   * Sends SIGSTOP at a moment when that node does not hold the writer lock of the embedded store: until it goes on nobody
   * could write, so nobody could remove it. Needs leases of 3 s at most. Rejects where no such moment comes.
   */
  async suspendUnlocked(node: NodeProcess): Promise<void> {
    const others = this.nodes.filter(({ id }) => id !== node.id);
    for (let tries = 1; tries <= suspendTriesMax; tries++) {
      node.process.signal('SIGSTOP');
      await sleep(inFlightMs);
      const canCommit = await Promise.all(others.map(commitsSoon));
      if (canCommit.every(Boolean)) return;
      node.process.signal('SIGCONT');
      await sleep(pollMs * tries);
    }
    throw new Error(`${node.id} holds the store whenever it is suspended`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ process }) => process.stop()));
  }
}

function prepared(id: string, { folder, settings, niceness }: NodeClusterOptions): Promise<NodeProcess> {
  return NodeProcess.prepare({ id, folder: join(folder, 'nodes'), settings, ...(niceness && { niceness }) });
}

/** Does it commit anything in the next seconds? */
async function commitsSoon(node: NodeProcess): Promise<boolean> {
  const before = await node.metric(commits);
  const deadline = performance.now() + commitMaxMs;
  while (performance.now() < deadline) {
    if ((await node.metric(commits)) > before) return true;
    await sleep(pollMs);
  }
  return false;
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
