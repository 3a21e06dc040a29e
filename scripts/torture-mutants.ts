// Plants bugs one at a time in a copy of the sources and shows that the torture finds each of them.
import { runMutantHunt } from './mutation/mutant-hunt.ts';
import { MutantError } from './mutation/scratch-copy.ts';
import { mutants } from './torture-mutants/mutants.ts';

const usage = `npm run torture:mutants -- [--minutes N] [--seed S] [--only <part of a name>]

  --minutes <N>   of clients and faults in which a bug has to be found (10)
  --seed <S>      of the torture (1)

Prints one JSON object as its last line. Exit code 0: all found, 1: not all, or a run broke off, 2: wrong usage.`;

/** Short, so that a bug that shows early is known early; long enough for a pause in which others take over. */
const episodeSeconds = '60';

process.exitCode = await runMutantHunt({
  ...{ usage, mutants, parts: ['src', 'cluster', 'scripts', 'config', 'package.json'] },
  defaults: { minutes: '10', seed: '1' },
  hunt: async (copy, { options = [] }, { minutes = '', seed = '' }) => {
    const startMs = performance.now();
    const length = ['--minutes', minutes, '--episode', episodeSeconds, '--first'];
    const run = [...length, '--seed', seed, ...options];
    const lines = await copy.run('scripts/torture.ts', run);
    const result = /^\{"faults":.*"violations":(\d+)\}$/.exec(lines.at(-1) ?? '');
    // Nodes are processes: what breaks the torture itself is its own fault, and no bug found.
    if (result === null) throw new MutantError(`the run broke off: ${lines.slice(-8).join('\n')}`);
    const violations = lines.filter((line) => line.startsWith('VIOLATION'));
    // A machine that is too busy makes a cluster ill as well.
    const violation = violations.find((line) => !line.startsWith('VIOLATION recovery'));
    if (violation === undefined && result[1] !== '0')
      throw new MutantError(`the run ended with nothing but: ${violations.join('\n')}`);
    return { effort: `${Math.round((performance.now() - startMs) / 1_000)} s`, violation };
  },
});
