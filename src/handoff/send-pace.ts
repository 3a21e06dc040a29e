import type { Time } from '../std/time.ts';

/** Bytes a second, for all who share it: who has sent a lot makes the next one wait. */
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

  sent(bytes: number): void {
    this.#freeAtMs = Math.max(this.#freeAtMs, this.#time.monotonicMs()) + bytes / this.#bytesPerMs;
  }
}
