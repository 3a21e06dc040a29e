import type { Cell, CellRange } from '../row/cell.ts';
import type { OutboxPage, RowImage, RowSlice } from '../row/row-store.ts';
import type { RowVersion } from '../row/row-version.ts';

/**
 * What a backend has to be able to do; VersionedStore makes the RowStore of it, the same way for each.
 * Deadlines are absolute monotonic milliseconds. Methods reject with StoreError.
 */
export interface RowTable {
  read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage>;
  /**
   * One attempt: if the row's version is exactly `base` (undefined: no row), writes `next` and all cells,
   * atomically and durably, and resolves `true`; `false` if it is another one.
   * Rejects with `unknown_fate` where it can't tell, and never sends the attempt twice by itself.
   */
  compareAndPut(
    entityId: string,
    base: RowVersion | undefined,
    next: RowVersion,
    cells: readonly Cell[],
    deadline: number,
  ): Promise<boolean>;
  /** As RowStore's; without it, at any time. */
  ready?(): Promise<void> | undefined;
  versions(entityIds: readonly string[], deadline: number): Promise<readonly (RowVersion | undefined)[]>;
  scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage>;
  close(): Promise<void>;
}
