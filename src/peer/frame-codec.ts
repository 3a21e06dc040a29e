import { Packr } from 'msgpackr';
import { errorKindOf, isCount, isDetails } from './packed-items.ts';
import { PeerFault, faultCodeOf } from './peer-fault.ts';
import type { PeerFaultCode } from './peer-fault.ts';
import type { PeerNote, PeerReply, PeerRequest } from './peer-request.ts';

/** First item of every frame after the handshake. Never reused; docs/wire-peer.md has what follows each. */
export const frameTags = {
  request: 1,
  note: 2,
  ok: 3,
  wrongOwner: 4,
  refused: 5,
  acknowledge: 6,
  goodbye: 7,
} as const;

/** Tags of frames that are numbered, acknowledged and sent again. */
export type NumberedTag = Exclude<(typeof frameTags)[keyof typeof frameTags], 6 | 7>;

/** What a frame says, without its number: packed once, and kept for a resend. */
export interface FrameContent {
  readonly tag: NumberedTag;
  readonly bytes: Uint8Array;
}

export type PeerFrame =
  | {
      readonly kind: 'request';
      readonly seq: number;
      readonly id: number;
      readonly remainingMs: number;
      readonly request: Omit<PeerRequest, 'deadline'>;
    }
  | { readonly kind: 'note'; readonly seq: number; readonly note: PeerNote }
  | { readonly kind: 'reply'; readonly seq: number; readonly id: number; readonly reply: PeerReply }
  | { readonly kind: 'acknowledge'; readonly received: number }
  | { readonly kind: 'goodbye'; readonly code: PeerFaultCode; readonly text: string };

// Plain maps and arrays; what is read must not refer to the reader's buffer.
const packr = new Packr({ useRecords: false, int64AsType: 'number', copyBuffers: true });
const range = { start: 0, end: 0 };

export function packRequest(id: number, { epoch, to, body }: PeerNote): FrameContent {
  return { tag: frameTags.request, bytes: packr.pack([id, epoch, to, body]) };
}

export function packNote({ epoch, to, body }: PeerNote): FrameContent {
  return { tag: frameTags.note, bytes: packr.pack([epoch, to, body]) };
}

export function packReply(id: number, reply: PeerReply): FrameContent {
  switch (reply.kind) {
    case 'ok':
      return { tag: frameTags.ok, bytes: packr.pack([id, reply.body]) };
    case 'wrongOwner':
      return { tag: frameTags.wrongOwner, bytes: packr.pack([id, reply.epoch]) };
    case 'refused':
      return {
        tag: frameTags.refused,
        bytes: packr.pack([id, reply.error, reply.message, reply.details ?? null]),
      };
  }
}

/** @throws PeerFault where the bytes are no frame of this version */
export function unpackFrame(bytes: Buffer, start: number, end: number): PeerFrame {
  range.start = start;
  range.end = end;
  let value: unknown;
  try {
    value = packr.unpack(bytes, range);
  } catch (cause) {
    throw new PeerFault('protocol', 'a frame is not MessagePack', { cause });
  }
  const frame = Array.isArray(value) ? frameOf(value) : undefined;
  if (frame === undefined) throw new PeerFault('protocol', `no such frame: ${tagText(value)}`);
  return frame;
}

function tagText(value: unknown): string {
  const tag: unknown = Array.isArray(value) ? value[0] : undefined;
  return typeof tag === 'number' ? `tag ${tag}` : 'no tag';
}

function frameOf(items: readonly unknown[]): PeerFrame | undefined {
  const [tag, first] = items;
  if (!isCount(first)) return undefined;
  switch (tag) {
    case frameTags.request:
      return requestOf(first, items[2], items[3]);
    case frameTags.note:
      return noteOf(first, items[2]);
    case frameTags.ok:
    case frameTags.wrongOwner:
    case frameTags.refused:
      return replyFrameOf(tag, first, items[2]);
    case frameTags.acknowledge:
      return { kind: 'acknowledge', received: first };
    case frameTags.goodbye:
      return { kind: 'goodbye', code: faultCodeOf(first), text: String(items[2]).slice(0, 500) };
    default:
      return undefined;
  }
}

function requestOf(seq: number, remainingMs: unknown, content: unknown): PeerFrame | undefined {
  if (!isCount(remainingMs) || !isItems(content)) return undefined;
  const [id, epoch, to, body] = content;
  if (!isCount(id) || !isCount(epoch) || typeof to !== 'string') return undefined;
  return { kind: 'request', seq, id, remainingMs, request: { to, epoch, body } };
}

function noteOf(seq: number, content: unknown): PeerFrame | undefined {
  if (!isItems(content)) return undefined;
  const [epoch, to, body] = content;
  if (!isCount(epoch) || typeof to !== 'string') return undefined;
  return { kind: 'note', seq, note: { to, epoch, body } };
}

function replyFrameOf(tag: 3 | 4 | 5, seq: number, content: unknown): PeerFrame | undefined {
  if (!isItems(content) || !isCount(content[0])) return undefined;
  const reply = replyOf(tag, content);
  return reply === undefined ? undefined : { kind: 'reply', seq, id: content[0], reply };
}

function replyOf(tag: 3 | 4 | 5, content: readonly unknown[]): PeerReply | undefined {
  switch (tag) {
    case frameTags.ok:
      return { kind: 'ok', body: content[1] };
    case frameTags.wrongOwner:
      return isCount(content[1]) ? { kind: 'wrongOwner', epoch: content[1] } : undefined;
    case frameTags.refused: {
      const [, error, message, details] = content;
      if (typeof error !== 'string' || typeof message !== 'string') return undefined;
      const refused = { kind: 'refused', error: errorKindOf(error), message } as const;
      return isDetails(details) ? { ...refused, details } : refused;
    }
  }
}

function isItems(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
