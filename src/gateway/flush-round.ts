import type { Time } from '../std/time.ts';

export interface Flushable {
  flush(): void;
}

/** Everything that was written to in this tick, to be flushed once at its end. */
export class FlushRound {
  readonly #time: Time;
  #due: Flushable[] = [];
  readonly #run = (): void => this.#flush();

  constructor(time: Time) {
    this.#time = time;
  }

  /** The caller sees to it that nothing is added twice before it was flushed. */
  add(flushable: Flushable): void {
    this.#due.push(flushable);
    if (this.#due.length === 1) this.#time.soon(this.#run);
  }

  #flush(): void {
    const due = this.#due;
    this.#due = [];
    for (const flushable of due) flushable.flush();
  }
}
