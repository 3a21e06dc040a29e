import type { Time } from '../std/time.ts';

/** For each ms of work as long a rest, in which others have their turn. */
const restShare = 1;

/** Bytes a second, for all who share it, and half of the time: who has sent a lot makes the next one wait. */
export class SendPace {
  readonly #bytesPerMs: number;
  readonly #time: Time;
  #freeAtMs = 0;

  constructor(bytesPerSecond: number, time: Time) {
    this.#bytesPerMs = bytesPerSecond / 1_000;
    this.#time = time;
  }

  /** ms until something may be sent. */
  get waitMs(): number {
    return Math.max(0, this.#freeAtMs - this.#time.monotonicMs());
  }

  /** @param workMs what it took of this node, which did nothing else meanwhile */
  sent(bytes: number, workMs: number): void {
    const waitMs = Math.max(bytes / this.#bytesPerMs, workMs * restShare);
    this.#freeAtMs = Math.max(this.#freeAtMs, this.#time.monotonicMs()) + waitMs;
  }
}
