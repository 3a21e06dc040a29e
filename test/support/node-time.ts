import type { Cancel, Time } from '../../src/std/time.ts';
import type { VirtualTime } from './virtual-time.ts';

/**
 * The clocks and timers of one machine and process in virtual time: they may run fast or slow; the process may be
 * paused, or the machine suspended, when its monotonic clock stands still as well; it may die.
 */
export class NodeTime implements Time {
  readonly #world: VirtualTime;
  readonly #rate: number;
  #state: 'running' | 'paused' | 'suspended' | 'dead' = 'running';
  #wallSkewMs = 0;
  #stoppedMs = 0;
  #monotonicMs: number;
  #countedMs: number;
  /** Came due while nobody could run them. */
  #held: (() => void)[] = [];

  constructor(world: VirtualTime, rate = 1, startMs = 0) {
    this.#world = world;
    this.#rate = rate;
    this.#monotonicMs = startMs;
    this.#countedMs = world.monotonicMs();
  }

  /** For how long nobody has heard of the process, in time of the world; 0 while it runs. */
  get silentMs(): number {
    return this.isRunning ? 0 : this.#world.monotonicMs() - this.#stoppedMs;
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  wallMs(): number {
    return this.#world.wallMs() + this.#wallSkewMs;
  }

  monotonicMs(): number {
    const nowMs = this.#world.monotonicMs();
    if (this.#state !== 'suspended') this.#monotonicMs += (nowMs - this.#countedMs) * this.#rate;
    this.#countedMs = nowMs;
    return this.#monotonicMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    let isCancelled = false;
    const due = (): void => {
      // It may have been held since it came due.
      if (isCancelled || this.#state === 'dead') return;
      if (this.#state === 'running') run();
      else this.#held.push(due);
    };
    // Whole milliseconds, as real timers: who waits for the rest of one again and again would never see it pass.
    const cancel = this.#world.after(Math.ceil(delayMs) / this.#rate, due);
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  skewWall(byMs: number): void {
    this.#wallSkewMs += byMs;
  }

  pause(): void {
    this.#enter('paused');
  }

  suspend(): void {
    this.#enter('suspended');
  }

  resume(): void {
    this.#enter('running');
    const held = this.#held;
    this.#held = [];
    for (const due of held) this.#world.after(0, due);
  }

  kill(): void {
    this.#enter('dead');
    this.#held = [];
  }

  #enter(state: 'running' | 'paused' | 'suspended' | 'dead'): void {
    // Counts what has passed by the rules of the state that ends.
    this.monotonicMs();
    if (this.isRunning) this.#stoppedMs = this.#world.monotonicMs();
    if (this.#state !== 'dead') this.#state = state;
  }
}
