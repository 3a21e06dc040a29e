/**
 * Column families of a row: `h` head (profile, conversation index), `m` messages, `d` dedup (cells expire
 * after 26 h), `o` outbox, `l` change log.
 */
export type Family = 'h' | 'm' | 'd' | 'o' | 'l';

export const families: readonly Family[] = ['h', 'm', 'd', 'o', 'l'];

/** Cells of family `d` need not be kept longer than this after they were written. */
export const dedupTimeToLiveMs = 26 * 3_600_000;

/**
 * One cell. An empty value clears the cell: nothing is ever deleted (a store that stamps deletes with a
 * server's clock could let one hide a later write), and reads never return empty cells.
 */
export interface Cell {
  readonly family: Family;
  readonly qualifier: Buffer;
  readonly value: Buffer;
}

/** Cells of one family whose qualifier is in [from, to), in ascending byte order of the qualifier. */
export interface CellRange {
  readonly family: Family;
  /** Inclusive; empty for the beginning of the family. */
  readonly from: Buffer;
  /** Exclusive; undefined for the end of the family. */
  readonly to: Buffer | undefined;
  /** At most this many cells (≥ 1). */
  readonly limit: number;
  /** Cells to pass over first; 0 by default. */
  readonly offset?: number;
}
