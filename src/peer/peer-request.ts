import type { Refusal } from '../protocol/protocol-error.ts';

/** A request as its sender gives it. `body` is plain data: what MessagePack holds, and no class instances. */
export interface PeerRequest {
  /** The entity it is for, at the peer. */
  readonly to: string;
  /** Epoch of the sender's ring view. */
  readonly epoch: number;
  /** Absolute monotonic ms, of the clock of whoever holds this object. */
  readonly deadline: number;
  readonly body: unknown;
}

/** A message without an answer. */
export interface PeerNote {
  readonly to: string;
  readonly epoch: number;
  readonly body: unknown;
}

/** `wrongOwner`: by the peer's view of `epoch` it does not own the entity. */
export type PeerReply =
  | { readonly kind: 'ok'; readonly body: unknown }
  | { readonly kind: 'wrongOwner'; readonly epoch: number }
  | Refusal;

/** One start of one node. */
export interface PeerIdentity {
  readonly nodeId: string;
  /** Drawn anew at each start of the process; at most 255 bytes, as is the nodeId. */
  readonly incarnation: string;
}

/** Serves what peers ask. */
export interface PeerHandler {
  /**
   * Called in the order in which the peer sent. A rejection with a ProtocolError is passed on, any other one is an
   * `internal` to the peer and an alarm here.
   */
  handle(request: PeerRequest, from: PeerIdentity): Promise<PeerReply>;
  /** In order among notes; may overtake requests that wait for a free handler. Must not throw or wait. */
  note(note: PeerNote, from: PeerIdentity): void;
  /** Notes of this peer may have been lost: it starts a channel, the first one too, or was away for too long. */
  reset(from: PeerIdentity): void;
}
