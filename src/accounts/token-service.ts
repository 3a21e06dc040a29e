import { errors, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { isId } from '../protocol/conversation-id.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';
import type { SigningKey } from './signing-key.ts';
import type { VerifiedToken } from './verified-token.ts';

const issuer = 'mailring';
const audience = 'mailring';
const verifiedTokensMax = 20_000;

export interface IssuedToken {
  readonly token: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/**
 * Issues tokens and checks them. The algorithm is the key's, never the token's. What was verified once is
 * remembered until it expires, in bounded memory, so that a reconnect costs a look-up.
 */
export class TokenService {
  readonly #key: SigningKey;
  readonly #lifetimeMs: number;
  readonly #time: Time;
  readonly #verified = new LRUCache<string, VerifiedToken>({ max: verifiedTokensMax });

  constructor(key: SigningKey, lifetimeMs: number, time: Time) {
    this.#key = key;
    this.#lifetimeMs = lifetimeMs;
    this.#time = time;
  }

  async issue(userId: string): Promise<IssuedToken> {
    const nowMs = this.#time.wallMs();
    const expiresAt = nowMs + this.#lifetimeMs;
    // A fraction of a second, as NumericDate allows: revocation "before this moment" has to be exact.
    const token = await new SignJWT({ iat: nowMs / 1000, exp: expiresAt / 1000 })
      .setProtectedHeader({ alg: this.#key.algorithm, typ: 'JWT' })
      .setSubject(userId)
      .setIssuer(issuer)
      .setAudience(audience)
      .sign(this.#key.signWith);
    return { token, expiresAt };
  }

  /** Rejects with `unauthenticated`, and does not say more than a client can use. */
  async verify(token: string): Promise<VerifiedToken> {
    const known = this.#verified.get(token);
    if (known !== undefined) {
      if (known.expiresAtMs > this.#time.wallMs()) return known;
      this.#verified.delete(token);
      throw new ProtocolError('unauthenticated', 'the token has expired');
    }
    const verified = await this.#check(token);
    this.#verified.set(token, verified);
    return verified;
  }

  async #check(token: string): Promise<VerifiedToken> {
    try {
      const { payload } = await jwtVerify(token, this.#key.verifyWith, {
        algorithms: [this.#key.algorithm],
        issuer,
        audience,
        requiredClaims: ['sub', 'iat', 'exp'],
        currentDate: new Date(this.#time.wallMs()),
      });
      const { sub = '', iat = 0, exp = 0 } = payload;
      if (!isId(sub)) throw new ProtocolError('unauthenticated', 'the token names no user');
      return { userId: sub, issuedAtMs: iat * 1000, expiresAtMs: exp * 1000 };
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      if (!(error instanceof errors.JOSEError)) {
        throw new ProtocolError('internal', 'the token could not be checked', {}, { cause: error });
      }
      const message =
        error instanceof errors.JWTExpired ? 'the token has expired' : 'the token is not valid here';
      throw new ProtocolError('unauthenticated', message, {}, { cause: error });
    }
  }
}
