import { dedupTimeToLiveMs } from '../row/cell.ts';
import type { Cell, CellRange, Family } from '../row/cell.ts';
import { rowHash, rowKey } from '../row/row-key.ts';
import { StoreError } from '../row/row-store.ts';
import type { OutboxPage, RowImage, RowSlice } from '../row/row-store.ts';
import { sameVersion } from '../row/row-version.ts';
import type { RowVersion } from '../row/row-version.ts';
import type { Time } from '../std/time.ts';
import { refuseVersionCell } from './cell-rules.ts';
import type { RowTable } from './row-table.ts';

/** For unit tests and the simulator only: it forgets everything with the process. Applies each call at once. */
export class MemoryTable implements RowTable {
  readonly #time: Time;
  readonly #rows = new Map<string, MemoryRow>();
  #closed = false;

  constructor(time: Time) {
    this.#time = time;
  }

  async read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> {
    this.#admit(deadline);
    const row = this.#rows.get(entityId);
    const wallMs = this.#time.wallMs();
    return {
      version: row?.version,
      ranges: ranges.map((range) => row?.families.get(range.family)?.within(range, wallMs) ?? []),
    };
  }

  async compareAndPut(
    entityId: string,
    base: RowVersion | undefined,
    next: RowVersion,
    cells: readonly Cell[],
    deadline: number,
  ): Promise<boolean> {
    this.#admit(deadline);
    refuseVersionCell(cells);
    refuseRepeatedCell(cells);
    const row = this.#rows.get(entityId);
    if (!sameVersion(row?.version, base)) return false;
    const families = row?.families ?? new Map<Family, SortedCells>();
    for (const cell of cells) {
      const sorted = families.get(cell.family) ?? new SortedCells(cell.family);
      families.set(cell.family, sorted);
      sorted.put(cell, this.#time.wallMs());
    }
    this.#rows.set(entityId, { key: rowKey(entityId), version: next, families });
    return true;
  }

  async versions(
    entityIds: readonly string[],
    deadline: number,
  ): Promise<readonly (RowVersion | undefined)[]> {
    this.#admit(deadline);
    return entityIds.map((entityId) => this.#rows.get(entityId)?.version);
  }

  async scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage> {
    this.#admit(deadline);
    const afterKey = after === undefined ? undefined : rowKey(after);
    const found = [...this.#rows]
      .filter(([entityId, row]) => {
        const hash = rowHash(entityId);
        if (hash < slice.fromHash || hash >= slice.toHash) return false;
        return (row.families.get('o')?.size ?? 0) > 0 && (!afterKey || row.key.compare(afterKey) > 0);
      })
      .sort(([, a], [, b]) => a.key.compare(b.key))
      .map(([entityId]) => entityId);
    const entityIds = found.slice(0, limit);
    return { entityIds, after: found.length > limit ? entityIds.at(-1) : undefined };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #admit(deadline: number): void {
    if (this.#closed) throw new StoreError('unavailable', 'the store is closed');
    if (this.#time.monotonicMs() >= deadline) throw new StoreError('unavailable', 'the deadline has passed');
  }
}

interface MemoryRow {
  readonly key: Buffer;
  readonly version: RowVersion;
  readonly families: Map<Family, SortedCells>;
}

/** The cells of one family of one row, in the order of their qualifiers' bytes. */
class SortedCells {
  readonly #family: Family;
  /** Qualifiers as latin1, where the order of strings is the order of bytes. */
  readonly #order: string[] = [];
  readonly #cells = new Map<string, { readonly cell: Cell; readonly writtenMs: number }>();

  constructor(family: Family) {
    this.#family = family;
  }

  get size(): number {
    return this.#order.length;
  }

  put(cell: Cell, wallMs: number): void {
    const key = cell.qualifier.toString('latin1');
    const position = this.#seek(key);
    const present = this.#order[position] === key;
    if (cell.value.length === 0) {
      if (present) this.#order.splice(position, 1);
      this.#cells.delete(key);
      return;
    }
    if (!present) this.#order.splice(position, 0, key);
    const own = {
      family: cell.family,
      qualifier: Buffer.from(cell.qualifier),
      value: Buffer.from(cell.value),
    };
    this.#cells.set(key, { cell: own, writtenMs: wallMs });
  }

  within(range: CellRange, wallMs: number): readonly Cell[] {
    const to = range.to?.toString('latin1');
    const found: Cell[] = [];
    let toPass = range.offset ?? 0;
    for (let i = this.#seek(range.from.toString('latin1')); i < this.#order.length; i++) {
      const key = this.#order[i];
      if (key === undefined || (to !== undefined && key >= to) || found.length === range.limit) break;
      const entry = this.#cells.get(key);
      if (!entry || (this.#family === 'd' && entry.writtenMs + dedupTimeToLiveMs <= wallMs)) continue;
      if (toPass > 0) toPass--;
      else found.push(entry.cell);
    }
    return found;
  }

  /** The first position whose key is not below `key`. */
  #seek(key: string): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Stores differ in which of two cells at one place wins, so tests run on the one that refuses both. */
function refuseRepeatedCell(cells: readonly Cell[]): void {
  const places = new Set(cells.map((cell) => `${cell.family}:${cell.qualifier.toString('latin1')}`));
  if (places.size < cells.length) throw new StoreError('refused', 'two cells of one commit have one place');
}
