// Plants bugs one at a time in a copy of the sources and shows that the torture finds each of them.
import { parseArgs } from 'node:util';
import { MutantError, ScratchCopy } from './mutation/scratch-copy.ts';
import { mutants } from './torture-mutants/mutants.ts';

const usage = `npm run torture:mutants -- [--minutes N] [--seed S] [--only <part of a name>]

  --minutes <N>   of clients and faults in which a bug has to be found (10)
  --seed <S>      of the torture (1)

Prints one JSON object as its last line. Exit code 0: all found, 1: not all, 2: wrong usage.`;

/** Short, so that a bug that shows early is known early. */
const episodeSeconds = '30';

/** @returns the first violation, or how the run ended; undefined: not found */
async function hunt(copy: ScratchCopy, minutes: string, seed: string): Promise<string | undefined> {
  const run = ['--minutes', minutes, '--seed', seed, '--episode', episodeSeconds, '--first'];
  const lines = await copy.run('scripts/torture.ts', run);
  const result = /^\{"faults":.*"violations":(\d+)\}$/.exec(lines.at(-1) ?? '');
  if (result === null) return `the run broke: ${lines.slice(-8).join(' ')}`;
  return result[1] === '0' ? undefined : (lines.find((line) => line.startsWith('VIOLATION')) ?? '');
}

async function main(minutes: string, seed: string, only: string): Promise<number> {
  const chosen = mutants.filter(({ name }) => name.includes(only));
  const copy = await ScratchCopy.make(['src', 'cluster', 'scripts', 'config', 'package.json']);
  try {
    let found = 0;
    for (const mutant of chosen) {
      const takeOut = await copy.plant(mutant);
      const startMs = performance.now();
      const violation = await hunt(copy, minutes, seed);
      await takeOut();
      if (violation !== undefined) found++;
      const seconds = Math.round((performance.now() - startMs) / 1_000);
      console.log(`${mutant.name} | ${seconds} s | ${violation?.slice(0, 200) ?? 'NOT FOUND'}`);
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
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string', default: '' },
    },
  });
  process.exitCode = await main(values.minutes, values.seed, values.only);
} catch (error) {
  if (!(error instanceof MutantError) && !(error instanceof TypeError)) throw error;
  console.error(error instanceof MutantError ? error.message : `${error.message}\n\n${usage}`);
  process.exitCode = error instanceof MutantError ? 1 : 2;
}
