import { refusal } from '../protocol/protocol-error.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { PeerReply } from './peer-request.ts';

interface Pending {
  readonly deadline: number;
  readonly resolve: (reply: PeerReply) => void;
}

/** Each expiry looks at all that wait: where many are late, one after the other, that is not to be all that is done. */
const expireEveryMs = 20;

/** Requests that wait for their reply. One timer for all, set to the earliest deadline. */
export class PendingRequests {
  readonly #time: Time;
  readonly #pending = new Map<number, Pending>();
  #whenEmpty: (() => void) | undefined;
  #timer: { readonly due: number; readonly cancel: Cancel } | undefined;

  constructor(time: Time) {
    this.#time = time;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Resolves at the deadline, or a moment after it, at the latest, then as `unavailable`. Ids rise. */
  add(id: number, deadline: number, nowMs: number): Promise<PeerReply> {
    return new Promise((resolve) => {
      this.#pending.set(id, { deadline, resolve });
      if (this.#timer === undefined || deadline < this.#timer.due) this.#arm(deadline, nowMs);
    });
  }

  /** A reply that nobody waits for any more is ignored. */
  settle(id: number, reply: PeerReply): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.resolve(reply);
    this.#checkEmpty();
  }

  /** Settles all whose id is below. */
  settleBelow(id: number, reply: PeerReply): void {
    for (const [pendingId, { resolve }] of this.#pending) {
      if (pendingId >= id) break;
      this.#pending.delete(pendingId);
      resolve(reply);
    }
    this.#checkEmpty();
  }

  settleAll(reply: PeerReply): void {
    this.settleBelow(Infinity, reply);
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Calls `run` as soon as none is pending, maybe now. */
  whenEmpty(run: () => void): void {
    this.#whenEmpty = run;
    this.#checkEmpty();
  }

  #arm(due: number, nowMs: number): void {
    this.#timer?.cancel();
    this.#timer = { due, cancel: this.#time.after(Math.max(1, due - nowMs), () => this.#expire()) };
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = this.#time.monotonicMs();
    let next = Infinity;
    for (const [id, pending] of this.#pending) {
      if (pending.deadline <= nowMs) {
        this.#pending.delete(id);
        pending.resolve(refusal('unavailable', 'the peer has not answered in time'));
      } else {
        next = Math.min(next, pending.deadline);
      }
    }
    if (next !== Infinity) this.#arm(Math.max(next, nowMs + expireEveryMs), nowMs);
    this.#checkEmpty();
  }

  #checkEmpty(): void {
    if (this.#pending.size === 0) this.#whenEmpty?.();
  }
}
