import type { Cancel, Time } from '../std/time.ts';
import type { Connection } from './connection.ts';

export interface SessionMoveParts {
  /** WebSocket address of the new owner. */
  readonly url: string;
  /** When to go there, from now on. */
  readonly afterMs: number;
  readonly time: Time;
  /** Opens a socket; `opened` is called at most once, and not before this returns. */
  readonly connect: (url: string, opened: () => void) => Connection;
  /** The socket to the new owner is open. */
  readonly arrived: () => void;
}

/** For calls under way when the new socket is there; whoever is not answered by then asks again on that one. */
const leaveMaxMs = 1_000;
const leavePollMs = 5;

/**
 * The way of a session to the user's new owner: first the socket, while the old owner's node still serves; then, as soon
 * as that owes no answers, the session. So nothing waits for a socket to be opened.
 */
export class SessionMove {
  readonly url: string;
  readonly #dueMs: number;
  readonly #time: Time;
  #next: Connection | undefined;
  #isOpen = false;
  #cancel: Cancel;

  constructor({ url, afterMs, time, connect, arrived }: SessionMoveParts) {
    this.url = url;
    this.#dueMs = time.monotonicMs() + afterMs;
    this.#time = time;
    this.#cancel = time.after(afterMs, () => {
      this.#next = connect(url, () => {
        this.#isOpen = true;
        arrived();
      });
    });
  }

  /** ms until it is time. */
  get restMs(): number {
    return Math.max(0, this.#dueMs - this.#time.monotonicMs());
  }

  /** To the new owner, once it is time. */
  get next(): Connection | undefined {
    return this.#next;
  }

  /** Is it open? */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Closes the old socket when it owes no answers any more; nothing may be sent on it from now on. */
  leave(old: Connection): void {
    const lateMs = this.#time.monotonicMs() + leaveMaxMs;
    const look = (): void => {
      if (old.underWay === 0 || this.#time.monotonicMs() >= lateMs) old.close('moved');
      else this.#cancel = this.#time.after(leavePollMs, look);
    };
    look();
  }

  /** The new socket is somebody else's from now on. */
  release(): void {
    this.#cancel();
  }

  /** Nothing comes of it. */
  end(): void {
    this.#cancel();
    this.#next?.close('not needed');
  }
}
