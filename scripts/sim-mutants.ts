// Plants bugs one at a time in a copy of the sources and shows that the simulator finds each of them.
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mutants, type Mutant } from './sim-mutants/mutants.ts';

const root = join(import.meta.dirname, '..');
const copied = ['src', 'test', 'scripts', 'package.json'];
const usage = `npm run sim:mutants -- [--seeds N] [--steps K] [--only <part of a name>]

  --seeds <N>   in how many runs a bug has to be found (300)
  --steps <K>   operations of clients in a run (100)

Prints one JSON object as its last line. Exit code 0: all found, 1: not all, 2: wrong usage.`;

interface Finding {
  readonly seeds: number;
  /** The first violation, or how the run ended; undefined: not found. */
  readonly violation: string | undefined;
}

class MutantError extends Error {}

/** @throws MutantError where a text to replace is not there exactly once */
async function plant({ name, edits }: Mutant, copy: string): Promise<() => Promise<void>> {
  const originals = new Map<string, string>();
  const texts = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const original = originals.get(file) ?? (await readFile(join(copy, file), 'utf8'));
    originals.set(file, original);
    const parts = (texts.get(file) ?? original).split(find);
    if (parts.length !== 2) {
      throw new MutantError(`"${name}" no longer applies: ${file} has ${parts.length - 1} times: ${find}`);
    }
    texts.set(file, parts.join(replace));
  }
  for (const [file, text] of texts) await writeFile(join(copy, file), text);
  return async () => {
    for (const [file, text] of originals) await writeFile(join(copy, file), text);
  };
}

function output(copy: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(copy, 'scripts/sim.ts'), ...args], { cwd: copy });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', () => {
      resolve(Buffer.concat(chunks).toString());
    });
  });
}

async function hunt(copy: string, seeds: string, steps: string): Promise<Finding> {
  const lines = (await output(copy, ['--seeds', seeds, '--steps', steps, '--first'])).trim().split('\n');
  const result = /^\{"seeds":(\d+),"violations":(\d+),/.exec(lines.at(-1) ?? '');
  if (result === null) return { seeds: 1, violation: `the run broke: ${lines.slice(-8).join(' ')}` };
  if (result[2] === '0') return { seeds: Number(result[1]), violation: undefined };
  const violation = lines.find((line) => line.startsWith('  '))?.trim() ?? '';
  return { seeds: Number(result[1]), violation };
}

async function main(seeds: string, steps: string, only: string): Promise<number> {
  const chosen = mutants.filter(({ name }) => name.includes(only));
  const copy = await mkdtemp(join(tmpdir(), 'sim-mutants-'));
  try {
    for (const part of copied) await cp(join(root, part), join(copy, part), { recursive: true });
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
    let found = 0;
    for (const mutant of chosen) {
      const takeOut = await plant(mutant, copy);
      const { seeds: taken, violation } = await hunt(copy, seeds, steps);
      await takeOut();
      if (violation !== undefined) found++;
      const outcome = violation === undefined ? 'NOT FOUND' : violation.slice(0, 160);
      console.log(`${mutant.name} | ${taken} | ${outcome}`);
    }
    console.log(JSON.stringify({ mutants: chosen.length, found }));
    return found === chosen.length ? 0 : 1;
  } finally {
    await rm(copy, { recursive: true, force: true });
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
