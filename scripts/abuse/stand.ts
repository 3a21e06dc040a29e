import { join } from 'node:path';
import { NodeProcess } from '../../cluster/mailring/node-process.ts';
import { Bystanders } from './bystanders.ts';
import type { Seen } from './bystanders.ts';
import { hundredths, ProcessWatch } from './process-watch.ts';
import type { Usage } from './process-watch.ts';

const root = join(import.meta.dirname, '../..');

export interface StandOptions {
  readonly id: string;
  readonly folder: string;
  /** Writes what its processor time went to there when it ends. */
  readonly profileFolder?: string | undefined;
}

/** How users of a node fared for a while, and what the node did meanwhile. */
export interface Observed extends Usage {
  readonly others: Seen;
  /** Longest stop of the node's event loop, ms. Its resolution is 10 ms. */
  readonly loopStopMaxMs: number;
}

/** A node with the default limits, and users who chat there. */
export class Stand {
  readonly node: NodeProcess;
  readonly #others: Bystanders;

  private constructor(node: NodeProcess, others: Bystanders) {
    this.node = node;
    this.#others = others;
  }

  static async start({ id, folder, profileFolder }: StandOptions): Promise<Stand> {
    const settings = [
      ...['--config', join(root, 'config/default.json'), '--log-level', 'error'],
      // As by default, but for the time-out that would make the run last minutes.
      ...['--session-stalled-ms', '5000'],
    ];
    const runtimeFlags =
      profileFolder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', join(profileFolder, id)];
    const node = await NodeProcess.prepare({ id, folder: join(folder, id), settings, runtimeFlags });
    await node.process.start();
    return new Stand(node, await Bystanders.connect(node.httpUrl));
  }

  get pid(): number {
    return this.node.process.pid ?? 0;
  }

  async observe(goesOn: () => boolean): Promise<Observed> {
    const watch = new ProcessWatch(this.pid);
    try {
      await this.#loopStopMaxMs(); // begins anew with each reading
      const others = await this.#others.chat(goesOn);
      return { others, ...watch.usage(), loopStopMaxMs: await this.#loopStopMaxMs() };
    } finally {
      watch.end();
    }
  }

  async stop(): Promise<void> {
    this.#others.close();
    await this.node.process.stop();
  }

  async #loopStopMaxMs(): Promise<number> {
    return hundredths((await this.node.metric('nodejs_eventloop_lag_max_seconds')) * 1_000);
  }
}
