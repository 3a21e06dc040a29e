import { createLocalJWKSet, errors } from 'jose';
import type { CryptoKey, FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from 'jose';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Cancel, Time } from '../std/time.ts';
import { JwtChecker } from './jwt-checker.ts';
import type { TokenVerifier } from './token-verifier.ts';
import type { VerifiedToken } from './verified-token.ts';

export interface JwksIssuerOptions {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** The `aud` of tokens for this service. */
  readonly audience: string;
  /** The claim that has the user id. */
  readonly userClaim: string;
  /** Gets what the issuer publishes now; bounded in time. */
  readonly fetchKeys: () => Promise<JSONWebKeySet>;
  readonly time: Time;
  /** The keys could not be fetched. */
  readonly onTrouble: (error: unknown) => void;
}

/** Public keys only: a shared secret cannot come over this way. */
const algorithms = [
  ...['EdDSA', 'Ed25519', 'ES256', 'ES384', 'ES512'],
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
];
/** After that the keys are fetched anew, while the known ones go on to serve. */
const refreshMs = 10 * 60_000;
/** While somebody wants to hear of withdrawn keys, whether or not tokens come. */
const lookMs = 60_000;
/** Keys that nobody has asked for so long, as in a quiet night, serve only where the issuer is out of reach. */
const staleMs = 20 * 60_000;
/** After an outage of that length the known keys are trusted no longer: they may have been withdrawn. */
const trustMs = 24 * 3_600_000;
/** Unknown key ids make nobody ask more often than that, nor does an issuer that is out of reach. */
const askAgainMs = 5_000;

interface KnownKeys {
  readonly keys: ReadonlySet<string>;
  readonly keyFor: ReturnType<typeof createLocalJWKSet>;
  readonly askedMs: number;
}

/**
 * Tokens of an external issuer, checked with the keys that it publishes: fetched when first needed, again every ten
 * minutes and for an unknown key id (rotation), kept for a day while the issuer is out of reach. Where one was withdrawn,
 * what was verified before is verified anew.
 */
export class JwksIssuer implements TokenVerifier {
  readonly #options: JwksIssuerOptions;
  readonly #checker: JwtChecker;
  #known: KnownKeys | undefined;
  #failedMs = -Infinity;
  #fetching: Promise<KnownKeys> | undefined;
  readonly #listeners = new Set<() => void>();
  #isLooking = false;

  constructor(options: JwksIssuerOptions) {
    const { issuer, audience, userClaim, time } = options;
    this.#options = options;
    const keyFor = this.#keyFor.bind(this);
    this.#checker = new JwtChecker({ issuer, audience, algorithms, userClaim, keyFor }, time);
  }

  async verify(token: string): Promise<VerifiedToken> {
    const ageMs = this.#ageMs;
    if (ageMs >= trustMs) await this.#fetch();
    else if (ageMs >= staleMs) await this.#refresh();
    else void this.#refresh();
    return this.#checker.verify(token);
  }

  onWithdrawn(listener: () => void): Cancel {
    this.#listeners.add(listener);
    this.#lookLater();
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async #keyFor(header?: JWSHeaderParameters, token?: FlattenedJWSInput): Promise<CryptoKey> {
    const known = this.#known ?? (await this.#fetch());
    try {
      return await known.keyFor(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || this.#ageMs < askAgainMs) throw error;
    }
    const { keyFor } = await this.#fetch();
    return keyFor(header, token);
  }

  get #ageMs(): number {
    return this.#options.time.monotonicMs() - (this.#known?.askedMs ?? -Infinity);
  }

  get #mayAsk(): boolean {
    return this.#options.time.monotonicMs() - this.#failedMs >= askAgainMs;
  }

  #lookLater(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#options.time.after(lookMs, () => {
      this.#isLooking = false;
      if (this.#listeners.size === 0) return;
      void this.#refresh();
      this.#lookLater();
    });
  }

  /** Fetches known keys anew where it is time; never rejects, as they are good enough meanwhile. */
  async #refresh(): Promise<void> {
    if (this.#known === undefined || this.#ageMs < refreshMs || !this.#mayAsk) return;
    try {
      await this.#fetch();
    } catch {
      // It was reported, and the next token or look asks again.
    }
  }

  /** Rejects with ProtocolError. Those who come while it runs share it. */
  #fetch(): Promise<KnownKeys> {
    this.#fetching ??= this.#fetched().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetched(): Promise<KnownKeys> {
    const { time, fetchKeys, onTrouble } = this.#options;
    if (!this.#mayAsk) throw outOfReach();
    const askedMs = time.monotonicMs();
    let known: KnownKeys;
    try {
      const keySet = await fetchKeys();
      const keys = new Set(keySet.keys.map((key) => JSON.stringify(key)));
      known = { keys, keyFor: createLocalJWKSet(keySet), askedMs };
    } catch (error) {
      this.#failedMs = time.monotonicMs();
      onTrouble(error);
      throw outOfReach(error);
    }
    this.#take(known);
    return known;
  }

  /** What a key that is still there has signed stays good, whatever was added. */
  #take(known: KnownKeys): void {
    const former = [...(this.#known?.keys ?? [])];
    this.#known = known;
    if (former.every((key) => known.keys.has(key))) return;
    this.#checker.forget();
    for (const listener of this.#listeners) listener();
  }
}

function outOfReach(cause?: unknown): ProtocolError {
  const details = { retryAfterMs: askAgainMs };
  return new ProtocolError('unavailable', 'the issuer of tokens is out of reach', details, { cause });
}
