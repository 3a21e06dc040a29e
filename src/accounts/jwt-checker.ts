import { createHash } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { LRUCache } from 'lru-cache';
import { isId } from '../protocol/conversation-id.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';
import type { TokenVerifier } from './token-verifier.ts';
import type { VerifiedToken } from './verified-token.ts';

export interface JwtRules {
  readonly issuer: string;
  readonly audience: string;
  /** What is allowed, whatever the token says of itself. */
  readonly algorithms: readonly string[];
  /** The claim that has the user id. */
  readonly userClaim: string;
  /** The key for a token's header. A ProtocolError that it throws is passed on. */
  readonly keyFor: JWTVerifyGetKey;
}

const verifiedTokensMax = 20_000;
const nameCharsMax = 100;

/**
 * Checks tokens by fixed rules. What was verified once is remembered until it expires, in bounded memory, so that a
 * reconnect costs a look-up.
 */
export class JwtChecker implements TokenVerifier {
  readonly #rules: JwtRules;
  readonly #time: Time;
  readonly #verified = new LRUCache<string, VerifiedToken>({ max: verifiedTokensMax });
  #forgotten = 0;

  constructor(rules: JwtRules, time: Time) {
    this.#rules = rules;
    this.#time = time;
  }

  async verify(token: string): Promise<VerifiedToken> {
    const known = this.#verified.get(token);
    if (known !== undefined) {
      if (known.expiresAtMs > this.#time.wallMs()) return known;
      this.#verified.delete(token);
      throw new ProtocolError('unauthenticated', 'the token has expired');
    }
    const forgotten = this.#forgotten;
    const verified = { ...this.#read(await this.#check(token)), tokenId: fingerprintOf(token) };
    // It may have been checked with a key that was withdrawn meanwhile.
    if (forgotten === this.#forgotten) this.#verified.set(token, verified);
    return verified;
  }

  /** A key was withdrawn: nothing that was verified so far, or is being verified, is remembered. */
  forget(): void {
    this.#forgotten += 1;
    this.#verified.clear();
  }

  async #check(token: string): Promise<JWTPayload> {
    const { issuer, audience, algorithms, userClaim, keyFor } = this.#rules;
    try {
      const { payload } = await jwtVerify(token, keyFor, {
        ...{ algorithms: [...algorithms], issuer, audience, requiredClaims: [userClaim, 'iat', 'exp'] },
        currentDate: new Date(this.#time.wallMs()),
      });
      return payload;
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

  #read(payload: JWTPayload): Omit<VerifiedToken, 'tokenId'> {
    const userId = payload[this.#rules.userClaim];
    if (typeof userId !== 'string' || !isId(userId)) {
      throw new ProtocolError('unauthenticated', 'the token names no user that is possible here');
    }
    const { iat = 0, exp = 0, name } = payload;
    const times = { issuedAtMs: iat * 1000, expiresAtMs: exp * 1000 };
    if (typeof name !== 'string' || name === '') return { userId, ...times };
    return { userId, ...times, name: name.slice(0, nameCharsMax).toWellFormed() };
  }
}

/** 120 bits of the signed part: the same token with another spelling of its signature is still the same. */
function fingerprintOf(token: string): string {
  const signed = token.slice(0, token.lastIndexOf('.'));
  return createHash('sha256').update(signed).digest('base64url').slice(0, 20);
}
