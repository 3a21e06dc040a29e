import { dedupTimeToLiveMs } from '../row/cell.ts';
import { StoreError } from '../row/row-store.ts';
import type { Cancel, Time } from '../std/time.ts';
import { cellKey, lmdbGroupMax, pastFamily, pastRow, prefixOf, writtenMsOf } from './lmdb-trees.ts';
import type { Tree } from './lmdb-trees.ts';

export interface SweepPace {
  readonly everyMs: number;
  /** Rows and cells looked at each time. */
  readonly cellsMax: number;
}

const firstKey = Buffer.alloc(1);

interface DedupSweepParts {
  /** The cells of all rows; those of `d` carry the time they were written. */
  readonly tree: Tree;
  readonly time: Time;
  readonly pace: SweepPace;
  readonly onError: (error: StoreError) => void;
}

/**
 * Removes expired dedup cells, a few at a time, round and round. Reads do not depend on it: they pass over
 * expired cells by themselves.
 */
export class DedupSweep {
  readonly #tree: Tree;
  readonly #time: Time;
  readonly #pace: SweepPace;
  readonly #onError: (error: StoreError) => void;
  /** Where to look on: the first key that was not passed yet. */
  #position: Buffer = firstKey;
  #cancel: Cancel | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: DedupSweepParts) {
    this.#tree = parts.tree;
    this.#time = parts.time;
    this.#pace = parts.pace;
    this.#onError = parts.onError;
  }

  start(): void {
    if (this.#stopped) return;
    this.#cancel = this.#time.after(this.#pace.everyMs, () => {
      this.#running = this.#step().then(() => {
        this.start();
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  async #step(): Promise<void> {
    try {
      const expired = this.#lookOn();
      for (let i = 0; i < expired.length; i += lmdbGroupMax) {
        await this.#remove(expired.slice(i, i + lmdbGroupMax));
      }
    } catch (error) {
      this.#onError(new StoreError('unavailable', 'purging expired dedup cells failed', { cause: error }));
    }
  }

  #lookOn(): readonly Buffer[] {
    this.#tree.resetReadTxn();
    const expired: Buffer[] = [];
    for (let left = this.#pace.cellsMax; left > 0; left--) {
      const [found] = this.#tree.getKeys({ start: this.#position, limit: 1 });
      if (found === undefined) {
        this.#position = firstKey;
        break;
      }
      left -= this.#lookAt(prefixOf(found), left, expired);
    }
    return expired;
  }

  /** Looks at the dedup cells of a row from the position on, and moves it past them; returns how many. */
  #lookAt(prefix: Buffer, cellsMax: number, expired: Buffer[]): number {
    const begin = cellKey(prefix, 'd');
    const start = begin.compare(this.#position) < 0 ? this.#position : begin;
    const end = pastFamily(prefix, 'd');
    this.#position = pastRow(prefix);
    let seen = 0;
    for (const { key, value } of this.#tree.getRange({ start, end, limit: cellsMax })) {
      if (this.#isExpired(value)) expired.push(key);
      if (++seen === cellsMax) this.#position = Buffer.concat([key, Buffer.of(0)]);
    }
    return seen;
  }

  /** A cell may have been written anew since it was looked at. */
  async #remove(keys: readonly Buffer[]): Promise<void> {
    await this.#tree.transaction(() => {
      for (const key of keys) {
        const value = this.#tree.getBinary(key);
        if (value !== undefined && this.#isExpired(value)) this.#tree.removeSync(key);
      }
    });
  }

  #isExpired(value: Buffer): boolean {
    return writtenMsOf(value) <= this.#time.wallMs() - dedupTimeToLiveMs;
  }
}
