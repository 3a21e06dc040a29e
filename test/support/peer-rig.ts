import { defaultPeerLimits } from '../../src/peer/peer-limits.ts';
import type { PeerLimits } from '../../src/peer/peer-limits.ts';
import { PeerLinks } from '../../src/peer/peer-links.ts';
import type { PeerAddress, PeerNetwork } from '../../src/peer/peer-network.ts';
import type {
  PeerHandler,
  PeerIdentity,
  PeerNote,
  PeerReply,
  PeerRequest,
} from '../../src/peer/peer-request.ts';
import { PeerServer } from '../../src/peer/peer-server.ts';
import type { PeerSetup } from '../../src/peer/peer-setup.ts';
import { PeerTally } from '../../src/peer/peer-tally.ts';
import type { Time } from '../../src/std/time.ts';
import { SeededRandom } from './seeded-random.ts';

export const clusterSecret = Buffer.alloc(32, 7);

/** Bytes that are never the same twice, and the same in every run. */
export function countedEntropy(): (bytes: number) => Uint8Array {
  let calls = 0;
  return (bytes) => {
    const drawn = Buffer.alloc(bytes, ++calls % 256);
    drawn.writeUInt32BE(calls, 0);
    return drawn;
  };
}

export interface PeerNodeOptions {
  readonly nodeId: string;
  readonly network: PeerNetwork;
  readonly time: Time;
  readonly incarnation?: string;
  readonly secret?: Uint8Array;
  readonly limits?: Partial<PeerLimits>;
  readonly versions?: { readonly min: number; readonly max: number };
  /** Default: answers with the body. */
  readonly handle?: (request: PeerRequest, from: PeerIdentity) => Promise<PeerReply>;
}

/** Links and server of one node, with everything that happened to them written down. */
export class PeerNode implements PeerHandler {
  readonly setup: PeerSetup;
  readonly links: PeerLinks;
  readonly server: PeerServer;
  readonly requests: PeerRequest[] = [];
  readonly notes: PeerNote[] = [];
  readonly happenings: string[] = [];
  readonly failures: unknown[] = [];
  readonly #handle: (request: PeerRequest, from: PeerIdentity) => Promise<PeerReply>;

  constructor(options: PeerNodeOptions) {
    const { nodeId, incarnation = `${nodeId}-1`, secret = clusterSecret, versions } = options;
    const handshake = { self: { nodeId, incarnation }, secret, entropy: countedEntropy() };
    this.#handle = options.handle ?? (async ({ body }) => ({ kind: 'ok', body }));
    this.setup = {
      handshake: versions === undefined ? handshake : { ...handshake, versions },
      limits: { ...defaultPeerLimits, ...options.limits },
      network: options.network,
      time: options.time,
      random: new SeededRandom(1).next,
      tally: new PeerTally(),
      events: {
        linkUp: (peer) => this.happenings.push(`up ${peer.nodeId} ${peer.incarnation}`),
        linkDown: (peerId, fault) => this.happenings.push(`down ${peerId} ${fault.code}`),
        linkReset: (peerId) => this.happenings.push(`reset ${peerId}`),
        acceptedDown: (peer, fault) =>
          this.happenings.push(`accepted-down ${peer?.nodeId ?? '?'} ${fault.code}`),
        handlerFailed: (error) => this.failures.push(error),
      },
    };
    this.links = new PeerLinks(this.setup);
    this.server = new PeerServer(this.setup, this);
  }

  async handle(request: PeerRequest, from: PeerIdentity): Promise<PeerReply> {
    this.requests.push(request);
    return this.#handle(request, from);
  }

  note(note: PeerNote): void {
    this.notes.push(note);
  }

  reset(from: PeerIdentity): void {
    this.happenings.push(`peer-reset ${from.incarnation}`);
  }

  listen(port = 0): Promise<PeerAddress> {
    return this.server.listen({ host: '127.0.0.1', port });
  }

  linkTo(nodeId: string, address: PeerAddress, incarnation = `${nodeId}-1`): void {
    this.links.adopt([{ nodeId, incarnation, address }], 0);
  }

  /** Asks with a deadline `forMs` from now. */
  ask(nodeId: string, body: unknown, forMs = 60_000): Promise<PeerReply> {
    const deadline = this.setup.time.monotonicMs() + forMs;
    return this.links.request(nodeId, { to: 'u-bob', epoch: 7, deadline, body });
  }
}
