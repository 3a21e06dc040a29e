import { NodeTime } from '../support/node-time.ts';
import type { VirtualTime } from '../support/virtual-time.ts';

/**
 * One process on one machine of the simulated world. It runs while it is alive and not paused; what reaches it
 * meanwhile (bytes, answers, calls) waits in the order of its arrival, as in the buffers of a kernel. After `kill`
 * nothing that it began goes on, as after kill -9; what it had sent by then still lands.
 */
export class SimProcess {
  readonly time: NodeTime;
  readonly world: VirtualTime;
  readonly #deathListeners: (() => void)[] = [];
  #arrived: (() => void)[] = [];
  #isDead = false;

  /** @param rate how fast its clocks run */
  constructor(world: VirtualTime, rate: number, startMs: number) {
    this.world = world;
    this.time = new NodeTime(world, rate, startMs);
  }

  get isAlive(): boolean {
    return !this.#isDead;
  }

  get isRunning(): boolean {
    return this.time.isRunning;
  }

  /** Something from outside reaches the process: now, or when it runs again. */
  enter(run: () => void): void {
    if (this.#isDead) return;
    if (this.isRunning && this.#arrived.length === 0) run();
    else this.#arrived.push(run);
  }

  onDeath(listener: () => void): void {
    this.#deathListeners.push(listener);
  }

  resume(): void {
    if (this.#isDead || this.isRunning) return;
    this.time.resume();
    this.world.after(0, () => {
      this.#drain();
    });
  }

  kill(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#arrived = [];
    this.time.kill();
    for (const listener of this.#deathListeners) listener();
  }

  /** One at a time: each may set off promises that have to settle before the next. */
  #drain(): void {
    if (!this.isRunning) return;
    const next = this.#arrived[0];
    if (next === undefined) return;
    next();
    this.#arrived.shift();
    this.world.after(0, () => {
      this.#drain();
    });
  }
}
