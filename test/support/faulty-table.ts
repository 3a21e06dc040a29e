import type { Cell, CellRange } from '../../src/row/cell.ts';
import { StoreError } from '../../src/row/row-store.ts';
import type { OutboxPage, RowImage, RowSlice } from '../../src/row/row-store.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import type { Time } from '../../src/std/time.ts';
import type { RowTable } from '../../src/store/row-table.ts';

export interface TableCall {
  readonly kind: 'read' | 'compareAndPut' | 'versions' | 'scanOutbox';
  /** undefined where the call is not about one row. */
  readonly entityId: string | undefined;
}

/**
 * What happens to one call:
 * - `slow`: is carried out after `delayMs`, and answered.
 * - `unavailable`: is definitely not carried out, and says so.
 * - `lost`: is never carried out; an attempt to write rejects with `unknown_fate`.
 * - `reply_lost`: is carried out; an attempt to write rejects with `unknown_fate`.
 * - `late`: an attempt to write rejects with `unknown_fate` at once and reaches the table after `delayMs`.
 * Reads that are lost or late reject with `unavailable`.
 */
export type Fault =
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'unavailable' | 'lost' | 'reply_lost' }
  | { readonly kind: 'late'; readonly delayMs: number };

/** A table behind a bad network: `faultOf` decides about each call; undefined lets it pass. */
export class FaultyTable implements RowTable {
  readonly #table: RowTable;
  readonly #time: Time;
  readonly #faultOf: (call: TableCall) => Fault | undefined;
  readonly #onTheirWay = new Set<Promise<unknown>>();

  constructor(table: RowTable, time: Time, faultOf: (call: TableCall) => Fault | undefined) {
    this.#table = table;
    this.#time = time;
    this.#faultOf = faultOf;
  }

  read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> {
    return this.#reading({ kind: 'read', entityId }, () => this.#table.read(entityId, ranges, deadline));
  }

  ready(): Promise<void> | undefined {
    return this.#table.ready?.();
  }

  versions(entityIds: readonly string[], deadline: number): Promise<readonly (RowVersion | undefined)[]> {
    const call: TableCall = { kind: 'versions', entityId: undefined };
    return this.#reading(call, () => this.#table.versions(entityIds, deadline));
  }

  scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage> {
    const call: TableCall = { kind: 'scanOutbox', entityId: undefined };
    return this.#reading(call, () => this.#table.scanOutbox(slice, after, limit, deadline));
  }

  async compareAndPut(
    entityId: string,
    base: RowVersion | undefined,
    next: RowVersion,
    cells: readonly Cell[],
    deadline: number,
  ): Promise<boolean> {
    const carryOut = (): Promise<boolean> => this.#table.compareAndPut(entityId, base, next, cells, deadline);
    const fault = this.#faultOf({ kind: 'compareAndPut', entityId });
    switch (fault?.kind) {
      case undefined:
        return carryOut();
      case 'slow':
        await this.#pause(fault.delayMs);
        return carryOut();
      case 'unavailable':
        throw new StoreError('unavailable', 'injected: unavailable');
      case 'lost':
        throw new StoreError('unknown_fate', 'injected: the attempt was lost');
      case 'reply_lost':
        await carryOut();
        throw new StoreError('unknown_fate', 'injected: the reply was lost');
      case 'late':
        this.#later(fault.delayMs, () =>
          // On its way already: the caller's deadline does not stop it.
          this.#table.compareAndPut(entityId, base, next, cells, Number.POSITIVE_INFINITY),
        );
        throw new StoreError('unknown_fate', 'injected: still on its way');
    }
  }

  /** Resolves when every late attempt has landed. */
  async settled(): Promise<void> {
    await Promise.all(this.#onTheirWay);
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#table.close();
  }

  async #reading<T>(call: TableCall, carryOut: () => Promise<T>): Promise<T> {
    const fault = this.#faultOf(call);
    if (fault === undefined) return carryOut();
    if (fault.kind !== 'slow') throw new StoreError('unavailable', `injected: ${fault.kind}`);
    await this.#pause(fault.delayMs);
    return carryOut();
  }

  #later(delayMs: number, run: () => Promise<unknown>): void {
    const landing = this.#pause(delayMs)
      .then(run)
      .finally(() => this.#onTheirWay.delete(landing));
    this.#onTheirWay.add(landing);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#time.after(delayMs, resolve);
    });
  }
}
