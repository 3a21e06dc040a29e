import { removedFrom, type Death, type RingDocument } from '../ring/ring-document.ts';
import type { Time } from '../std/time.ts';

/** How fast, and how surely, nodes without a sign of life are removed from the ring. */
export interface RemovalTerms {
  /** Between two signs of life; at most a third of the lease; ms. */
  readonly signMs: number;
  /** For how long all has to be silent, but for the store, until a node that sees most others silent removes one; ms. */
  readonly aloneMs: number;
  /** Of each window with one automatic removal that counts, or of a tenth of the nodes; ms. */
  readonly windowMs: number;
}

export const defaultRemovalTerms: RemovalTerms = { signMs: 200, aloneMs: 20_000, windowMs: 60_000 };

/** Keeps to the cap on automatic removals, which is in the ring document. */
export class Removals {
  readonly #windowMs: number;
  readonly #time: Time;
  /** The document's window, and when this node first saw it. */
  #window = { sinceEpoch: 0, seenMs: 0 };

  constructor({ windowMs }: RemovalTerms, time: Time) {
    this.#windowMs = windowMs;
    this.#time = time;
  }

  /** To be told of each document that is adopted. */
  adopted({ removals: { sinceEpoch } }: RingDocument): void {
    if (sinceEpoch === this.#window.sinceEpoch) return;
    this.#window = { sinceEpoch, seenMs: this.#time.monotonicMs() };
  }

  /** Without as many of the dead as the cap allows; undefined where that is none. */
  without(ring: RingDocument, dead: readonly Death[], viewId: string): RingDocument | undefined {
    const { sinceEpoch, seenMs } = this.#window;
    const isWindowOver =
      ring.removals.sinceEpoch === sinceEpoch && this.#time.monotonicMs() - seenMs >= this.#windowMs;
    return removedFrom(ring, { dead, isWindowOver }, viewId);
  }
}
