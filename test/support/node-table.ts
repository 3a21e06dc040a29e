import { StoreError, type StoreErrorCode } from '../../src/row/row-store.ts';
import type { Time } from '../../src/std/time.ts';
import type { RowTable } from '../../src/store/row-table.ts';
import { DetouredTable } from './detoured-table.ts';

/** On the way there and on the way back: a question asked in time may be answered with what was true long ago. */
export interface WayMs {
  readonly thereMs: number;
  readonly backMs: number;
}

/**
 * A table that one node shares with others in virtual time: each call takes its time on the node's clock, and
 * deadlines are by that clock too. What comes back too late is an error, whatever became of it.
 */
export class NodeTable extends DetouredTable {
  readonly #time: Time;
  readonly #way: () => WayMs | undefined;

  constructor(table: RowTable, time: Time, way: () => WayMs | undefined) {
    super(table);
    this.#time = time;
    this.#way = way;
  }

  protected override async call<T>(
    deadline: number,
    inDoubt: StoreErrorCode,
    carryOut: () => Promise<T>,
  ): Promise<T> {
    if (this.#time.monotonicMs() >= deadline) throw new StoreError('unavailable', 'the deadline has passed');
    const way = this.#way();
    if (way !== undefined) await this.#pause(way.thereMs);
    const result = await carryOut();
    if (way !== undefined) await this.#pause(way.backMs);
    if (this.#time.monotonicMs() >= deadline) throw new StoreError(inDoubt, 'the answer came too late');
    return result;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#time.after(delayMs, resolve);
    });
  }
}
