import type { Cell, CellRange } from '../../src/row/cell.ts';
import type { OutboxPage, RowImage, RowSlice } from '../../src/row/row-store.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import type { RowTable } from '../../src/store/row-table.ts';

/**
 * C6: the table as it really is, with an own account of every write. Each row is one line of versions: a version
 * number is written once, one after the other, and each write stands on the very bytes that it said it had read.
 */
export class RecordedTable implements RowTable {
  commits = 0;
  readonly #table: RowTable;
  readonly #violation: (what: string) => void;
  readonly #heads = new Map<string, RowVersion>();

  constructor(table: RowTable, violation: (what: string) => void) {
    this.#table = table;
    this.#violation = violation;
  }

  read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> {
    return this.#table.read(entityId, ranges, deadline);
  }

  versions(entityIds: readonly string[], deadline: number): Promise<readonly (RowVersion | undefined)[]> {
    return this.#table.versions(entityIds, deadline);
  }

  scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage> {
    return this.#table.scanOutbox(slice, after, limit, deadline);
  }

  async compareAndPut(
    entityId: string,
    base: RowVersion | undefined,
    next: RowVersion,
    cells: readonly Cell[],
    deadline: number,
  ): Promise<boolean> {
    const isApplied = await this.#table.compareAndPut(entityId, base, next, cells, deadline);
    if (!isApplied) return false;
    this.commits++;
    const head = this.#heads.get(entityId);
    const stoodOn = base?.bytes.toString('hex');
    if (next.number !== (head?.number ?? 0) + 1 || stoodOn !== head?.bytes.toString('hex')) {
      this.#violation(
        `C6: row ${entityId} forks: version ${next.number} written on ${String(base?.number)}, ` +
          `the row was at ${String(head?.number)}`,
      );
    }
    this.#heads.set(entityId, next);
    return true;
  }

  close(): Promise<void> {
    return this.#table.close();
  }
}
