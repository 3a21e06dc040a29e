import type { Cancel } from '../std/time.ts';

/** What a node shows the others of itself. */
export interface Renewal {
  readonly nodeId: string;
  readonly incarnation: string;
  /** Epoch of its view. By showing it the node says: all that older views gave me and this one doesn't, I released. */
  readonly adoptedEpoch: number;
  /** How often this incarnation has renewed. Its own count, so that a board that forgot all can't repeat one. */
  readonly count: number;
  /**
   * The node has made sure, after a refusal, that the store has no later view: the board is wrong (it belonged
   * to another time) and takes this epoch as the published one.
   */
  readonly isConfirmed: boolean;
}

export type RenewalOutcome =
  | { readonly kind: 'renewed' }
  /** The board has heard of a later view than the node has adopted. */
  | { readonly kind: 'refused'; readonly publishedEpoch: number };

/** The last renewal of a node, as the board has it. */
export interface Lease {
  readonly incarnation: string;
  /** Another number after each renewal: its count, or one of the board's own where the board never forgets. */
  readonly count: number;
  readonly adoptedEpoch: number;
}

/**
 * The notice board of a cluster: signs of life, and news of views. It decides nothing. The truth about views is
 * in the store, and so is what makes a lease good for reads; whatever a board forgets or remembers wrongly
 * delays, and does no harm. Deadlines are absolute monotonic milliseconds.
 * Methods reject with LeaseBoardError, or with StoreError where the board is in the store.
 */
export interface LeaseBoard {
  /** A renewal with a later epoch than the published one also publishes that epoch. */
  renew(renewal: Renewal, deadline: number): Promise<RenewalOutcome>;
  /** In the order asked; undefined where there is none (any more). */
  leases(nodeIds: readonly string[], deadline: number): Promise<readonly (Lease | undefined)[]>;
  /** Tells everybody of a view that is in the store, and keeps a copy of its document. Older news is ignored. */
  publish(epoch: number, document: Buffer, deadline: number): Promise<void>;
  /** The copy of the ring document, for a quick look; the store has the true one. */
  published(deadline: number): Promise<Buffer | undefined>;
  /** Calls `heard` with the epoch of each view that is published from now on; some news may be lost or repeated. */
  subscribe(heard: (epoch: number) => void): Cancel;
  close(): Promise<void>;
}

/** The one error of a board that is not in the store. */
export class LeaseBoardError extends Error {
  override readonly name = 'LeaseBoardError';
  readonly code: 'unavailable' | 'corrupt';

  constructor(code: LeaseBoardError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get retryable(): boolean {
    return this.code === 'unavailable';
  }
}
