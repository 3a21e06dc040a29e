import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';

/** One item that waits for its answer. */
export interface Waiting<Item, Result> {
  readonly item: Item;
  readonly deadline: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: ProtocolError) => void;
}

export interface BatchLaneParts<Item, Result> {
  readonly time: Time;
  /** Items that may wait. */
  readonly waitingMax: number;
  /** Items in one batch. */
  readonly batchMax: number;
  /** Settles every item; where it rejects, those that it has not settled are refused with that. */
  readonly work: (batch: readonly Waiting<Item, Result>[]) => Promise<void>;
  /** Nothing waits any more: the lane may be forgotten. */
  readonly idle: () => void;
}

/** One batch under way, everything that waits goes into the next: the order, and the batching. */
export class BatchLane<Item, Result> {
  readonly #parts: BatchLaneParts<Item, Result>;
  readonly #waiting: Waiting<Item, Result>[] = [];
  #isBusy = false;

  constructor(parts: BatchLaneParts<Item, Result>) {
    this.#parts = parts;
  }

  /** Rejects with ProtocolError. */
  add(item: Item, deadline: number): Promise<Result> {
    if (this.#waiting.length >= this.#parts.waitingMax) {
      const error = new ProtocolError('overloaded', 'too much waits in this conversation', {
        retryAfterMs: 200,
      });
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, deadline, resolve, reject });
      if (this.#isBusy) return;
      this.#isBusy = true;
      // What else came in with this tick shares the batch.
      this.#parts.time.soon(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#parts.batchMax);
      try {
        await this.#parts.work(batch);
      } catch (error) {
        const failure =
          error instanceof ProtocolError ? error : new ProtocolError('internal', 'internal error');
        // None may overtake what is tried again elsewhere (G3).
        const behind = failure.kind === 'moved' ? this.#waiting.splice(0) : [];
        for (const { reject } of [...batch, ...behind]) reject(failure);
      }
    }
    this.#isBusy = false;
    this.#parts.idle();
  }
}

/** Until when the last of a batch waits. */
export function latestDeadline(batch: readonly { readonly deadline: number }[]): number {
  return batch.reduce((latest, { deadline }) => Math.max(latest, deadline), 0);
}
