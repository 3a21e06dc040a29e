import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SimulationOptions, SimulationReport } from './simulation.ts';

/** What the thread is to run. */
export interface SimOrder {
  readonly seed: number;
  readonly steps: number;
  readonly isTraced: boolean;
}

/** What the thread says. `at`: how far the run is on its own clock. */
export type SimAnswer =
  | { readonly kind: 'trace'; readonly line: string }
  | { readonly kind: 'at'; readonly virtualMs: number }
  | { readonly kind: 'over'; readonly report: SimulationReport };

/** So many looks in a row at a run whose clock has not moved: it never will. Looks, as this process may be stopped too. */
const looksMax = 60;
const lookEveryMs = 1_000;

/**
 * Runs simulations in a thread of its own, so that one that never comes back is noticed: promises that set each other off
 * without a turn of the event loop, or events without an end at one time. It is ended, which counts as a violation.
 */
export class SimThread {
  #worker: Worker | undefined;

  /** One at a time. Rejects with what a run throws where nobody catches it. */
  async run({ seed, steps, trace }: SimulationOptions): Promise<SimulationReport> {
    const worker = (this.#worker ??= new Worker(join(import.meta.dirname, 'run-simulations.ts')));
    const { promise, resolve, reject } = Promise.withResolvers<SimulationReport>();
    let virtualMs = 0;
    let looks = 0;
    const looking = setInterval(() => {
      if (++looks < looksMax) return;
      const what = `C10: it stands still at ${virtualMs.toFixed(2)} ms or soon after`;
      resolve(this.close().then(() => ({ seed, violations: [what] })));
    }, lookEveryMs);
    const failed = (error: unknown): void => {
      this.#worker = undefined;
      reject(error);
    };
    const told = (answer: SimAnswer): void => {
      if (answer.kind === 'trace') trace?.(answer.line);
      else if (answer.kind === 'over') resolve(answer.report);
      else if (answer.virtualMs > virtualMs) {
        virtualMs = answer.virtualMs;
        looks = 0;
      }
    };
    worker.on('error', failed);
    worker.on('message', told);
    try {
      worker.postMessage({ seed, steps, isTraced: trace !== undefined } satisfies SimOrder);
      return await promise;
    } finally {
      clearInterval(looking);
      worker.off('error', failed);
      worker.off('message', told);
    }
  }

  /** Ends the thread, whatever it does. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}
