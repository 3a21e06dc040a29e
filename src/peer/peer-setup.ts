import type { Time } from '../std/time.ts';
import type { HandshakeContext } from './handshake.ts';
import type { PeerFault } from './peer-fault.ts';
import type { PeerLimits } from './peer-limits.ts';
import type { PeerNetwork } from './peer-network.ts';
import type { PeerIdentity } from './peer-request.ts';
import type { PeerTally } from './peer-tally.ts';

/** What is going on with the links, for the log and for whoever has to make good what a reset has lost. */
export interface PeerEvents {
  linkUp(peer: PeerIdentity): void;
  /** A connection broke, or attempt number `failures` in a row to get one failed; it is tried again. */
  linkDown(nodeId: string, fault: PeerFault, failures: number): void;
  /** Notes to this peer that were under way may be lost; requests have failed, each by itself. */
  linkReset(nodeId: string): void;
  /** An accepted connection was turned away, or the one of a peer ended. */
  acceptedDown(peer: PeerIdentity | undefined, fault: PeerFault): void;
  /** A handler threw what is not for the peer's eyes. */
  handlerFailed(error: unknown, from: PeerIdentity): void;
}

/** What links and server are made with. */
export interface PeerSetup {
  readonly handshake: HandshakeContext;
  readonly limits: PeerLimits;
  readonly network: PeerNetwork;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  readonly events: PeerEvents;
  readonly tally: PeerTally;
}
