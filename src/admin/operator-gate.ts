import { addressKey } from '../gateway/client-address.ts';
import { KeyedBuckets } from '../std/keyed-buckets.ts';
import type { Time } from '../std/time.ts';
import type { OperatorToken } from './operator-token.ts';

/** Wrong tokens that one address may show at once, and a second. */
const wrongBurst = 10;
const wrongPerSecond = 0.5;
const addressesMax = 10_000;

export type Entry =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'refused' }
  /** Too many wrong ones: this one was not looked at. */
  | { readonly kind: 'limited'; readonly retryAfterMs: number };

/** Lets operators in by their token, and slows down whoever guesses. */
export class OperatorGate {
  readonly #token: OperatorToken;
  readonly #time: Time;
  /** Taken from for each wrong token. */
  readonly #wrong = new KeyedBuckets({
    tokensPerSecond: wrongPerSecond,
    burst: wrongBurst,
    keysMax: addressesMax,
  });

  constructor(token: OperatorToken, time: Time) {
    this.#token = token;
    this.#time = time;
  }

  /** Checks an `Authorization` header from an address. */
  enter(authorization: string | undefined, remoteAddress: string | undefined): Entry {
    const nowMs = this.#time.monotonicMs();
    const bucket = this.#wrong.of(addressKey(remoteAddress), nowMs);
    const waitMs = bucket.waitMs(nowMs);
    if (waitMs > 0) return { kind: 'limited', retryAfterMs: waitMs };
    if (this.#token.admits(authorization)) return { kind: 'admitted' };
    bucket.take(nowMs);
    return { kind: 'refused' };
  }
}
