import type { RowCopy } from '../row/row-snapshot.ts';

/** What is in memory of one row, with all that goes on around it, as the registry of a node sees it. */
export interface Entity {
  readonly entityId: string;
  /** Nothing is under way and nothing is owed: it may be dropped from memory. */
  readonly isIdle: boolean;
  /** Memory taken, bytes, estimated. */
  readonly bytes: number;
  /**
   * Gives up one more part of its memory, from the cheapest to lose on: step 0, 1, 2 … since it was last used.
   * `recentSince`: what is younger (epoch ms) goes later. @returns false where only the entity itself is left
   */
  evict(step: number, recentSince: number): boolean;
  /** Under memory pressure: clears what keeps an idle entity in memory. */
  settleSoon(): void;
  /** Another node owns it now: what is under way ends, what is owed is that node's business. */
  leave(): void;
  /** The commit in flight, until it is over; undefined: none. */
  readonly writing: Promise<unknown> | undefined;
  /** What is in memory, to be sent ahead to another node; undefined: nothing, or more than so many bytes. */
  snapshot(bytesMax: number): RowCopy | undefined;
  /** Brings into memory what another node has sent of it, where nothing is there yet. */
  revive(): Promise<void>;
  /** Activates it, so that what its row owes is worked off (G5). Rejects with ProtocolError. */
  wake(deadline: number): Promise<void>;
}
