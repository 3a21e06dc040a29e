import { LaneQueue } from './lane-queue.ts';
import type { Time } from './time.ts';

/**
 * Spreads work that nobody bounds at a moment (large replies, new connections, old ones to be closed) over turns of the
 * event loop, so that whoever asks for little is served in between. Lanes take turns: much of one lane holds up that
 * lane. What waits is bounded by those who put it in.
 */
export class FairTurns {
  readonly #time: Time;
  readonly #turnMs: number;
  readonly #waiting = new LaneQueue<() => void>(Infinity);
  #spentMs = 0;
  #isTurnPlanned = false;
  #isRunning = false;
  readonly #nextTurn = (): void => this.#begin();

  /** @param turnMs of one turn; a job that is under way is not interrupted */
  constructor(time: Time, turnMs: number) {
    this.#time = time;
    this.#turnMs = turnMs;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Runs it at once where this turn has time left and nothing waits, else in its lane's turn. */
  run(lane: string, job: () => void): void {
    const mustWait = this.#isRunning || this.#waiting.size > 0 || this.#spentMs >= this.#turnMs;
    if (mustWait) this.#waiting.push(lane, job);
    else this.#do(job);
  }

  #do(job: () => void): void {
    const startedMs = this.#time.monotonicMs();
    if (!this.#isTurnPlanned) {
      this.#isTurnPlanned = true;
      this.#time.soon(this.#nextTurn);
    }
    this.#isRunning = true;
    try {
      job();
    } finally {
      this.#isRunning = false;
      this.#spentMs += this.#time.monotonicMs() - startedMs;
    }
  }

  #begin(): void {
    this.#isTurnPlanned = false;
    this.#spentMs = 0;
    while (this.#spentMs < this.#turnMs) {
      const [job] = this.#waiting.take(1);
      if (job === undefined) return;
      this.#do(job);
    }
  }
}
