import type { VerifiedToken } from './verified-token.ts';

/** Says who a token speaks for. */
export interface TokenVerifier {
  /**
   * Rejects with ProtocolError: `unauthenticated` where the token is not good, and no more than a client can use;
   * `unavailable` where that cannot be told now.
   */
  verify(token: string): Promise<VerifiedToken>;
}
