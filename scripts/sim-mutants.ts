// Plants bugs one at a time in a copy of the sources and shows that the simulator finds each of them.
import { parseArgs } from 'node:util';
import { MutantError, ScratchCopy } from './mutation/scratch-copy.ts';
import { mutants } from './sim-mutants/mutants.ts';

const usage = `npm run sim:mutants -- [--seeds N] [--steps K] [--only <part of a name>]

  --seeds <N>   in how many runs a bug has to be found (300)
  --steps <K>   operations of clients in a run (100)

Prints one JSON object as its last line. Exit code 0: all found, 1: not all, 2: wrong usage.`;

interface Finding {
  readonly seeds: number;
  /** The first violation, or how the run ended; undefined: not found. */
  readonly violation: string | undefined;
}

async function hunt(copy: ScratchCopy, seeds: string, steps: string): Promise<Finding> {
  const lines = await copy.run('scripts/sim.ts', ['--seeds', seeds, '--steps', steps, '--first']);
  const result = /^\{"seeds":(\d+),"violations":(\d+),/.exec(lines.at(-1) ?? '');
  if (result === null) return { seeds: 1, violation: `the run broke: ${lines.slice(-8).join(' ')}` };
  if (result[2] === '0') return { seeds: Number(result[1]), violation: undefined };
  const violation = lines.find((line) => line.startsWith('  '))?.trim() ?? '';
  return { seeds: Number(result[1]), violation };
}

async function main(seeds: string, steps: string, only: string): Promise<number> {
  const chosen = mutants.filter(({ name }) => name.includes(only));
  const copy = await ScratchCopy.make(['src', 'test', 'scripts', 'package.json']);
  try {
    let found = 0;
    for (const mutant of chosen) {
      const takeOut = await copy.plant(mutant);
      const { seeds: taken, violation } = await hunt(copy, seeds, steps);
      await takeOut();
      if (violation !== undefined) found++;
      const outcome = violation === undefined ? 'NOT FOUND' : violation.slice(0, 160);
      console.log(`${mutant.name} | ${taken} | ${outcome}`);
    }
    console.log(JSON.stringify({ mutants: chosen.length, found }));
    return found === chosen.length ? 0 : 1;
  } finally {
    await copy.remove();
  }
}

try {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '300' },
      steps: { type: 'string', default: '100' },
      only: { type: 'string', default: '' },
    },
  });
  process.exitCode = await main(values.seeds, values.steps, values.only);
} catch (error) {
  if (!(error instanceof MutantError) && !(error instanceof TypeError)) throw error;
  console.error(error instanceof MutantError ? error.message : `${error.message}\n\n${usage}`);
  process.exitCode = error instanceof MutantError ? 1 : 2;
}
