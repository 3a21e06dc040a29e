import { join } from 'node:path';
import { NodeProcess } from '../../cluster/mailring/node-process.ts';
import { Bystanders } from './bystanders.ts';
import type { Seen } from './bystanders.ts';
import { hundredths, ProcessWatch } from './process-watch.ts';
import type { Usage } from './process-watch.ts';

const root = join(import.meta.dirname, '../..');
/** The timer with which the node's metrics measure how late its event loop is. */
const lagTimerMs = 10;

export interface StandOptions {
  readonly id: string;
  readonly folder: string;
  /** Writes what its processor time went to there when it ends. */
  readonly profileFolder?: string | undefined;
}

/** How users of a node fared for a while, and what the node did meanwhile. */
export interface Observed extends Usage {
  readonly others: Seen;
  /** By how much a timer of 10 ms that the node's event loop has all the time was late, ms. */
  readonly loopLate: { readonly p99Ms: number; readonly maxMs: number };
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
      await this.#loopLate(); // begins anew with each reading
      const others = await this.#others.chat(goesOn);
      return { others, ...watch.usage(), loopLate: await this.#loopLate() };
    } finally {
      watch.end();
    }
  }

  async stop(): Promise<void> {
    this.#others.close();
    await this.node.process.stop();
  }

  async #loopLate(): Promise<Observed['loopLate']> {
    const seconds = await this.node.metrics(
      ['p99', 'max'].map((what) => `nodejs_eventloop_lag_${what}_seconds`),
    );
    const [p99Ms = 0, maxMs = 0] = seconds.map((late) => hundredths(Math.max(0, late * 1_000 - lagTimerMs)));
    return { p99Ms, maxMs };
  }
}
