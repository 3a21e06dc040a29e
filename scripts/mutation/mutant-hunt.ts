import { parseArgs } from 'node:util';
import type { Mutant } from './mutant.ts';
import { MutantError, ScratchCopy } from './scratch-copy.ts';

/** Values of the options, by their names. */
type Options = Readonly<Record<string, string>>;

/** How one kind of test goes about finding bugs that are planted. */
export interface MutantHunt<Planted extends Mutant> {
  readonly usage: string;
  readonly mutants: readonly Planted[];
  /** Files and folders of the project that the test needs, by their paths in it. */
  readonly parts: readonly string[];
  /** Names of the options and what they are when they are not given. */
  readonly defaults: Options;
  /**
   * Runs the test on the copy in which that bug is planted.
   * @returns `effort`: until it was found or given up, as text; `violation`: undefined: not found.
   */
  readonly hunt: (
    copy: ScratchCopy,
    mutant: Planted,
    options: Options,
  ) => Promise<{ readonly effort: string; readonly violation: string | undefined }>;
}

async function huntAll<Planted extends Mutant>(
  { mutants, parts, hunt }: MutantHunt<Planted>,
  options: Options,
): Promise<number> {
  const { only = '' } = options;
  const chosen = mutants.filter(({ name }) => name.includes(only));
  const copy = await ScratchCopy.make(parts);
  try {
    let found = 0;
    for (const mutant of chosen) {
      const takeOut = await copy.plant(mutant);
      const { effort, violation } = await hunt(copy, mutant, options);
      await takeOut();
      if (violation !== undefined) found++;
      console.log(`${mutant.name} | ${effort} | ${violation?.slice(0, 200) ?? 'NOT FOUND'}`);
    }
    console.log(JSON.stringify({ mutants: chosen.length, found }));
    return found === chosen.length && found > 0 ? 0 : 1;
  } finally {
    await copy.remove();
  }
}

/**
 * The command: plants the bugs one at a time in a copy of the sources, `--only` some of them, and tells in the last line
 * `{mutants, found}`.
 * @returns exit code; 0: all found, 1: not all, or a test broke off, 2: wrong usage
 */
export async function runMutantHunt<Planted extends Mutant>(hunt: MutantHunt<Planted>): Promise<number> {
  const defaults: Options = { ...hunt.defaults, only: '' };
  try {
    const options = Object.fromEntries(
      Object.entries(defaults).map(([name, value]) => [name, { type: 'string' as const, default: value }]),
    );
    const values: Options = { ...parseArgs({ options }).values };
    return await huntAll(hunt, values);
  } catch (error) {
    if (!(error instanceof MutantError) && !(error instanceof TypeError)) throw error;
    console.error(error instanceof MutantError ? error.message : `${error.message}\n\n${hunt.usage}`);
    return error instanceof MutantError ? 1 : 2;
  }
}
