import { SignJWT } from 'jose';
import type { Time } from '../std/time.ts';
import { JwtChecker } from './jwt-checker.ts';
import type { SigningKey } from './signing-key.ts';
import type { TokenVerifier } from './token-verifier.ts';
import type { VerifiedToken } from './verified-token.ts';

const issuer = 'mailring';
const audience = 'mailring';

export interface IssuedToken {
  readonly token: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** Issues this cluster's own tokens and checks them. The algorithm is the key's, never the token's. */
export class TokenService implements TokenVerifier {
  readonly #key: SigningKey;
  readonly #lifetimeMs: number;
  readonly #time: Time;
  readonly #checker: JwtChecker;

  constructor(key: SigningKey, lifetimeMs: number, time: Time) {
    this.#key = key;
    this.#lifetimeMs = lifetimeMs;
    this.#time = time;
    const keyFor = (): SigningKey['verifyWith'] => key.verifyWith;
    this.#checker = new JwtChecker(
      { issuer, audience, algorithms: [key.algorithm], userClaim: 'sub', keyFor },
      time,
    );
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

  verify(token: string): Promise<VerifiedToken> {
    return this.#checker.verify(token);
  }
}
