import { ProtocolError } from '../protocol/protocol-error.ts';
import { jitteredMs } from '../std/backoff.ts';
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
/** Claims at once, beside the commits of those who chat; what was sent ahead has to be unpacked for them as well. */
const claimsAtOnce = 4;

/** Until users on whom somebody listens only now are claimed: most commit something before, and need no claim. */
const lateRoundMs = 5_000;
/** Nobody's answer depends on these, so they have to be hardly noticed beside the others. */
const lateClaimsAtOnce = 4;
/** Users that wait for the next such round. Those beyond are served as before: each read asks the store. */
const lateClaimsMax = 50_000;
const lateTriesMax = 5;

/**
 * Claims the mailboxes that this node has taken over and on which somebody listens. A former owner that has not heard
 * of the view may commit after the listeners have read what was there; nobody here would hear of that until the
 * user's next change (G8). The claim conflicts with such a commit, and none can follow it.
 *
 * The same goes for users on whom somebody begins to listen later, as a commit may be on its way for long. And what nobody
 * has committed under the present view is compared with the store at each read, where reads are from memory otherwise.
 */
export class MailboxClaims {
  readonly #parts: ClaimParts;
  readonly #timers = new Set<Cancel>();
  /** Users of the next late round, and how often each was tried. */
  #late = new Map<string, number>();
  #isLateRoundDue = false;
  #isStopped = false;

  constructor(parts: ClaimParts) {
    this.#parts = parts;
  }

  /** @param isDue says of a user whether this node has taken it over, and still owns it */
  begin(isDue: (userId: string) => boolean): void {
    this.#next(isDue, this.#parts.time.monotonicMs(), 0);
  }

  /** Somebody listens on this user's feed from now on; nobody did. */
  heard(userId: string): void {
    if (this.#late.size < lateClaimsMax && !this.#late.has(userId)) this.#late.set(userId, 0);
    this.#lateRoundSoon();
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
    const waitMs = sinceMs + jitteredMs(atMs, random) - time.monotonicMs();
    this.#after(Math.max(0, waitMs), () => {
      void this.#round(isDue).then((failed) => {
        if (round + 1 < roundsMs.length) this.#next(isDue, sinceMs, round + 1);
        else for (const userId of failed) this.heard(userId);
      });
    });
  }

  #lateRoundSoon(): void {
    if (this.#isLateRoundDue || this.#isStopped || this.#late.size === 0) return;
    this.#isLateRoundDue = true;
    this.#after(jitteredMs(lateRoundMs, this.#parts.random), () => {
      void this.#lateRound().then(() => {
        this.#isLateRoundDue = false;
        this.#lateRoundSoon();
      });
    });
  }

  async #lateRound(): Promise<void> {
    const due = [...this.#late];
    this.#late = new Map();
    for (let first = 0; first < due.length && !this.#isStopped; first += lateClaimsAtOnce) {
      const some = due.slice(first, first + lateClaimsAtOnce);
      await Promise.all(some.map(([userId, tries]) => this.#claimLate(userId, tries + 1)));
    }
  }

  async #claimLate(userId: string, tries: number): Promise<void> {
    // Meanwhile nobody may listen any more, or not here.
    if (!this.#parts.registry.isWatched(userId)) return;
    if (await this.#claim(userId)) return;
    if (tries < lateTriesMax) this.#late.set(userId, tries);
    // Listeners find out by themselves, at a read that asks the store, and give up where that fails for long.
    else this.#parts.registry.mayHaveMissed(userId);
  }

  #after(waitMs: number, run: () => void): void {
    const cancel = this.#parts.time.after(waitMs, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }

  /** @returns users that could not be claimed */
  async #round(isDue: (userId: string) => boolean): Promise<readonly string[]> {
    const due = this.#parts.registry.watchedUsers.filter(isDue);
    const failed: string[] = [];
    for (let first = 0; first < due.length && !this.#isStopped; first += claimsAtOnce) {
      // Meanwhile it may have moved on.
      const some = due.slice(first, first + claimsAtOnce).filter(isDue);
      const claimed = await Promise.all(some.map((userId) => this.#claim(userId)));
      failed.push(...some.filter((_, index) => claimed[index] !== true));
    }
    return failed;
  }

  /** @returns whether it is claimed now */
  async #claim(userId: string): Promise<boolean> {
    const { registry, time, deadlineMs, alarm } = this.#parts;
    try {
      await registry.mailbox(userId).claim(time.monotonicMs() + deadlineMs);
      return true;
    } catch (error) {
      // Moved on, or out of reach: the next round looks again.
      if (!(error instanceof ProtocolError) || error.kind === 'internal') alarm(error, `claim of ${userId}`);
      return false;
    }
  }
}
