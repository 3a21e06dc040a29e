import type { Settings } from '../config/settings.ts';
import { KeyedBuckets } from '../std/keyed-buckets.ts';
import { TokenBucket } from '../std/token-bucket.ts';

/*
 * What a node takes in before anybody has said who they are. Each bound is far above what clients do and far below
 * what hurts: they are there for floods and for the storm of reconnects after an outage.
 */
const openingsPerSecond = 2_000;
const openingsBurst = 10_000;
/** Connections without a session, of all and of one address. Each costs garbage collection, and real ones have one soon. */
const unopenedMax = 4_096;
const unopenedPerAddressMax = 1_024;
/** Addresses, and users to log in, that are remembered at once. */
const keysMax = 50_000;

/** Why somebody is not let in, and when to come back. */
export interface Turned {
  readonly kind: 'turned';
  readonly reason: 'full' | 'rate' | 'address' | 'stopping';
  readonly retryAfterMs: number;
}

/** Counts a connection as one without a session until `leave` is called, for the first time. */
export interface Ticket {
  readonly kind: 'ticket';
  readonly leave: () => void;
}

/** Bounds what comes from addresses: connections without a session, registrations, log-ins. */
export class Admission {
  readonly #connectionsMax: number;
  readonly #openings: TokenBucket;
  readonly #registrations: KeyedBuckets;
  readonly #logIns: KeyedBuckets;
  readonly #logInsOfUser: KeyedBuckets;
  readonly #unopened = new Map<string, number>();
  #unopenedCount = 0;
  #stopping = false;

  constructor(limits: Settings['limits'], nowMs: number) {
    this.#connectionsMax = limits.connectionsMax;
    this.#openings = new TokenBucket(openingsPerSecond, openingsBurst, nowMs);
    this.#registrations = perMinute(limits.accountsPerMinutePerAddress);
    this.#logIns = perMinute(limits.loginsPerMinutePerAddress);
    this.#logInsOfUser = perMinute(limits.loginsPerMinutePerUser);
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  stop(): void {
    this.#stopping = true;
  }

  /** Lets one more connection in, or not. */
  enter(address: string, connections: number, nowMs: number): Ticket | Turned {
    if (this.#stopping) return { kind: 'turned', reason: 'stopping', retryAfterMs: 1_000 };
    if (connections >= this.#connectionsMax || this.#unopenedCount >= unopenedMax) {
      return { kind: 'turned', reason: 'full', retryAfterMs: 5_000 };
    }
    const ofAddress = this.#unopened.get(address) ?? 0;
    if (ofAddress >= unopenedPerAddressMax) {
      return { kind: 'turned', reason: 'address', retryAfterMs: 5_000 };
    }
    const retryAfterMs = this.#openings.take(nowMs);
    if (retryAfterMs > 0) return { kind: 'turned', reason: 'rate', retryAfterMs };
    this.#unopened.set(address, ofAddress + 1);
    this.#unopenedCount += 1;
    let isCounted = true;
    const leave = (): void => {
      if (isCounted) this.#leave(address);
      isCounted = false;
    };
    return { kind: 'ticket', leave };
  }

  /** 0, or the ms after which this address may register again. */
  register(address: string, nowMs: number): number {
    return this.#registrations.take(address, nowMs);
  }

  /** 0, or the ms after which this address may log in again. */
  logIn(address: string, nowMs: number): number {
    return this.#logIns.take(address, nowMs);
  }

  /** The same for this user, from whatever address; also for one who does not exist. */
  logInTo(userId: string, nowMs: number): number {
    return this.#logInsOfUser.take(userId, nowMs);
  }

  #leave(address: string): void {
    const ofAddress = this.#unopened.get(address) ?? 0;
    this.#unopenedCount -= 1;
    if (ofAddress > 1) this.#unopened.set(address, ofAddress - 1);
    else this.#unopened.delete(address);
  }
}

/** A minute's worth may come at once. */
function perMinute(count: number): KeyedBuckets {
  return new KeyedBuckets({ tokensPerSecond: count / 60, burst: count, keysMax });
}
