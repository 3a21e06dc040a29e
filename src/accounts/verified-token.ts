/** What a token says, once its signature and its times were checked. Times in epoch milliseconds. */
export interface VerifiedToken {
  readonly userId: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** What the issuer calls the user, where it says so. */
  readonly name?: string;
}
