import type { Cell, CellRange } from '../../src/row/cell.ts';
import { StoreError } from '../../src/row/row-store.ts';
import type { OutboxPage, RowImage, RowSlice } from '../../src/row/row-store.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import type { Time } from '../../src/std/time.ts';
import type { RowTable } from '../../src/store/row-table.ts';

/** On the way there and on the way back: a question asked in time may be answered with what was true long ago. */
export interface WayMs {
  readonly thereMs: number;
  readonly backMs: number;
}

const never = Number.POSITIVE_INFINITY;

/**
 * A table that one node shares with others in virtual time: each call takes its time on the node's clock, and
 * deadlines are by that clock too. What comes back too late is an error, whatever became of it.
 */
export class NodeTable implements RowTable {
  readonly #table: RowTable;
  readonly #time: Time;
  readonly #way: () => WayMs | undefined;

  constructor(table: RowTable, time: Time, way: () => WayMs | undefined) {
    this.#table = table;
    this.#time = time;
    this.#way = way;
  }

  read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> {
    return this.#call(deadline, 'unavailable', () => this.#table.read(entityId, ranges, never));
  }

  versions(entityIds: readonly string[], deadline: number): Promise<readonly (RowVersion | undefined)[]> {
    return this.#call(deadline, 'unavailable', () => this.#table.versions(entityIds, never));
  }

  scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage> {
    return this.#call(deadline, 'unavailable', () => this.#table.scanOutbox(slice, after, limit, never));
  }

  compareAndPut(
    entityId: string,
    base: RowVersion | undefined,
    next: RowVersion,
    cells: readonly Cell[],
    deadline: number,
  ): Promise<boolean> {
    return this.#call(deadline, 'unknown_fate', () =>
      this.#table.compareAndPut(entityId, base, next, cells, never),
    );
  }

  close(): Promise<void> {
    return this.#table.close();
  }

  async #call<T>(
    deadline: number,
    late: 'unavailable' | 'unknown_fate',
    carryOut: () => Promise<T>,
  ): Promise<T> {
    if (this.#time.monotonicMs() >= deadline) throw new StoreError('unavailable', 'the deadline has passed');
    const way = this.#way();
    if (way !== undefined) await this.#pause(way.thereMs);
    const result = await carryOut();
    if (way !== undefined) await this.#pause(way.backMs);
    if (this.#time.monotonicMs() >= deadline) throw new StoreError(late, 'the answer came too late');
    return result;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#time.after(delayMs, resolve);
    });
  }
}
