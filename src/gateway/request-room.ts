import type { ServerResponse } from 'node:http';
import { ProtocolError } from '../protocol/protocol-error.ts';

/** Requests of all users of a node. */
const requestsMax = 10_000;

/**
 * Counts the requests of one kind that are kept, by user: each from when it is known whose it is until its answer has
 * been taken, or its connection is gone. They would otherwise be connections without a limit, with what they hold.
 */
export class RequestRoom {
  readonly #ofUserMax: number;
  readonly #byUser = new Map<string, number>();
  readonly #closing = new AbortController();
  #count = 0;

  constructor(ofUserMax: number) {
    this.#ofUserMax = ofUserMax;
  }

  /** Aborted when the node stops: who waits answers with what there is. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  close(): void {
    this.#closing.abort();
  }

  /** Throws `overloaded` where the room is full, `unavailable` where it is closing or nobody is there any more. */
  enter(userId: string, response: ServerResponse): void {
    if (this.closing.aborted) throw new ProtocolError('unavailable', 'this node is stopping');
    if (response.destroyed) throw new ProtocolError('unavailable', 'the client is gone');
    const ofUser = this.#byUser.get(userId) ?? 0;
    if (this.#count >= requestsMax || ofUser >= this.#ofUserMax) {
      throw new ProtocolError('overloaded', 'too many requests at once', { retryAfterMs: 5_000 });
    }
    this.#byUser.set(userId, ofUser + 1);
    this.#count += 1;
    response.once('close', () => this.#leave(userId));
  }

  #leave(userId: string): void {
    const ofUser = this.#byUser.get(userId) ?? 0;
    this.#count -= 1;
    if (ofUser > 1) this.#byUser.set(userId, ofUser - 1);
    else this.#byUser.delete(userId);
  }
}
