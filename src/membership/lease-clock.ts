import type { Time } from '../std/time.ts';

/**
 * The lease L, and e, the share of it by which clocks may disagree: half of that for the holder's clock (too slow,
 * or stood still unnoticed), half for the clock of who waits (too fast).
 */
export interface LeaseTerms {
  readonly leaseMs: number;
  readonly driftRatio: number;
}

/** How long others wait for a lease of this length to run out, on their own clocks: L(1+e). */
export function expiryMs({ leaseMs, driftRatio }: LeaseTerms): number {
  return leaseMs * (1 + driftRatio);
}

/** A point in time on both clocks of this machine. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function instantOf(time: Time): Instant {
  return { monotonicMs: time.monotonicMs(), wallMs: time.wallMs() };
}

/**
 * How long what this node knows of the ring is good for reads from memory. It counts from before the question
 * was sent. It is lost when the two clocks drift apart by more than half of e*L: a suspended machine's monotonic clock
 * stood still. A wall clock that was set costs one renewal.
 */
export class LeaseClock {
  readonly #time: Time;
  readonly #leaseMs: number;
  readonly #driftMaxMs: number;
  #since: Instant | undefined;
  /** Since when, on the monotonic clock, the lease was current at each renewal. */
  #unbrokenSinceMs = 0;

  constructor(time: Time, terms: LeaseTerms) {
    this.#time = time;
    this.#leaseMs = terms.leaseMs;
    this.#driftMaxMs = (terms.leaseMs * terms.driftRatio) / 2;
  }

  /** @param asked when the question was sent whose answer proves that the adopted view is the latest */
  renew(asked: Instant): void {
    if (this.#since !== undefined && asked.monotonicMs <= this.#since.monotonicMs) return;
    if (!this.isCurrent()) this.#unbrokenSinceMs = asked.monotonicMs;
    this.#since = asked;
  }

  /** For how long it has been current without a break; 0 where it isn't. */
  get unbrokenMs(): number {
    return this.isCurrent() ? this.#time.monotonicMs() - this.#unbrokenSinceMs : 0;
  }

  isCurrent(): boolean {
    const since = this.#since;
    if (since === undefined) return false;
    const passedMs = this.#time.monotonicMs() - since.monotonicMs;
    if (passedMs >= this.#leaseMs) return false;
    const wallPassedMs = this.#time.wallMs() - since.wallMs;
    return Math.abs(wallPassedMs - passedMs) <= this.#driftMaxMs;
  }
}
