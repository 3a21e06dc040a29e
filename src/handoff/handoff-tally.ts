/** Plain numbers that hand-off counts in; read when Prometheus asks. */
export interface HandoffTally {
  /** Copies of rows, and bytes, that were sent ahead, and that came in. */
  copiesSent: number;
  copiesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Commits sent after the copy of their row. */
  deltasSent: number;
  /** Copies that found no room, that commits did not fit on, or that nobody asked for in time. */
  copiesRefused: number;
  copiesSpoilt: number;
  copiesExpired: number;
  /** Waits for a former owner's last word, those that it ended, and their time, ms. */
  lastWordWaits: number;
  lastWordsHeard: number;
  lastWordWaitMs: number;
  /** From the adoption of a view to the last word about all that it took from this node, ms. */
  releases: number;
  releaseMs: number;
  /** Changes that this node carried out, by their outcome. */
  changesDone: number;
  changesAborted: number;
  changesFailed: number;
}

export function newHandoffTally(): HandoffTally {
  return {
    ...{ copiesSent: 0, copiesReceived: 0, bytesSent: 0, bytesReceived: 0, deltasSent: 0 },
    ...{ copiesRefused: 0, copiesSpoilt: 0, copiesExpired: 0 },
    ...{ lastWordWaits: 0, lastWordsHeard: 0, lastWordWaitMs: 0, releases: 0, releaseMs: 0 },
    ...{ changesDone: 0, changesAborted: 0, changesFailed: 0 },
  };
}
