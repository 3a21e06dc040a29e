import type { Cell } from '../../src/row/cell.ts';
import { StoreError, type StoreErrorCode } from '../../src/row/row-store.ts';
import { sameVersion, type RowVersion } from '../../src/row/row-version.ts';
import type { RowTable } from '../../src/store/row-table.ts';
import { DetouredTable } from '../support/detoured-table.ts';
import type { SimProcess } from './sim-process.ts';

/** How one call to the store goes: how long each way takes, and what is done to it. Times in ms. */
export interface CallWeather {
  readonly thereMs: number;
  readonly backMs: number;
  /**
   * `refused`: comes back at once, not carried out. `lost`: never arrives. `reply_lost`: is carried out, and nobody
   * hears of it. `late`: gets there, but its caller is told at once that the connection is gone. `gone`: is told so, and
   * it never arrives.
   */
  readonly fault?: 'refused' | 'lost' | 'reply_lost' | 'late' | 'gone';
}

/** The weather between a process and the store. */
export interface StoreWeather {
  /** Of the next call. */
  readonly store: () => CallWeather;
  /** A commit is `gone` until somebody else has written the row. */
  readonly isDoubtful: boolean;
}

/** A client of a store gives up on a connection that does not answer for so long. */
const silenceMaxMs = 900;

/**
 * One process's way to the table that all share. What was sent lands, whatever becomes of its sender; what comes
 * back waits while the process is paused, and past the deadline nobody takes it.
 */
export class SimTable extends DetouredTable {
  readonly #table: RowTable;
  readonly #process: SimProcess;
  readonly #weather: StoreWeather;

  constructor(table: RowTable, process: SimProcess, weather: StoreWeather) {
    super(table);
    this.#table = table;
    this.#process = process;
    this.#weather = weather;
  }

  override async compareAndPut(
    entityId: string,
    base: RowVersion | undefined,
    next: RowVersion,
    cells: readonly Cell[],
    deadline: number,
  ): Promise<boolean> {
    if (this.#weather.isDoubtful) {
      const [now] = await this.#table.versions([entityId], Infinity);
      const never = (): Promise<boolean> => Promise.resolve(false);
      if (sameVersion(now, base))
        return this.#go({ ...this.#weather.store(), fault: 'gone' }, deadline, 'unknown_fate', never);
    }
    return super.compareAndPut(entityId, base, next, cells, deadline);
  }

  protected override call<T>(
    deadline: number,
    inDoubt: StoreErrorCode,
    carryOut: () => Promise<T>,
  ): Promise<T> {
    return this.#go(this.#weather.store(), deadline, inDoubt, carryOut);
  }

  #go<T>(
    { thereMs, backMs, fault }: CallWeather,
    deadline: number,
    inDoubt: StoreErrorCode,
    carryOut: () => Promise<T>,
  ): Promise<T> {
    const { time, world } = this.#process;
    return new Promise((resolve, reject) => {
      const leftMs = deadline - time.monotonicMs();
      if (leftMs <= 0) {
        reject(new StoreError('unavailable', 'the deadline has passed'));
        return;
      }
      const fail = (code: StoreErrorCode, what: string): void => {
        reject(new StoreError(code, `injected: ${what}`));
      };
      const cancelTimeout = time.after(Math.min(leftMs, silenceMaxMs), () => {
        fail(inDoubt, 'no answer in time');
      });
      const back = (answer: () => void): void => {
        world.after(backMs, () => {
          this.#process.enter(() => {
            cancelTimeout();
            answer();
          });
        });
      };
      if (fault === 'refused') back(() => fail('unavailable', 'refused'));
      if (fault === 'late' || fault === 'gone') back(() => fail(inDoubt, 'the connection is gone'));
      if (fault === 'refused' || fault === 'lost' || fault === 'gone') return;
      world.after(thereMs, () => {
        carryOut().then(
          (result) => {
            if (fault === undefined) back(() => resolve(result));
          },
          (error: unknown) => back(() => reject(error instanceof Error ? error : new Error(String(error)))),
        );
      });
    });
  }
}
