// Plants bugs one at a time in a copy of the sources and shows that the simulator finds each of them.
import { runMutantHunt } from './mutation/mutant-hunt.ts';
import { mutants } from './sim-mutants/mutants.ts';

const usage = `npm run sim:mutants -- [--seeds N] [--seed S] [--steps K] [--only <part of a name>]

  --seeds <N>   in how many runs a bug has to be found (1000)
  --seed <S>    of the first of them (1)
  --steps <K>   operations of clients in a run (100)

Prints one JSON object as its last line. Exit code 0: all found, 1: not all, 2: wrong usage.`;

process.exitCode = await runMutantHunt({
  ...{ usage, mutants, parts: ['src', 'test', 'scripts', 'package.json'] },
  defaults: { seeds: '1000', seed: '1', steps: '100' },
  hunt: async (copy, _mutant, { seeds = '', steps = '', seed = '' }) => {
    const run = ['--seeds', seeds, '--seed', seed, '--steps', steps, '--first'];
    const lines = await copy.run('scripts/sim.ts', run);
    const result = /^\{"seeds":(\d+),"violations":(\d+),/.exec(lines.at(-1) ?? '');
    // A bug may also throw where nothing catches it, which ends the whole run.
    if (result === null) return { effort: '1', violation: `the run broke: ${lines.slice(-8).join(' ')}` };
    const isFound = result[2] !== '0';
    const violation = isFound ? (lines.find((line) => line.startsWith('  '))?.trim() ?? '') : undefined;
    return { effort: result[1] ?? '', violation };
  },
});
