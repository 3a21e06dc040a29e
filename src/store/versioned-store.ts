import type { CellRange } from '../row/cell.ts';
import { StoreError } from '../row/row-store.ts';
import type { Commit, CommitOutcome, OutboxPage, RowImage, RowSlice, RowStore } from '../row/row-store.ts';
import { sameVersion } from '../row/row-version.ts';
import type { RowVersion, RowVersionSource } from '../row/row-version.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Time } from '../std/time.ts';
import type { RowTable } from './row-table.ts';

/** Waits between tries grow from `firstMs` by doubling up to `maxMs`; each is drawn from [half, whole]. */
export interface RetryWaits {
  readonly firstMs: number;
  readonly maxMs: number;
}

export const defaultRetryWaits: RetryWaits = { firstMs: 5, maxMs: 500 };

export interface VersionedStoreParts {
  readonly table: RowTable;
  /** The versions that this incarnation writes. */
  readonly versions: RowVersionSource;
  readonly time: Time;
  /** A number in [0, 1); spreads the waits. */
  readonly random: () => number;
  readonly waits?: RetryWaits;
}

/**
 * The RowStore over any backend. What the backend cannot tell (was my commit applied?) is settled here:
 * every attempt has a version of its own, and all attempts of a commit stand on the same base, so at most one
 * of them can ever win, however late it lands. Reading the base back proves nothing, as an attempt may still
 * be on its way; only an attempt that won, or a row that has moved on, ends the doubt.
 */
export class VersionedStore implements RowStore {
  readonly #table: RowTable;
  readonly #versions: RowVersionSource;
  readonly #time: Time;
  readonly #random: () => number;
  readonly #waits: RetryWaits;
  #closed = false;

  constructor(parts: VersionedStoreParts) {
    this.#table = parts.table;
    this.#versions = parts.versions;
    this.#time = parts.time;
    this.#random = parts.random;
    this.#waits = parts.waits ?? defaultRetryWaits;
  }

  read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage> {
    return this.#retried(deadline, () => this.#table.read(entityId, ranges, deadline));
  }

  ready(): Promise<void> | undefined {
    return this.#table.ready?.();
  }

  versions(entityIds: readonly string[], deadline: number): Promise<readonly (RowVersion | undefined)[]> {
    return this.#retried(deadline, () => this.#table.versions(entityIds, deadline));
  }

  scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage> {
    return this.#retried(deadline, () => this.#table.scanOutbox(slice, after, limit, deadline));
  }

  async commit(entityId: string, commit: Commit, deadline: number): Promise<CommitOutcome> {
    /** Attempts that may have been applied, or may yet be. */
    const inDoubt: RowVersion[] = [];
    for (let tries = 1; ; tries++) {
      const next = this.#versions.next(commit.base, commit.epoch);
      try {
        if (await this.#table.compareAndPut(entityId, commit.base, next, commit.cells, deadline)) {
          return { kind: 'committed', version: next };
        }
        if (inDoubt.length === 0) return { kind: 'conflict' };
        return await this.#settle(entityId, commit.base, inDoubt, deadline);
      } catch (error) {
        const failure = asStoreError(error);
        if (failure.code === 'unknown_fate') inDoubt.push(next);
        if (!failure.retryable || !(await this.#mayTryAgain(tries, deadline))) {
          throw verdict(failure, inDoubt.length);
        }
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#table.close();
  }

  /** The row has left `base`, so nothing is on its way any more: whose version does it have? */
  async #settle(
    entityId: string,
    base: RowVersion | undefined,
    inDoubt: readonly RowVersion[],
    deadline: number,
  ): Promise<CommitOutcome> {
    const [now] = await this.#retried(deadline, () => this.#table.versions([entityId], deadline));
    if (sameVersion(now, base)) {
      throw new StoreError(
        'corrupt',
        `row ${entityId}: refused its own version; the table's reads are stale`,
      );
    }
    const won = inDoubt.find((version) => sameVersion(version, now));
    return won === undefined ? { kind: 'conflict' } : { kind: 'committed', version: won };
  }

  async #retried<T>(deadline: number, attempt: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        const unavailable = error instanceof StoreError && error.code === 'unavailable';
        if (!unavailable || !(await this.#mayTryAgain(tries, deadline))) throw error;
      }
    }
  }

  /** Backs off; false where no time is left for another try. */
  async #mayTryAgain(tries: number, deadline: number): Promise<boolean> {
    const { firstMs, maxMs } = this.#waits;
    const waitMs = backoffDelayMs({ baseMs: firstMs, maxMs }, tries - 1, this.#random);
    if (this.#closed || this.#time.monotonicMs() + waitMs >= deadline) return false;
    await new Promise<void>((resolve) => {
      this.#time.after(waitMs, resolve);
    });
    return !this.#closed;
  }
}

/** Whatever a table throws beside StoreError is a bug of the table, and tells nothing about the commit's fate. */
function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError('unknown_fate', 'the table failed in an unexpected way', { cause: error });
}

/** With an attempt in doubt nobody may claim that nothing was applied. */
function verdict(failure: StoreError, attemptsInDoubt: number): StoreError {
  if (attemptsInDoubt === 0 || failure.code === 'unknown_fate' || failure.code === 'corrupt') return failure;
  const message = `${String(attemptsInDoubt)} attempts in doubt; the last one: ${failure.message}`;
  return new StoreError('unknown_fate', message, { cause: failure });
}
