import { dedupTimeToLiveMs } from '../row/cell.ts';
import { StoreError } from '../row/row-store.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { Tree } from './lmdb-trees.ts';

export interface SweepPace {
  readonly everyMs: number;
  /** Cells looked at each time. */
  readonly cellsMax: number;
}

interface DedupSweepParts {
  /** Its cells carry the time they were written as their version. */
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
  /** The last key looked at; undefined at the beginning of a round. */
  #position: Buffer | undefined;
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
      if (expired.length > 0) await this.#remove(expired);
    } catch (error) {
      this.#onError(new StoreError('unavailable', 'purging expired dedup cells failed', { cause: error }));
    }
  }

  #lookOn(): readonly Buffer[] {
    this.#tree.resetReadTxn();
    const expired: Buffer[] = [];
    let seen = 0;
    let last: Buffer | undefined;
    const from = this.#position === undefined ? {} : { start: this.#position, exclusiveStart: true };
    // Without values the library would give the version of another cell.
    const range = { ...from, limit: this.#pace.cellsMax, versions: true };
    for (const { key, version } of this.#tree.getRange(range)) {
      seen++;
      last = key;
      if (this.#isExpired(version)) expired.push(key);
    }
    this.#position = seen < this.#pace.cellsMax ? undefined : last;
    return expired;
  }

  /** A cell may have been written anew since it was looked at. */
  async #remove(keys: readonly Buffer[]): Promise<void> {
    await this.#tree.transaction(() => {
      for (const key of keys) {
        const entry = this.#tree.getEntry(key);
        if (entry !== undefined && this.#isExpired(entry.version)) this.#tree.removeSync(key);
      }
    });
  }

  #isExpired(writtenMs: number | undefined): boolean {
    return writtenMs === undefined || writtenMs <= this.#time.wallMs() - dedupTimeToLiveMs;
  }
}
