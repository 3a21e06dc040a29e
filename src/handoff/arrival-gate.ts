import type { Member } from '../ring/member.ts';
import type { Time } from '../std/time.ts';

export interface ArrivalGateParts {
  /** Has that start of a node a link to this one now? */
  readonly isReachedBy: (member: Member) => boolean;
  /** Nobody has come for so long, ms; is called again and again. Must not throw. */
  readonly onUnreached: (by: readonly string[], waitedMs: number) => void;
  readonly time: Time;
}

const pollMs = 20;
const reportEveryMs = 10_000;

/**
 * Keeps a node that nobody reaches from getting users: those of other nodes could not send to them. One node that serves
 * users and lives has to have a link to it, which takes the right address and the cluster's secret. Where none lives, as far
 * as can be seen, there is nothing to wait for.
 */
export class ArrivalGate {
  readonly #parts: ArrivalGateParts;
  #closed: { readonly sinceMs: number; readonly by: readonly string[] } | undefined;

  constructor(parts: ArrivalGateParts) {
    this.#parts = parts;
  }

  /** Ids of those that live and don't reach this node, while it waits for one of them; empty: it doesn't. */
  get unreachedBy(): readonly string[] {
    return this.#closed?.by ?? [];
  }

  /**
   * Looks until it is open, `isOver`, or it is time to look at all else again.
   * @param livingServers other members that serve users and live, for all that is known
   * @returns how long that took, ms; 0: it was open
   */
  async wait(livingServers: () => readonly Member[], isOver: () => boolean): Promise<number> {
    const { onUnreached, time } = this.#parts;
    const beganMs = time.monotonicMs();
    let waitedMs = 0;
    while (!isOver() && !this.#isOpen(livingServers())) {
      if (waitedMs >= reportEveryMs) {
        onUnreached(this.unreachedBy, time.monotonicMs() - (this.#closed?.sinceMs ?? beganMs));
        return waitedMs;
      }
      await new Promise<void>((resolve) => {
        time.after(pollMs, resolve);
      });
      waitedMs = time.monotonicMs() - beganMs;
    }
    this.#closed = undefined;
    return waitedMs;
  }

  /** Nobody waits any more. */
  leave(): void {
    this.#closed = undefined;
  }

  #isOpen(living: readonly Member[]): boolean {
    if (living.length === 0 || living.some(this.#parts.isReachedBy)) return true;
    const sinceMs = this.#closed?.sinceMs ?? this.#parts.time.monotonicMs();
    this.#closed = { sinceMs, by: living.map(({ nodeId }) => nodeId) };
    return false;
  }
}
