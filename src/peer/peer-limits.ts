const kib = 1024;
const mib = 1024 * kib;

/** Every limit of peer links. Those of `PeerTerms` are told to the other side at connect. */
export interface PeerLimits {
  /** Bytes in one frame after its length; what is larger is refused by the sender as `too_large`. */
  readonly frameBytesMax: number;
  /** Frames, and their bytes, that a peer may send ahead of our acknowledgement; kept by it for a resend. */
  readonly windowFramesMax: number;
  readonly windowBytesMax: number;
  /** Frames, and their bytes, that a link keeps: unacknowledged or not sent yet. Beyond: `overloaded`. */
  readonly queueFramesMax: number;
  readonly queueBytesMax: number;
  /** Requests of one link that wait for their reply. Beyond: `overloaded`. */
  readonly pendingMax: number;
  /** Requests of all peers that are handled at once, that wait for that, and the bytes of those. */
  readonly handlersMax: number;
  readonly handlersWaitingMax: number;
  readonly handlersWaitingBytesMax: number;
  /** Accepted connections that have not proved yet that they know the secret. */
  readonly greetingsMax: number;
  /** Channels (one a peer's incarnation) that an acceptor keeps. */
  readonly channelsMax: number;
  /** From dialling to the end of the handshake; the same for accepted connections. */
  readonly connectMs: number;
  /** Each side says at least so often that it is there. */
  readonly heartbeatMs: number;
  /** So many heartbeats in a row without a byte: the connection is given up. */
  readonly silentHeartbeatsMax: number;
  /** So many heartbeats in a row without an acknowledgement of what is under way. */
  readonly stalledHeartbeatsMax: number;
  /** How long requests wait for a link that is down; then they fail, and later ones at once, until it is up. */
  readonly patienceMs: number;
  /** How long an acceptor keeps the channel of a peer that is away. */
  readonly resumeMs: number;
  /** Pause before dialling again: doubling between these, half of it by chance. */
  readonly reconnectFirstMs: number;
  readonly reconnectMaxMs: number;
}

export const defaultPeerLimits: PeerLimits = {
  frameBytesMax: 8 * mib,
  windowFramesMax: 8192,
  windowBytesMax: 16 * mib,
  queueFramesMax: 16_384,
  queueBytesMax: 32 * mib,
  pendingMax: 32_768,
  handlersMax: 4096,
  handlersWaitingMax: 8192,
  handlersWaitingBytesMax: 32 * mib,
  greetingsMax: 64,
  channelsMax: 1024,
  connectMs: 3000,
  heartbeatMs: 1000,
  silentHeartbeatsMax: 3,
  stalledHeartbeatsMax: 10,
  patienceMs: 2000,
  resumeMs: 30_000,
  reconnectFirstMs: 20,
  reconnectMaxMs: 1000,
};

/** What one side accepts, as told to the other in the handshake. */
export interface PeerTerms {
  readonly frameBytesMax: number;
  readonly windowFramesMax: number;
  readonly windowBytesMax: number;
}
