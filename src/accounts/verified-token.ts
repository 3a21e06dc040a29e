/** What a token says, once its signature and its times were checked. Times in epoch milliseconds. */
export interface VerifiedToken {
  readonly userId: string;
  /** A fingerprint: what may be written down of a token. */
  readonly tokenId: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** What the issuer calls the user, where it says so. */
  readonly name?: string;
}
