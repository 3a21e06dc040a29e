import type { Cancel } from '../std/time.ts';
import type { VerifiedToken } from './verified-token.ts';

/** Says who a token speaks for. */
export interface TokenVerifier {
  /**
   * Rejects with ProtocolError: `unauthenticated` where the token is not good, and no more than a client can use;
   * `unavailable` where that cannot be told now.
   */
  verify(token: string): Promise<VerifiedToken>;
  /** Calls `listener`, which must not throw, when tokens that were good may not be so any more. */
  onWithdrawn?(listener: () => void): Cancel;
}
