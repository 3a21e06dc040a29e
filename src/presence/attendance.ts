import { LRUCache } from 'lru-cache';
import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { PresenceState } from './presence-port.ts';

export interface AttendanceParts {
  readonly registry: Pick<EntityRegistry, 'isWatched' | 'onAudience' | 'onUnheard'>;
  /** Has this node owned the user without a break since that epoch? */
  readonly keeps: (userId: string, sinceEpoch: number) => boolean;
  readonly epoch: () => number;
  readonly time: Time;
  /** Somebody has come (back), or has been gone for `lingerMs`; or is back, and was written to meanwhile. */
  readonly changed: (userId: string) => void;
}

/** Who is back within this time was not away: a reconnect, or the pause between two long polls. */
export const lingerMs = 5_000;
/** Users whose last time is remembered. */
const awayMax = 100_000;
/** Users who have just left. Those beyond are away at once. */
const leavingMax = 50_000;

interface Departure {
  /** Epoch ms. */
  readonly atMs: number;
  readonly dueMs: number;
  readonly epoch: number;
  /** Something was committed since. */
  readonly isWrittenTo: boolean;
}

/** Which users of this node are there: those on whose feed some device listens, here or at another node. In memory only. */
export class Attendance {
  readonly #parts: AttendanceParts;
  /** In the order in which they left. */
  readonly #leaving = new Map<string, Departure>();
  readonly #away = new LRUCache<string, Departure>({ max: awayMax });
  #cancelSweep: Cancel | undefined;

  constructor(parts: AttendanceParts) {
    this.#parts = parts;
    parts.registry.onAudience((userId, isHeard) => {
      if (isHeard) this.#came(userId);
      else this.#left(userId);
    });
    parts.registry.onUnheard((userId) => {
      const departure = this.#leaving.get(userId);
      if (departure !== undefined) this.#leaving.set(userId, { ...departure, isWrittenTo: true });
    });
  }

  stateOf(userId: string): PresenceState {
    const { registry, keeps, time } = this.#parts;
    if (registry.isWatched(userId) || this.#leaving.has(userId)) {
      return { online: true, lastSeen: time.wallMs() };
    }
    const away = this.#away.get(userId);
    // Elsewhere meanwhile: then this is not the last time.
    const isLast = away !== undefined && keeps(userId, away.epoch);
    return { online: false, lastSeen: isLast ? away.atMs : 0 };
  }

  stop(): void {
    this.#cancelSweep?.();
  }

  #came(userId: string): void {
    const departure = this.#leaving.get(userId);
    this.#away.delete(userId);
    this.#leaving.delete(userId);
    // Also where it counts as not away: a conversation may have begun while nobody listened.
    if (departure === undefined || departure.isWrittenTo) this.#parts.changed(userId);
  }

  #left(userId: string): void {
    const { time, epoch } = this.#parts;
    const [first] = this.#leaving;
    if (this.#leaving.size >= leavingMax && first !== undefined) this.#isGone(...first);
    const dueMs = time.monotonicMs() + lingerMs;
    this.#leaving.set(userId, { atMs: time.wallMs(), dueMs, epoch: epoch(), isWrittenTo: false });
    this.#sweepLater();
  }

  #sweepLater(): void {
    const { time } = this.#parts;
    const [first] = this.#leaving.values();
    if (this.#cancelSweep !== undefined || first === undefined) return;
    this.#cancelSweep = time.after(Math.max(1, first.dueMs - time.monotonicMs()), () => {
      this.#cancelSweep = undefined;
      const nowMs = time.monotonicMs();
      for (const [userId, departure] of this.#leaving) {
        if (departure.dueMs > nowMs) break;
        this.#isGone(userId, departure);
      }
      this.#sweepLater();
    });
  }

  #isGone(userId: string, departure: Departure): void {
    this.#leaving.delete(userId);
    this.#away.set(userId, departure);
    this.#parts.changed(userId);
  }
}
