import type { Cancel, Time } from '../../src/std/time.ts';

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** For what, and until when, somebody drives the clock. */
interface Goal {
  readonly endMs: number;
  isMet: boolean;
  readonly met: () => void;
  /** Nothing is to come until `endMs`. */
  readonly missed: () => void;
  readonly failed: (error: unknown) => void;
}

/** Turns of the event loop that are asked for at once: it looks for input and timers once in so many. */
const turnsAtOnce = 64;

/**
 * A clock that moves only when it is driven, and then from event to event: by time, and at one time in the order
 * in which the events were asked for. Before each event everything that the last one set off (promises) is done,
 * so that a run depends on nothing but its inputs.
 */
export class VirtualTime implements Time {
  readonly #startWallMs: number;
  /** A binary heap: the next event first. */
  readonly #events: Event[] = [];
  #nowMs = 0;
  #orders = 0;
  #wallSkewMs = 0;
  readonly #goals = new Set<Goal>();
  #turnsAsked = 0;

  constructor(startWallMs = 1_700_000_000_000) {
    this.#startWallMs = startWallMs;
  }

  /** Events that are still to come, cancelled ones included. */
  get pending(): number {
    return this.#events.length;
  }

  wallMs(): number {
    return Math.floor(this.#startWallMs + this.#nowMs + this.#wallSkewMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** Sets the wall clock forward or back. */
  skewWall(byMs: number): void {
    this.#wallSkewMs += byMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    const event = this.#add(this.#nowMs + Math.max(0, delayMs), run);
    return () => {
      event.isCancelled = true;
    };
  }

  soon(run: () => void): void {
    this.#add(this.#nowMs, run);
  }

  /** Runs what is due within the next `forMs`, and leaves the clock there. Rejects with what an event throws. */
  run(forMs: number): Promise<void> {
    const endMs = this.#nowMs + forMs;
    return new Promise((resolve, reject) => {
      const over = (): void => {
        this.#nowMs = endMs;
        resolve();
      };
      this.#pursue({ endMs, isMet: false, met: over, missed: over, failed: reject });
    });
  }

  /**
   * Drives the clock until `work` is settled; rejects where that never happens or takes more than `maxMs`, and with
   * what an event throws.
   */
  async drive<T>(work: Promise<T>, maxMs = 3_600_000): Promise<T> {
    await new Promise<void>((resolve, reject) => {
      const missed = (): void => {
        reject(new Error(`still waiting after ${maxMs} ms of virtual time`));
      };
      const endMs = this.#nowMs + maxMs;
      const goal: Goal = { endMs, isMet: false, met: resolve, missed, failed: reject };
      const settle = (): void => {
        goal.isMet = true;
      };
      work.then(settle, settle);
      this.#pursue(goal);
    });
    return work;
  }

  #pursue(goal: Goal): void {
    this.#goals.add(goal);
    if (this.#turnsAsked === 0) this.#askForTurns();
  }

  #askForTurns(): void {
    this.#turnsAsked = turnsAtOnce;
    for (let count = 0; count < turnsAtOnce; count++) setImmediate(this.#turn);
  }

  /** One event, or an end. Between two turns every promise that can settle by itself has, as after any input. */
  readonly #turn = (): void => {
    this.#turnsAsked--;
    if (this.#goals.size === 0) return;
    if (!this.#endsGoal()) this.#step();
    if (this.#turnsAsked === 0) this.#askForTurns();
  };

  /** Who waited goes on before the next event. */
  #endsGoal(): boolean {
    const nextMs = this.#next()?.atMs ?? Infinity;
    let hasEnded = false;
    for (const goal of this.#goals) {
      if (!goal.isMet && nextMs <= goal.endMs) continue;
      hasEnded = true;
      this.#goals.delete(goal);
      if (goal.isMet) goal.met();
      else goal.missed();
    }
    return hasEnded;
  }

  #step(): void {
    const next = this.#next();
    if (next === undefined) return;
    this.#take();
    this.#nowMs = next.atMs;
    try {
      next.run();
    } catch (error) {
      const goals = [...this.#goals];
      this.#goals.clear();
      for (const goal of goals) goal.failed(error);
    }
  }

  /** The next event that was not cancelled. */
  #next(): Event | undefined {
    for (;;) {
      const next = this.#events[0];
      if (next?.isCancelled !== true) return next;
      this.#take();
    }
  }

  #add(atMs: number, run: () => void): Event {
    const event: Event = { atMs, order: this.#orders++, run, isCancelled: false };
    const events = this.#events;
    let position = events.push(event) - 1;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const above = events[parent];
      if (above === undefined || isBefore(above, event)) break;
      events[position] = above;
      position = parent;
    }
    events[position] = event;
    return event;
  }

  #take(): void {
    const events = this.#events;
    const last = events.pop();
    if (last === undefined || events.length === 0) return;
    let position = 0;
    for (;;) {
      const left = 2 * position + 1;
      const [a, b] = [events[left], events[left + 1]];
      if (a === undefined) break;
      const child = b !== undefined && isBefore(b, a) ? left + 1 : left;
      const smaller = events[child];
      if (smaller === undefined || isBefore(last, smaller)) break;
      events[position] = smaller;
      position = child;
    }
    events[position] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
