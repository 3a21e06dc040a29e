import type { CellRange } from './cell.ts';

/** Cells that are not in memory: load them and step again. */
export interface Need {
  readonly kind: 'need';
  readonly ranges: readonly CellRange[];
}

/** What a pure step or query comes to. It cannot wait; it says what it needs. */
export type Step<Result> = { readonly kind: 'done'; readonly result: Result } | Need;

export function done<Result>(result: Result): Step<Result> {
  return { kind: 'done', result };
}

export function need(...ranges: readonly CellRange[]): Need {
  return { kind: 'need', ranges };
}
