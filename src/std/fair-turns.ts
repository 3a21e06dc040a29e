import type { Cancel, Time } from './time.ts';

/** What one lane still has to do, and until when it rests from what it had, monotonic ms. */
interface Waiting {
  readonly jobs: (() => void)[];
  restsUntilMs: number;
}

/**
 * Spreads work that nobody bounds at a moment (large replies, new connections) over turns of the event loop, so that
 * whoever asks for little is served in between. Lanes take turns: much of one lane holds up that lane, which has no more
 * than its share of the time while it has work waiting, and rests after what it had. A lane that had nothing waits for the
 * next turn at most, whoever rests. What waits is bounded by those who put it in.
 */
export class FairTurns {
  readonly #time: Time;
  readonly #turnMs: number;
  readonly #restPerMs: number;
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Waiting>();
  /** What each lane had of this turn, ms. */
  readonly #spentBy = new Map<string, number>();
  #spentMs = 0;
  #isTurnPlanned = false;
  #isRunning = false;
  #cancelRest: Cancel = () => undefined;
  readonly #turnOver = (): void => this.#end();
  readonly #restOver = (): void => this.#begin();

  /**
   * @param turnMs of one turn; a job that is under way is not interrupted
   * @param share of the time, of a lane with more than a turn's work: above 0, at most 1
   */
  constructor(time: Time, turnMs: number, share: number) {
    this.#time = time;
    this.#turnMs = turnMs;
    this.#restPerMs = 1 / share - 1;
  }

  /** Runs it at once where this turn has time left and its lane has nothing waiting, else in its lane's turn. */
  run(lane: string, job: () => void): void {
    const waiting = this.#waiting.get(lane);
    if (waiting !== undefined) waiting.jobs.push(job);
    else if (!this.#isRunning && this.#spentMs < this.#turnMs) this.#do(lane, job);
    else this.#waiting.set(lane, { jobs: [job], restsUntilMs: 0 });
  }

  #do(lane: string, job: () => void): void {
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
      const tookMs = this.#time.monotonicMs() - startedMs;
      this.#spentMs += tookMs;
      this.#spentBy.set(lane, (this.#spentBy.get(lane) ?? 0) + tookMs);
    }
  }

  /** Who had of this turn and has more waiting rests for it. */
  #end(): void {
    const nowMs = this.#time.monotonicMs();
    for (const [lane, spentMs] of this.#spentBy) {
      const waiting = this.#waiting.get(lane);
      if (waiting !== undefined) waiting.restsUntilMs = nowMs + spentMs * this.#restPerMs;
    }
    this.#spentBy.clear();
    this.#spentMs = 0;
    this.#isTurnPlanned = false;
    this.#begin();
  }

  #begin(): void {
    this.#cancelRest();
    while (this.#spentMs < this.#turnMs) {
      const next = this.#next();
      if (next === undefined) break;
      this.#do(next.lane, next.job);
    }
    if (this.#waiting.size > 0 && !this.#isTurnPlanned) this.#rest();
  }

  #next(): { readonly lane: string; readonly job: () => void } | undefined {
    const nowMs = this.#time.monotonicMs();
    for (const [lane, waiting] of this.#waiting) {
      if (waiting.restsUntilMs > nowMs) continue;
      const job = waiting.jobs.shift();
      // To the end of the turn order; empty lanes are forgotten.
      this.#waiting.delete(lane);
      if (waiting.jobs.length > 0) this.#waiting.set(lane, waiting);
      if (job !== undefined) return { lane, job };
    }
    return undefined;
  }

  /** All that wait rest: until the first of them may go on. */
  #rest(): void {
    let untilMs = Infinity;
    for (const { restsUntilMs } of this.#waiting.values()) untilMs = Math.min(untilMs, restsUntilMs);
    this.#cancelRest = this.#time.after(untilMs - this.#time.monotonicMs(), this.#restOver);
  }
}
