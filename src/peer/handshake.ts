import { createHmac, timingSafeEqual } from 'node:crypto';
import { PeerFault } from './peer-fault.ts';
import {
  decodeAttachment,
  decodeChallenge,
  decodeHello,
  decodeRefusal,
  encodeAttachment,
  encodeChallenge,
  encodeHello,
  nonceBytes,
  withLength,
} from './handshake-codec.ts';
import type { Attachment, Hello } from './handshake-codec.ts';
import type { PeerIdentity } from './peer-request.ts';

/**
 * Versions of the wire format that this build speaks. A change takes two releases: read it first, then write it.
 * With version 2 came the requests of hand-off; a peer of version 1 is not sent any.
 */
export const wireVersions = { min: 1, max: 2 } as const;

export interface HandshakeContext {
  readonly self: PeerIdentity;
  /** The cluster's secret, at least 32 bytes. */
  readonly secret: Uint8Array;
  /** Cryptographically random bytes. */
  readonly entropy: (bytes: number) => Uint8Array;
  /** Default: {@link wireVersions}. */
  readonly versions?: { readonly min: number; readonly max: number };
}

export type Greeted = Attachment & { readonly peer: PeerIdentity; readonly version: number };

/*
 * hello -> challenge -> proof -> welcome. Each proof is an HMAC of everything that was said so far, both nonces, both
 * identities and the sender's role included, so that none fits another connection, another pair or the other
 * direction. The dialer proves first: who only can connect learns nothing to guess the secret by.
 */

/** The dialer's side: bytes in, what to send or the outcome out. Does no input or output. */
export class DialerHandshake {
  readonly #hello: Hello;
  readonly #transcript: Transcript;
  /** What to offer for the channel, when the peer's incarnation is known. */
  readonly #offer: (peer: PeerIdentity) => Attachment;
  #challenged: { readonly peer: PeerIdentity; readonly version: number } | undefined;

  constructor(context: HandshakeContext, wantedNodeId: string, offer: (peer: PeerIdentity) => Attachment) {
    const versions = context.versions ?? wireVersions;
    this.#offer = offer;
    this.#transcript = new Transcript(context.secret);
    this.#hello = {
      versionMin: versions.min,
      versionMax: versions.max,
      nonce: context.entropy(nonceBytes),
      ...context.self,
      wantedNodeId,
    };
  }

  /** The first frame. */
  hello(): Buffer {
    return this.#transcript.add(encodeHello(this.#hello));
  }

  /** @throws PeerFault where the peer refuses, or is not who was dialled, or does not know the secret */
  receive(
    frame: Buffer,
  ): { readonly kind: 'send'; readonly frame: Buffer } | ({ readonly kind: 'welcome' } & Greeted) {
    const refusal = decodeRefusal(frame);
    if (refusal !== undefined) throw new PeerFault(refusal.code, refusal.text, { isRemote: true });
    return this.#challenged === undefined
      ? { kind: 'send', frame: this.#prove(frame) }
      : { kind: 'welcome', ...this.#challenged, ...this.#welcome(frame) };
  }

  #prove(frame: Buffer): Buffer {
    const challenge = decodeChallenge(frame);
    const { nodeId, incarnation, version } = challenge;
    if (nodeId !== this.#hello.wantedNodeId) {
      throw new PeerFault('wrongNode', `wanted ${this.#hello.wantedNodeId}, found ${nodeId}`);
    }
    if (version < this.#hello.versionMin || version > this.#hello.versionMax) {
      throw new PeerFault('version', `the peer chose version ${version}`);
    }
    this.#challenged = { peer: { nodeId, incarnation }, version };
    this.#transcript.add(frame);
    const attachment = encodeAttachment('proof', this.#offer(this.#challenged.peer));
    return this.#transcript.add(Buffer.concat([attachment, this.#transcript.proof('dialer', attachment)]));
  }

  #welcome(frame: Buffer): Attachment {
    const welcome = decodeAttachment('welcome', frame);
    this.#transcript.verify('acceptor', welcome.covered, welcome.proof);
    return { terms: welcome.terms, channel: welcome.channel, received: welcome.received };
  }
}

/** The acceptor's side. */
export class AcceptorHandshake {
  readonly #context: HandshakeContext;
  readonly #transcript: Transcript;
  #greeted: { readonly peer: PeerIdentity; readonly version: number } | undefined;

  constructor(context: HandshakeContext) {
    this.#context = context;
    this.#transcript = new Transcript(context.secret);
  }

  /**
   * `proven` is followed by {@link welcome}.
   * @throws PeerFault where the dialer speaks no common version, wants another node or does not know the secret
   */
  receive(
    frame: Buffer,
  ): { readonly kind: 'send'; readonly frame: Buffer } | ({ readonly kind: 'proven' } & Greeted) {
    if (this.#greeted === undefined) return { kind: 'send', frame: this.#challenge(frame) };
    const offered = decodeAttachment('proof', frame);
    this.#transcript.verify('dialer', offered.covered, offered.proof);
    this.#transcript.add(frame);
    const { terms, channel, received } = offered;
    return { kind: 'proven', ...this.#greeted, terms, channel, received };
  }

  /** The last frame. */
  welcome(attachment: Attachment): Buffer {
    const covered = encodeAttachment('welcome', attachment);
    return Buffer.concat([covered, this.#transcript.proof('acceptor', covered)]);
  }

  #challenge(frame: Buffer): Buffer {
    const hello = decodeHello(frame);
    const { self, entropy, versions = wireVersions } = this.#context;
    if (hello.wantedNodeId !== self.nodeId) {
      throw new PeerFault('wrongNode', `this is ${self.nodeId}, not ${hello.wantedNodeId}`);
    }
    const version = Math.min(hello.versionMax, versions.max);
    if (version < Math.max(hello.versionMin, versions.min)) {
      throw new PeerFault(
        'version',
        `wire versions ${hello.versionMin}-${hello.versionMax} meet ${versions.min}-${versions.max}`,
      );
    }
    this.#greeted = { peer: { nodeId: hello.nodeId, incarnation: hello.incarnation }, version };
    this.#transcript.add(frame);
    return this.#transcript.add(encodeChallenge({ version, nonce: entropy(nonceBytes), ...self }));
  }
}

class Transcript {
  readonly #secret: Uint8Array;
  readonly #said: Buffer[] = [];

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** Keeps a copy: what is read lies in a buffer that is read into again. */
  add(frame: Buffer): Buffer {
    this.#said.push(withLength(frame));
    return frame;
  }

  proof(role: 'dialer' | 'acceptor', covered: Buffer): Buffer {
    const hmac = createHmac('sha256', this.#secret).update(`mailring peer ${role}\n`);
    for (const frame of this.#said) hmac.update(frame);
    return hmac.update(withLength(covered)).digest();
  }

  verify(role: 'dialer' | 'acceptor', covered: Buffer, proof: Buffer): void {
    if (timingSafeEqual(this.proof(role, covered), proof)) return;
    throw new PeerFault('secret', `the ${role} does not know the cluster's secret`);
  }
}
