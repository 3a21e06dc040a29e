import type { Cancel, Time } from '../std/time.ts';

export interface RoundLoopParts {
  readonly time: Time;
  /** Must not reject. */
  readonly round: () => Promise<void>;
  /** From the beginning of a round to that of the next one. */
  readonly periodMs: () => number;
}

/** However much it is hurried: between the beginnings of two rounds. */
const gapMs = 5;

/** Repeats a job, never two at a time; may be told to hurry. */
export class RoundLoop {
  readonly #parts: RoundLoopParts;
  #timer: { readonly atMs: number; readonly cancel: Cancel } | undefined;
  #running: Promise<void> | undefined;
  #beganMs = -Infinity;
  /** While a round runs: somebody wants the next one at once. */
  #isHurried = false;
  #isStopped = false;

  constructor(parts: RoundLoopParts) {
    this.#parts = parts;
  }

  /** The next round begins at once, or, where one is running, right after it. */
  hurry(): void {
    this.#isHurried = true;
    if (this.#running === undefined) this.#at(this.#parts.time.monotonicMs());
  }

  /** Resolves when no round is running; none begins after this. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #at(wantedMs: number): void {
    const atMs = Math.max(wantedMs, this.#beganMs + gapMs);
    if (this.#isStopped || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return;
    this.#timer?.cancel();
    const cancel = this.#parts.time.after(Math.max(0, atMs - this.#parts.time.monotonicMs()), () => {
      this.#timer = undefined;
      this.#running = this.#run();
    });
    this.#timer = { atMs, cancel };
  }

  async #run(): Promise<void> {
    const { time, round, periodMs } = this.#parts;
    this.#beganMs = time.monotonicMs();
    this.#isHurried = false;
    await round();
    this.#running = undefined;
    // Looked at after the wait: a request to hurry may have come while the round ran.
    this.#at((this.#isHurried as boolean) ? time.monotonicMs() : this.#beganMs + periodMs());
  }
}
