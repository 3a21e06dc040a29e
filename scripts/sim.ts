// Runs the simulator: whole clusters on simulated time, network, store and chance, one from each seed.
import { parseArgs } from 'node:util';
import { SimThread } from '../test/sim/sim-thread.ts';
import { ordinarySteps, type SimulationReport } from '../test/sim/simulation.ts';

const usage = `npm run sim -- --seed S [--trace] [--steps K]      one run
npm run sim -- --seeds N [--seed S] [--steps K]    N runs, from seed S on (1)

  --steps <K>     operations of clients in a run (${ordinarySteps})
  --trace         the schedule, line by line
  --first         end at the first violation

Prints one JSON object as its last line. Exit code 0: clean, 1: violations, 2: wrong usage.`;

const progressMs = 10_000;

interface Plan {
  readonly first: number;
  readonly seeds: number;
  readonly steps: number;
  readonly isTraced: boolean;
  readonly endsAtFirst: boolean;
}

class UsageError extends Error {}

function count(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--${name}: a whole number is expected, not ${text}`);
}

function parse(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      steps: { type: 'string', default: String(ordinarySteps) },
      trace: { type: 'boolean', default: false },
      first: { type: 'boolean', default: false },
    },
  });
  return {
    first: count('seed', values.seed),
    seeds: count('seeds', values.seeds),
    steps: count('steps', values.steps),
    isTraced: values.trace,
    endsAtFirst: values.first,
  };
}

function tell({ seed, violations }: SimulationReport, steps: number): void {
  const command = `npm run sim -- --seed ${seed}${steps === ordinarySteps ? '' : ` --steps ${steps}`}`;
  console.log(`seed ${seed}: ${violations.length} violations; again: ${command} --trace`);
  for (const violation of violations.slice(0, 5)) console.log(`  ${violation}`);
}

/** Says how far it is, now and then. */
class Progress {
  readonly #startedMs = performance.now();
  #saidMs = this.#startedMs;

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }

  tell(done: number, seeds: number, failed: number): void {
    if (performance.now() - this.#saidMs < progressMs) return;
    this.#saidMs = performance.now();
    const rate = (done / this.seconds).toFixed(1);
    console.error(`${done} of ${seeds} seeds, ${failed} with violations, ${rate} a second`);
  }
}

async function main(plan: Plan): Promise<number> {
  const { first, seeds, steps, isTraced, endsAtFirst } = plan;
  const thread = new SimThread();
  const progress = new Progress();
  const failed: number[] = [];
  let done = 0;
  let withRingChanges = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const trace = isTraced ? { trace: (line: string) => console.log(line) } : {};
    const report = await thread.run({ seed, steps, ...trace });
    const { summary } = report;
    done++;
    if (summary !== undefined && summary.ringChanges > 0) withRingChanges++;
    progress.tell(done, seeds, failed.length);
    if ((isTraced || seeds === 1) && summary !== undefined) console.log(JSON.stringify(summary));
    if (report.violations.length === 0) continue;
    failed.push(seed);
    tell(report, steps);
    if (endsAtFirst) break;
  }
  await thread.close();
  const seedsPerSecond = Number((done / progress.seconds).toFixed(2));
  console.log(JSON.stringify({ seeds: done, violations: failed.length, seedsPerSecond, withRingChanges }));
  return failed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(parse(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UsageError) && !(error instanceof TypeError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
