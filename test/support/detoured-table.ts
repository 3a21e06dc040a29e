import type { Cell, CellRange } from '../../src/row/cell.ts';
import type { OutboxPage, RowImage, RowSlice, StoreErrorCode } from '../../src/row/row-store.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import type { RowTable } from '../../src/store/row-table.ts';

const never = Number.POSITIVE_INFINITY;

/** A table that several share, each on a way of its own, which decides when a call gets there and whether its answer comes back. */
export abstract class DetouredTable implements RowTable {
  readonly #table: RowTable;

  constructor(table: RowTable) {
    this.#table = table;
  }

  /**
   * Rejects with StoreError.
   * @param inDoubt the code of an error when the call may have been carried out
   * @param carryOut asks the shared table, without a deadline
   */
  protected abstract call<T>(
    deadline: number,
    inDoubt: StoreErrorCode,
    carryOut: () => Promise<T>,
  ): Promise<T>;

  read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> {
    return this.call(deadline, 'unavailable', () => this.#table.read(entityId, ranges, never));
  }

  versions(entityIds: readonly string[], deadline: number): Promise<readonly (RowVersion | undefined)[]> {
    return this.call(deadline, 'unavailable', () => this.#table.versions(entityIds, never));
  }

  scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage> {
    return this.call(deadline, 'unavailable', () => this.#table.scanOutbox(slice, after, limit, never));
  }

  compareAndPut(
    entityId: string,
    base: RowVersion | undefined,
    next: RowVersion,
    cells: readonly Cell[],
    deadline: number,
  ): Promise<boolean> {
    return this.call(deadline, 'unknown_fate', () =>
      this.#table.compareAndPut(entityId, base, next, cells, never),
    );
  }

  /** Ends this way; the table is shared. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
