import type { RowVersion } from '../row/row-version.ts';

/**
 * May this node commit a row of this version? `wait`: not yet, another node may still answer for it from memory;
 * ask again after that time. `wrongOwner`: not under the ring view that this node has.
 */
export type Admission =
  | { readonly kind: 'yes' }
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'wrongOwner' };

/** What this node knows of its right to its users; the ring's view and the lease, where there are any. */
export interface Tenure {
  /** Epoch of the adopted ring view; goes into every commit. */
  epoch(): number;
  /** False where another node might have taken over: reads are then compared with the store first (G7). */
  isLeaseCurrent(): boolean;
  /** Has nobody but this node been the owner since a commit that began under that epoch? */
  keeps(entityId: string, sinceEpoch: number): boolean;
  /** @param row what the commit stands on; undefined: no row yet */
  mayServe(entityId: string, row: RowVersion | undefined): Admission;
}
