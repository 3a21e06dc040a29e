import type { Cell, CellRange } from './cell.ts';
import type { RowVersion } from './row-version.ts';

/** What one read of a row saw, all at one version. */
export interface RowImage {
  /** undefined: the row does not exist. */
  readonly version: RowVersion | undefined;
  /** For each range that was asked for, in that order, its cells. */
  readonly ranges: readonly (readonly Cell[])[];
}

export interface Commit {
  /** The version the writer has read; undefined: the row must not exist. */
  readonly base: RowVersion | undefined;
  /** The ring epoch under which the writer owns the row. */
  readonly epoch: number;
  readonly cells: readonly Cell[];
}

/**
 * `conflict`: the row is not at `base` (any more) and nothing of this commit is still on its way. Mostly it was
 * not applied; after attempts of unknown fate it may have been, with another writer's commits on top already.
 * So: reload and step the inputs again; they are idempotent.
 */
export type CommitOutcome =
  { readonly kind: 'committed'; readonly version: RowVersion } | { readonly kind: 'conflict' };

/** A slice of the row key space by leading hash: [fromHash, toHash). */
export interface RowSlice {
  readonly fromHash: number;
  readonly toHash: number;
}

export interface OutboxPage {
  /** Ids of entities with at least one outbox cell that is not empty, in row key order. */
  readonly entityIds: readonly string[];
  /** Where the next page begins; undefined at the end of the slice. */
  readonly after: string | undefined;
}

/**
 * The store as the actors see it. One row an entity; every commit is conditional on the version that the
 * writer has read (G6) and durable when it resolves (G1). Deadlines are absolute monotonic milliseconds.
 * Every method rejects with StoreError and nothing else.
 */
export interface RowStore {
  /** All ranges at one version of the row. */
  read(entityId: string, ranges: readonly CellRange[], deadline: number): Promise<RowImage>;
  /**
   * Undefined where a commit begins at once. Else resolves, in bounded time, when one that was made now would begin:
   * so what goes into it may as well be gathered until then.
   */
  ready(): Promise<void> | undefined;
  /** Resolves once the outcome is durable and certain. */
  commit(entityId: string, commit: Commit, deadline: number): Promise<CommitOutcome>;
  /** The versions of many rows, in the order asked; one cell each. */
  versions(entityIds: readonly string[], deadline: number): Promise<readonly (RowVersion | undefined)[]>;
  /** Rows of a slice that still owe something to others (G5). */
  scanOutbox(
    slice: RowSlice,
    after: string | undefined,
    limit: number,
    deadline: number,
  ): Promise<OutboxPage>;
  close(): Promise<void>;
}

/**
 * - `unavailable`: not applied, the store can't be reached or is too busy; try later.
 * - `unknown_fate`: a commit that may have been applied or may yet be; whoever gets this reloads before going on.
 * - `refused`: not applied and never will be in this form (too large, malformed).
 * - `corrupt`: what is stored cannot be read.
 */
export type StoreErrorCode = 'unavailable' | 'unknown_fate' | 'refused' | 'corrupt';

/** The one error of this adapter. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get retryable(): boolean {
    return this.code === 'unavailable' || this.code === 'unknown_fate';
  }
}
