import { LaneQueue } from './lane-queue.ts';
import type { Time } from './time.ts';

/**
 * Spreads work that nobody bounds at a moment (large replies, new connections, old ones to be closed) over turns of the
 * event loop, so that whoever asks for little is served in between. Lanes take turns: much of one lane holds up that
 * lane. Where the work of a turn is more than its share of the time, the next turn comes so much later: whoever is served
 * in between needs several turns of the event loop, each of which would otherwise be longer. What waits is bounded by
 * those who put it in.
 */
export class FairTurns {
  readonly #time: Time;
  readonly #turnMs: number;
  readonly #shareOf: (lanes: number) => number;
  readonly #waiting = new LaneQueue<() => void>(Infinity);
  #spentMs = 0;
  #isTurnPlanned = false;
  #isRunning = false;
  readonly #turnOver = (): void => this.#rest();
  readonly #nextTurn = (): void => this.#begin();

  /**
   * @param turnMs of one turn; a job that is under way is not interrupted
   * @param shareOf of the time, that so many lanes with more than a turn's work have together: above 0, at most 1
   */
  constructor(time: Time, turnMs: number, shareOf: (lanes: number) => number) {
    this.#time = time;
    this.#turnMs = turnMs;
    this.#shareOf = shareOf;
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
      this.#time.soon(this.#turnOver);
    }
    this.#isRunning = true;
    try {
      job();
    } finally {
      this.#isRunning = false;
      this.#spentMs += this.#time.monotonicMs() - startedMs;
    }
  }

  #rest(): void {
    const lanes = this.#waiting.laneCount;
    const restMs = lanes === 0 ? 0 : this.#spentMs * (1 / this.#shareOf(lanes) - 1);
    if (restMs > 0) this.#time.after(restMs, this.#nextTurn);
    else this.#begin();
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
