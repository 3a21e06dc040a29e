/** Every limit of a hand-off; times in ms. */
export interface HandoffLimits {
  /** To send ahead what moves; after it the change is given up, and nothing has moved. */
  readonly prepareMs: number;
  /** From the new view to the last word of those who gave users away; after it they are loaded from the store. */
  readonly settleMs: number;
  /**
   * A node that is silent for so long, while a change is prepared, gives its users cold; who takes users is waited for.
   * Who hears nothing of a change for so long, or for three requests, gives up its part in it.
   */
  readonly silentMs: number;
  /** For one request of a change. */
  readonly requestMs: number;
  /** How long a new owner waits for the former one's last word before it goes on with what it has. */
  readonly lastWordMs: number;
  /** Of state, from one node to all others, in a second. */
  readonly bytesPerSecond: number;
  /** Of one request, roughly. */
  readonly batchBytes: number;
  /** Of one row; what is larger is loaded from the store. */
  readonly rowBytesMax: number;
  /** Of commits that wait to be sent after the copy of their row. */
  readonly deltaBytesMax: number;
  /** Between two looks for commits to send on, and between two looks of the coordinator at its nodes. */
  readonly deltaPauseMs: number;
  readonly pollMs: number;
  /** How long a copy that nobody asked for is kept, at the most, after the last word of who carries the change out. */
  readonly keepMs: number;
}

export const defaultHandoffLimits: HandoffLimits = {
  prepareMs: 60_000,
  settleMs: 5_000,
  silentMs: 3_000,
  requestMs: 2_000,
  lastWordMs: 300,
  bytesPerSecond: 64 << 20,
  batchBytes: 32 << 10,
  rowBytesMax: 2 << 20,
  deltaBytesMax: 256 << 10,
  deltaPauseMs: 10,
  pollMs: 100,
  keepMs: 30_000,
};
