import { PeerFault, faultCodeOf, peerFaultCodes } from './peer-fault.ts';
import type { PeerFaultCode } from './peer-fault.ts';
import type { PeerTerms } from './peer-limits.ts';

/** Handshake frames are larger than this never. */
export const handshakeBytesMax = 1024;
export const nonceBytes = 32;
export const proofBytes = 32;

const magic = Buffer.from('MRPL', 'latin1');
const tags = { hello: 1, challenge: 2, proof: 3, welcome: 4, refusal: 5 } as const;

/** Dialer first: who am I, whom do I want, which versions do I speak. */
export interface Hello {
  readonly versionMin: number;
  readonly versionMax: number;
  readonly nonce: Uint8Array;
  readonly nodeId: string;
  readonly incarnation: string;
  readonly wantedNodeId: string;
}

export interface Challenge {
  readonly version: number;
  readonly nonce: Uint8Array;
  readonly nodeId: string;
  readonly incarnation: string;
}

/** What each side says of the channel. As a proof: the channel to be resumed, or 0. As a welcome: the channel to use. */
export interface Attachment {
  readonly terms: PeerTerms;
  readonly channel: number;
  /** Number of the last frame that was received in that channel. */
  readonly received: number;
}

export interface HandshakeRefusal {
  readonly code: PeerFaultCode;
  readonly text: string;
}

export function encodeHello(hello: Hello): Buffer {
  return Buffer.concat([
    magic,
    Buffer.of(tags.hello, hello.versionMin, hello.versionMax),
    hello.nonce,
    text(hello.nodeId),
    text(hello.incarnation),
    text(hello.wantedNodeId),
  ]);
}

export function encodeChallenge(challenge: Challenge): Buffer {
  return Buffer.concat([
    magic,
    Buffer.of(tags.challenge, challenge.version),
    challenge.nonce,
    text(challenge.nodeId),
    text(challenge.incarnation),
  ]);
}

/** Without the proof, which covers these bytes and follows them. */
export function encodeAttachment(
  kind: 'proof' | 'welcome',
  { terms, channel, received }: Attachment,
): Buffer {
  const bytes = Buffer.alloc(25);
  let at = bytes.writeUInt8(tags[kind], 0);
  for (const term of [terms.frameBytesMax, terms.windowFramesMax, terms.windowBytesMax]) {
    at = bytes.writeUInt32BE(term, at);
  }
  at = bytes.writeUIntBE(channel, at, 6);
  bytes.writeUIntBE(received, at, 6);
  return bytes;
}

export function encodeRefusal({ code, text: reason }: HandshakeRefusal): Buffer {
  return Buffer.concat([Buffer.of(tags.refusal, peerFaultCodes[code]), text(reason.slice(0, 200))]);
}

/** All decoders throw PeerFault where the bytes are anything else, or an oversized or shortened form of it. */
export function decodeHello(frame: Buffer): Hello {
  const fields = new Fields(frame);
  fields.expect(magic, 'not a Mailring node');
  fields.expect(Buffer.of(tags.hello), 'a hello was expected');
  const hello = {
    versionMin: fields.byte(),
    versionMax: fields.byte(),
    nonce: fields.bytes(nonceBytes),
    nodeId: fields.text(),
    incarnation: fields.text(),
    wantedNodeId: fields.text(),
  };
  fields.end();
  return hello;
}

export function decodeChallenge(frame: Buffer): Challenge {
  const fields = new Fields(frame);
  fields.expect(magic, 'not a Mailring node');
  fields.expect(Buffer.of(tags.challenge), 'a challenge was expected');
  const challenge = {
    version: fields.byte(),
    nonce: fields.bytes(nonceBytes),
    nodeId: fields.text(),
    incarnation: fields.text(),
  };
  fields.end();
  return challenge;
}

/** @returns also `covered`, the bytes that the proof is about */
export function decodeAttachment(
  kind: 'proof' | 'welcome',
  frame: Buffer,
): Attachment & { readonly covered: Buffer; readonly proof: Buffer } {
  const fields = new Fields(frame);
  fields.expect(Buffer.of(tags[kind]), `a ${kind} was expected`);
  const terms = {
    frameBytesMax: fields.uint(4),
    windowFramesMax: fields.uint(4),
    windowBytesMax: fields.uint(4),
  };
  const channel = fields.uint(6);
  const received = fields.uint(6);
  const proof = fields.bytes(proofBytes);
  fields.end();
  return { terms, channel, received, covered: frame.subarray(0, frame.length - proofBytes), proof };
}

/** undefined: this is no refusal. */
export function decodeRefusal(frame: Buffer): HandshakeRefusal | undefined {
  if (frame[0] !== tags.refusal) return undefined;
  const fields = new Fields(frame);
  fields.byte();
  const refusal = { code: faultCodeOf(fields.byte()), text: fields.text() };
  fields.end();
  return refusal;
}

/** A frame as it goes over the wire. */
export function withLength(frame: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(4 + frame.length);
  bytes.writeUInt32BE(frame.length, 0);
  frame.copy(bytes, 4);
  return bytes;
}

/** One byte of length, then UTF-8. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length > 255) throw new PeerFault('protocol', 'a name of more than 255 bytes');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

class Fields {
  readonly #frame: Buffer;
  #at = 0;

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  expect(bytes: Buffer, otherwise: string): void {
    if (!this.bytes(bytes.length).equals(bytes)) throw new PeerFault('protocol', otherwise);
  }

  byte(): number {
    return this.uint(1);
  }

  uint(width: number): number {
    return this.bytes(width).readUIntBE(0, width);
  }

  text(): string {
    return this.bytes(this.byte()).toString();
  }

  bytes(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#frame.length) throw new PeerFault('protocol', 'a handshake frame is cut short');
    const bytes = this.#frame.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  end(): void {
    if (this.#at !== this.#frame.length) throw new PeerFault('protocol', 'a handshake frame is too long');
  }
}
