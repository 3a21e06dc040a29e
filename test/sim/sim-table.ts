import { StoreError, type StoreErrorCode } from '../../src/row/row-store.ts';
import type { RowTable } from '../../src/store/row-table.ts';
import { DetouredTable } from '../support/detoured-table.ts';
import type { SimProcess } from './sim-process.ts';

/** How one call to the store goes: how long each way takes, and what is done to it. Times in ms. */
export interface CallWeather {
  readonly thereMs: number;
  readonly backMs: number;
  /**
   * `refused`: comes back at once, not carried out. `lost`: never arrives. `reply_lost`: is carried out, and nobody
   * hears of it. `late`: gets there, but its caller is told at once that the connection is gone.
   */
  readonly fault?: 'refused' | 'lost' | 'reply_lost' | 'late';
}

/** A client of a store gives up on a connection that does not answer for so long. */
const silenceMaxMs = 900;

/**
 * One process's way to the table that all share. What was sent lands, whatever becomes of its sender; what comes
 * back waits while the process is paused, and past the deadline nobody takes it.
 */
export class SimTable extends DetouredTable {
  readonly #process: SimProcess;
  readonly #weather: () => CallWeather;

  constructor(table: RowTable, process: SimProcess, weather: () => CallWeather) {
    super(table);
    this.#process = process;
    this.#weather = weather;
  }

  protected override call<T>(
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
      const { thereMs, backMs, fault } = this.#weather();
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
      if (fault === 'late') back(() => fail(inDoubt, 'the connection is gone'));
      if (fault === 'refused' || fault === 'lost') return;
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
