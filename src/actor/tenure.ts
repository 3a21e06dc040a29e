/** What this node knows of its right to its users; the ring's view and the lease, where there are any. */
export interface Tenure {
  /** Epoch of the adopted ring view; goes into every commit. */
  epoch(): number;
  /** False where another node might have taken over: reads are then compared with the store first (G7). */
  isLeaseCurrent(): boolean;
}

/** The only node there is. */
export const soleTenure: Tenure = { epoch: () => 1, isLeaseCurrent: () => true };
