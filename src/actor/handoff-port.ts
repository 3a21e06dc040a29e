import type { Cell } from '../row/cell.ts';
import type { RowVersion } from '../row/row-version.ts';

/** What another node had in memory: the state of a mailbox or a group, as the id says. */
export interface SentState {
  readonly version: RowVersion | undefined;
  /** Memory taken, estimated. */
  readonly bytes: number;
}

/** What actors do for rows that move from node to node while they are in memory. */
export interface HandoffPort {
  /**
   * What the former owner has sent ahead; it is given out once. It may be older than the row, so it counts for no
   * more than what was in memory all along: it is compared with the store before it is shown.
   */
  take(entityId: string): SentState | undefined;
  /** Version of the copy that waits here to be taken; undefined: none does. */
  standsAt(entityId: string): RowVersion | undefined;
  /** Resolves when the former owner's last commit of it is in the copy, or need not be waited for; undefined: it is. */
  lastWord(entityId: string): Promise<void> | undefined;
  /** A commit of this node is durable. */
  committed(
    entityId: string,
    base: RowVersion | undefined,
    version: RowVersion,
    cells: readonly Cell[],
  ): void;
}
