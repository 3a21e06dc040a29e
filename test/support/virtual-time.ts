import { systemTime } from '../../src/std/time.ts';
import type { Cancel, Time } from '../../src/std/time.ts';

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

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

  /** Runs what is due within the next `forMs`, and leaves the clock there. */
  async run(forMs: number): Promise<void> {
    const endMs = this.#nowMs + forMs;
    await settled();
    while (await this.#step(endMs));
    this.#nowMs = endMs;
  }

  /** Drives the clock until `work` is settled; rejects where that never happens or takes more than `maxMs`. */
  async drive<T>(work: Promise<T>, maxMs = 3_600_000): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    work.then(settle, settle);
    const endMs = this.#nowMs + maxMs;
    await settled();
    // What comes of `#step` changes `isSettled` on the way.
    while (!(isSettled as boolean)) {
      if (!(await this.#step(endMs))) throw new Error(`still waiting after ${maxMs} ms of virtual time`);
    }
    return work;
  }

  async #step(endMs: number): Promise<boolean> {
    for (;;) {
      const next = this.#events[0];
      if (next === undefined || next.atMs > endMs) return false;
      this.#take();
      if (next.isCancelled) continue;
      this.#nowMs = next.atMs;
      next.run();
      await settled();
      return true;
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

/** Resolves when every promise that can settle by itself has. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    systemTime.soon(resolve);
  });
}
