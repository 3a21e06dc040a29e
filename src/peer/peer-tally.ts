/** What the links of a node have done so far; plain numbers, read by telemetry. */
export class PeerTally {
  requestsSent = 0;
  requestsReceived = 0;
  notesSent = 0;
  notesReceived = 0;
  /** Refused here because a queue was full. */
  overloaded = 0;
  /** Frames sent again after a break, and frames that came twice. */
  resent = 0;
  duplicates = 0;
  bytesSent = 0;
  bytesReceived = 0;
  /** Dials that have led to a link, and dials that have not. */
  connects = 0;
  failedConnects = 0;
  /** Channels given up: what was under way failed. */
  resets = 0;
}
