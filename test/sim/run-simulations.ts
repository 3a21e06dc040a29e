// A thread that runs simulations, one after the other, as SimThread asks for them.
import { parentPort } from 'node:worker_threads';
import type { SimAnswer, SimOrder } from './sim-thread.ts';
import { Simulation } from './simulation.ts';

/** Between two words about how far a run is. They take a turn of the event loop, as they are to show that there are any. */
const tellEveryMs = 1_000;
/** Most errors are expected ones, and making their stacks takes time; who repeats a run with its trace has them. */
const tracedFrames = 10;

function answer(message: SimAnswer): void {
  parentPort?.postMessage(message);
}

async function run({ seed, steps, isTraced }: SimOrder): Promise<void> {
  Error.stackTraceLimit = isTraced ? tracedFrames : 0;
  const trace = isTraced ? { trace: (line: string) => answer({ kind: 'trace', line }) } : {};
  const simulation = new Simulation({ seed, steps, ...trace });
  const telling = setInterval(() => {
    answer({ kind: 'at', virtualMs: simulation.virtualMs });
  }, tellEveryMs);
  const report = await simulation.run();
  clearInterval(telling);
  answer({ kind: 'over', report });
}

parentPort?.on('message', (order: SimOrder) => void run(order));
