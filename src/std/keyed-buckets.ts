import { TokenBucket } from './token-bucket.ts';

export interface BucketRates {
  readonly tokensPerSecond: number;
  readonly burst: number;
  /** Keys remembered at once; beyond it the one unused for longest is forgotten, and starts anew. */
  readonly keysMax: number;
}

/** A token bucket for each key (an address, a user), in bounded memory. */
export class KeyedBuckets {
  readonly #rates: BucketRates;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rates: BucketRates) {
    this.#rates = rates;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** As `TokenBucket.take`, for the bucket of this key. */
  take(key: string, nowMs: number): number {
    return this.of(key, nowMs).take(nowMs);
  }

  /** The bucket of this key; whoever keeps it shares it with later askers while it is remembered. */
  of(key: string, nowMs: number): TokenBucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) {
      this.#buckets.delete(key); // to the end: a Map keeps the order of insertion
      this.#buckets.set(key, known);
      return known;
    }
    const { tokensPerSecond, burst, keysMax } = this.#rates;
    if (this.#buckets.size >= keysMax) this.#forgetOldest();
    const bucket = new TokenBucket(tokensPerSecond, burst, nowMs);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #forgetOldest(): void {
    const oldest = this.#buckets.keys().next();
    if (!oldest.done) this.#buckets.delete(oldest.value);
  }
}
