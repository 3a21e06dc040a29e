import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { EntityRegistry } from './entity-registry.ts';

export interface ClaimParts {
  readonly registry: EntityRegistry;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  /** For one claim, ms. */
  readonly deadlineMs: number;
  readonly alarm: (error: unknown, what: string) => void;
}

/**
 * After a view came into force: soon, as its former owner mostly knows by then, and again for users on whom somebody
 * listens only now, and for those that could not be claimed.
 */
const roundsMs = [250, 1_000, 3_000, 8_000, 20_000];
/** Claims at once, beside the commits of those who chat. */
const claimsAtOnce = 16;

/**
 * Claims the mailboxes that this node has taken over and on which somebody listens. A former owner that has not heard
 * of the view may commit after the listeners have read what was there; nobody here would hear of that until the
 * user's next change (G8). The claim conflicts with such a commit, and none can follow it.
 */
export class MailboxClaims {
  readonly #parts: ClaimParts;
  readonly #timers = new Set<Cancel>();
  #isStopped = false;

  constructor(parts: ClaimParts) {
    this.#parts = parts;
  }

  /** @param isDue says of a user whether this node has taken it over, and still owns it */
  begin(isDue: (userId: string) => boolean): void {
    this.#next(isDue, this.#parts.time.monotonicMs(), 0);
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  #next(isDue: (userId: string) => boolean, sinceMs: number, round: number): void {
    const atMs = roundsMs[round];
    if (atMs === undefined || this.#isStopped) return;
    const { time, random } = this.#parts;
    const waitMs = sinceMs + atMs * (0.75 + random() / 2) - time.monotonicMs();
    const cancel = time.after(Math.max(0, waitMs), () => {
      this.#timers.delete(cancel);
      void this.#round(isDue).then(() => {
        this.#next(isDue, sinceMs, round + 1);
      });
    });
    this.#timers.add(cancel);
  }

  async #round(isDue: (userId: string) => boolean): Promise<void> {
    const due = this.#parts.registry.watchedUsers.filter(isDue);
    for (let first = 0; first < due.length && !this.#isStopped; first += claimsAtOnce) {
      // Meanwhile it may have moved on.
      const some = due.slice(first, first + claimsAtOnce).filter(isDue);
      await Promise.all(some.map((userId) => this.#claim(userId)));
    }
  }

  async #claim(userId: string): Promise<void> {
    const { registry, time, deadlineMs, alarm } = this.#parts;
    try {
      await registry.mailbox(userId).claim(time.monotonicMs() + deadlineMs);
    } catch (error) {
      // Moved on, or out of reach: the next round looks again.
      if (!(error instanceof ProtocolError) || error.kind === 'internal') alarm(error, `claim of ${userId}`);
    }
  }
}
