/** Counts since the start. */
export interface PushTally {
  /** Notices that the receiver has taken. */
  delivered: number;
  /** Refused by the receiver for good, given up after many tries, or more than may wait. */
  dropped: number;
  /** Requests that failed and were made again. */
  failedRequests: number;
}

export function newPushTally(): PushTally {
  return { delivered: 0, dropped: 0, failedRequests: 0 };
}
