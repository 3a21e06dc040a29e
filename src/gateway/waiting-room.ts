import { ProtocolError } from '../protocol/protocol-error.ts';

/** Long polls and event streams of a node, and of one user. */
const waitingMax = 10_000;
const waitingPerUserMax = 64;

/** Counts the requests that are kept open, which would otherwise be connections without a limit. */
export class WaitingRoom {
  readonly #byUser = new Map<string, number>();
  readonly #closing = new AbortController();
  #count = 0;

  /** Aborted when the node stops: who waits answers with what there is. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  close(): void {
    this.#closing.abort();
  }

  /** Throws `overloaded` where the room is full or closing. Who enters leaves again. */
  enter(userId: string): void {
    if (this.closing.aborted) throw new ProtocolError('unavailable', 'this node is stopping');
    const ofUser = this.#byUser.get(userId) ?? 0;
    if (this.#count >= waitingMax || ofUser >= waitingPerUserMax) {
      throw new ProtocolError('overloaded', 'too many requests wait for changes', { retryAfterMs: 5_000 });
    }
    this.#byUser.set(userId, ofUser + 1);
    this.#count += 1;
  }

  leave(userId: string): void {
    const ofUser = this.#byUser.get(userId) ?? 0;
    this.#count -= 1;
    if (ofUser > 1) this.#byUser.set(userId, ofUser - 1);
    else this.#byUser.delete(userId);
  }
}
