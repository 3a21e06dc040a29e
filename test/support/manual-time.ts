import type { Cancel, Time } from '../../src/std/time.ts';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that stands still until a test moves it. */
export class ManualTime implements Time {
  nowMs = 0;
  /** Wall clock minus monotonic clock. */
  offsetMs = 1_700_000_000_000;
  #timers: Timer[] = [];

  wallMs(): number {
    return Math.floor(this.offsetMs + this.nowMs);
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** Moves on, running what falls due on the way in its order. */
  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.run();
    }
    // What ran may have taken longer.
    this.nowMs = Math.max(this.nowMs, untilMs);
  }
}
