/** How long and how much a client waits. */
export interface ClientLimits {
  /** How long opening a socket, and then a session on it, may take. */
  readonly openTimeoutMs: number;
  /** How long one try of a call may go unanswered. */
  readonly attemptTimeoutMs: number;
  /** Default deadline of a call, all tries together. */
  readonly callTimeoutMs: number;
  /** Default deadline of `sendMessage`: a phone may be without a network for long. */
  readonly sendTimeoutMs: number;
  readonly pendingCallsMax: number;
  readonly reconnectFirstMs: number;
  readonly reconnectMaxMs: number;
  /** Without a session for as long, the client stops. */
  readonly giveUpAfterMs: number;
  /** `moved` answers followed in a row before it counts as a failure. */
  readonly movedHopsMax: number;
}

export const defaultLimits: ClientLimits = {
  openTimeoutMs: 10_000,
  attemptTimeoutMs: 15_000,
  callTimeoutMs: 30_000,
  sendTimeoutMs: 60 * 60_000,
  pendingCallsMax: 10_000,
  reconnectFirstMs: 250,
  reconnectMaxMs: 20_000,
  giveUpAfterMs: 24 * 60 * 60_000,
  movedHopsMax: 5,
};
