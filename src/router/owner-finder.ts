import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Member } from '../ring/member.ts';
import type { RingView } from '../ring/ring-view.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Time } from '../std/time.ts';
import type { RingPort } from './ring-port.ts';

/** Who serves a user, by the view in force. */
export type Owner =
  { readonly kind: 'here' } | { readonly kind: 'there'; readonly member: Member; readonly epoch: number };

export interface OwnerFinderParts {
  readonly ring: RingPort;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
}

const here: Owner = { kind: 'here' };
/** Between two tries while the nodes don't agree about the owner; a new view ends the pause. */
const backoff = { baseMs: 10, maxMs: 250 };
/** For a view that others have adopted. */
const laterViewMaxMs = 150;

/** Refused by who was asked because it doesn't own the user; nothing was changed. */
export function isMoved(error: unknown): boolean {
  return error instanceof ProtocolError && error.kind === 'moved';
}

/** Finds who owns a user, and asks again where the nodes don't agree about that yet. */
export class OwnerFinder {
  readonly #parts: OwnerFinderParts;

  constructor(parts: OwnerFinderParts) {
    this.#parts = parts;
  }

  get view(): RingView {
    const { view } = this.#parts.ring;
    if (view === undefined)
      throw new ProtocolError('unavailable', 'this node has not joined its cluster yet');
    return view;
  }

  isSelfIn(view: RingView): boolean {
    return view.hasIncarnation(this.#parts.ring.self.incarnation);
  }

  /** @throws ProtocolError `unavailable` before this node has joined the ring */
  ownerOf(userId: string): Owner {
    const { view } = this;
    const member = view.ownerOf(userId);
    return member.incarnation === this.#parts.ring.self.incarnation
      ? here
      : { kind: 'there', member, epoch: view.epoch };
  }

  /** Asks the owner; where that rejects with `moved`, the next one, until the deadline. Rejects with ProtocolError. */
  async ask<Answer>(
    userId: string,
    deadline: number,
    act: (owner: Owner) => Promise<Answer>,
  ): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      const { view } = this;
      try {
        return await act(this.ownerOf(userId));
      } catch (error) {
        if (!isMoved(error)) throw error;
      }
      await this.pause(tries, deadline, view);
    }
  }

  /**
   * Before try number `tries + 1`; not at all where a view has come into force since the one by which the last try was made.
   * Rejects with `unavailable` where the deadline comes first.
   */
  async pause(tries: number, deadline: number, asked: RingView): Promise<void> {
    if (this.view !== asked) return;
    const { random, time } = this.#parts;
    const waitMs = backoffDelayMs(backoff, tries - 1, random);
    if (time.monotonicMs() + waitMs >= deadline) {
      throw new ProtocolError('unavailable', 'this user is being moved; try again', { retryAfterMs: 100 });
    }
    await this.#news(waitMs);
  }

  /**
   * Resolves when the view of that epoch is in force here, after a short while at the latest. Somebody has adopted it,
   * so this node is about to: who was refused for that would pause, and ask again.
   */
  async until(epoch: number, deadline: number): Promise<void> {
    const { time } = this.#parts;
    const lateMs = Math.min(deadline, time.monotonicMs() + laterViewMaxMs);
    while (this.view.epoch < epoch && time.monotonicMs() < lateMs) {
      await this.#news(lateMs - time.monotonicMs());
    }
  }

  /** Resolves at the next view, or after that time. */
  #news(waitMs: number): Promise<void> {
    const { ring, time } = this.#parts;
    return new Promise((resolve) => {
      const resume = (): void => {
        cancelTimer();
        cancelNews();
        resolve();
      };
      const cancelTimer = time.after(waitMs, resume);
      // At the end of the tick: all who listen have adopted the view then.
      const cancelNews = ring.onView(() => {
        time.soon(resume);
      });
    });
  }
}
