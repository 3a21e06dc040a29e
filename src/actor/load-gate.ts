import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Cancel, Time } from '../std/time.ts';

export interface LoadLimits {
  /** Rows that are read into memory at once, and those that wait for it. */
  readonly loadsAtOnceMax: number;
  readonly loadsWaitingMax: number;
}

export interface LoadGateParts {
  readonly limits: LoadLimits;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
}

/** Who is turned away comes back within this, spread. */
const retryFirstMs = 200;
const retrySpreadMs = 1_800;

/**
 * Lets a bounded number of rows be read into memory at once, in the order in which they were asked for (G10): after a
 * take-over many are wanted at the same time, and a store that is asked for all of them serves none in time.
 */
export class LoadGate {
  readonly #parts: LoadGateParts;
  readonly #waiting = new Set<() => void>();
  #running = 0;
  #refused = 0;

  constructor(parts: LoadGateParts) {
    this.#parts = parts;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** How many were turned away. */
  get refused(): number {
    return this.#refused;
  }

  /** Rejects with ProtocolError `overloaded` where too many wait, or the deadline comes before its turn. */
  async run<Loaded>(load: () => Promise<Loaded>, deadline: number): Promise<Loaded> {
    if (this.#running < this.#parts.limits.loadsAtOnceMax) this.#running++;
    else await this.#turn(deadline);
    try {
      return await load();
    } finally {
      this.#next();
    }
  }

  #turn(deadline: number): Promise<void> {
    const { limits, time } = this.#parts;
    if (this.#waiting.size >= limits.loadsWaitingMax) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      let cancel: Cancel = () => undefined;
      const begin = (): void => {
        cancel();
        resolve();
      };
      cancel = time.after(deadline - time.monotonicMs(), () => {
        this.#waiting.delete(begin);
        reject(this.#refusal());
      });
      this.#waiting.add(begin);
    });
  }

  /** The place goes to who has waited longest. */
  #next(): void {
    for (const begin of this.#waiting) {
      this.#waiting.delete(begin);
      begin();
      return;
    }
    this.#running--;
  }

  #refusal(): ProtocolError {
    this.#refused++;
    const retryAfterMs = Math.round(retryFirstMs + this.#parts.random() * retrySpreadMs);
    return new ProtocolError('overloaded', 'many users are being taken over; try again', { retryAfterMs });
  }
}
