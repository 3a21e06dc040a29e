/** One text, found exactly once in its file, and what takes its place. */
interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A bug that a programmer could make. */
export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
}

/** A mutant of a single edit. */
export function mutantOf(name: string, file: string, find: string, replace: string): Mutant {
  return { name, edits: [{ file, find, replace }] };
}
