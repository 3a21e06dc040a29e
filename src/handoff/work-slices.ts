import type { Time } from '../std/time.ts';

/** Of one slice: pieces, and how long they may take together. */
const piecesMax = 16;
const sliceMs = 2;

/**
 * Work in pieces that nobody waits for: after each slice of it comes a rest at least as long as the slice was, in which others
 * have their turn. All who share this share the slices.
 */
export class WorkSlices {
  readonly #time: Time;
  #pieces = 0;
  #workedMs = 0;
  #restUntilMs = 0;

  constructor(time: Time) {
    this.#time = time;
  }

  /** Does one piece when there is time for it. Rejects as `piece` does. */
  async run(piece: () => void | Promise<void>): Promise<void> {
    do await this.#turn();
    while (this.#waitMs > 0);
    const sinceMs = this.#time.monotonicMs();
    try {
      await piece();
    } finally {
      this.#worked(this.#time.monotonicMs() - sinceMs);
    }
  }

  get #waitMs(): number {
    return this.#restUntilMs - this.#time.monotonicMs();
  }

  #worked(ms: number): void {
    this.#workedMs += ms;
    if (++this.#pieces < piecesMax && this.#workedMs < sliceMs) return;
    this.#restUntilMs = this.#time.monotonicMs() + Math.max(sliceMs, this.#workedMs);
    this.#pieces = 0;
    this.#workedMs = 0;
  }

  /** Whatever has come meanwhile has its turn first, also where no rest is due. */
  #turn(): Promise<void> {
    const waitMs = this.#waitMs;
    return new Promise((resolve) => {
      if (waitMs > 0) this.#time.after(waitMs, resolve);
      else this.#time.soon(resolve);
    });
  }
}
