import { jitteredMs } from '../std/backoff.ts';
import type { Cancel, Time } from '../std/time.ts';

export interface LostCommitsParts {
  readonly time: Time;
  readonly random: () => number;
  /** First and longest pause, ms. */
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** Commits the row as it is; reports by itself what is a bug. */
  readonly claim: () => Promise<unknown>;
}

/** By then what was on its way has come to the row. */
const longMs = 180_000;

/**
 * Commits that failed since the last one that did not: they may have been applied, or may be yet. So the row is committed
 * as it is, after a pause, also if nobody asks for it, until that succeeds: it finds what was applied, and what is still
 * on its way comes too late.
 */
export class LostCommits {
  readonly #parts: LostCommitsParts;
  #count = 0;
  #sinceMs = 0;
  #timer: Cancel | undefined;

  constructor(parts: LostCommitsParts) {
    this.#parts = parts;
  }

  get isNone(): boolean {
    return this.#count === 0;
  }

  get isLong(): boolean {
    return this.#count > 0 && this.#parts.time.monotonicMs() - this.#sinceMs >= longMs;
  }

  add(): void {
    if (this.#count++ === 0) this.#sinceMs = this.#parts.time.monotonicMs();
    if (this.#timer !== undefined) return;
    const { time, random, retryFirstMs, retryMaxMs } = this.#parts;
    const pauseMs = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(this.#count, 16));
    this.#timer = time.after(jitteredMs(pauseMs, random), () => {
      this.#timer = undefined;
      void this.#claim();
    });
  }

  /** A commit has succeeded, or the row is another node's business. */
  clear(): void {
    this.#count = 0;
    this.#timer?.();
    this.#timer = undefined;
  }

  async #claim(): Promise<void> {
    try {
      await this.#parts.claim();
      this.clear();
    } catch {
      // Where it was counted as lost itself, there is a timer.
      if (this.#timer === undefined && this.#count > 0) this.add();
    }
  }
}
