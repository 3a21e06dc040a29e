import type { Cell } from './cell.ts';
import type { RowVersion } from './row-version.ts';

/**
 * What a node has of a row in memory, in the form in which the row is stored: it can be given to another node, and what
 * later commits write is put on top of it.
 */
export interface RowSnapshot {
  readonly cells: readonly Cell[];
  /** Which parts of the row are complete in here, as the kind of entity notes it: what MessagePack holds. */
  readonly marks: unknown;
}

/** A row as another node had it in memory at a version. What the store has may be newer. */
export interface RowCopy extends RowSnapshot {
  readonly version: RowVersion;
}
