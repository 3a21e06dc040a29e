import type { OutgoingMessage } from '../conversation/outgoing-message.ts';
import type { Accepted, CopiedMessage, CopyReply, Envelope, EnvelopeReply } from '../mailbox/envelope.ts';
import type { MediaRef } from '../protocol/message.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import { Items, countOf, detailsOf, errorKindOf, textOf } from './packed-items.ts';
import { PeerFault } from './peer-fault.ts';

/*
 * Envelopes and their replies as the body of a peer's request and reply: arrays, the tag first, positions as in
 * docs/wire-peer.md. Tags are never reused; new items go to the end and may be missing.
 */
const envelopeTags = { deliver: 1, copy: 2, missing: 3, confirm: 4 } as const;
const replyTags = { delivered: 1, copied: 2, gap: 3, missing: 4, noted: 5 } as const;
const resultTags = { accepted: 1, refused: 2 } as const;

/** @returns a body for a peer's request */
export function packEnvelope(envelope: Envelope): readonly unknown[] {
  const { kind, conversationId, from } = envelope;
  switch (kind) {
    case 'deliver': {
      const { fromName, floor, confirmed, messages } = envelope;
      const packed = messages.map(packOutgoing);
      return [envelopeTags.deliver, conversationId, from, fromName, floor, confirmed, packed];
    }
    case 'copy': {
      const { fromName, previousSeq, messages } = envelope;
      return [envelopeTags.copy, conversationId, from, fromName, previousSeq, messages.map(packCopied)];
    }
    case 'missing':
      return [envelopeTags.missing, conversationId, from, envelope.above, envelope.limit];
    case 'confirm':
      return [envelopeTags.confirm, conversationId, from, envelope.confirmed];
  }
}

/** @throws PeerFault where the body is no envelope of this version */
export function unpackEnvelope(body: unknown): Envelope {
  const items = new Items(body);
  const tag = items.count();
  const to = { conversationId: items.text(), from: items.text() };
  switch (tag) {
    case envelopeTags.deliver: {
      const [fromName, floor, confirmed] = [items.text(), items.count(), items.count()];
      return { kind: 'deliver', ...to, fromName, floor, confirmed, messages: items.list(unpackOutgoing) };
    }
    case envelopeTags.copy: {
      const [fromName, previousSeq] = [items.text(), items.count()];
      return { kind: 'copy', ...to, fromName, previousSeq, messages: items.list(unpackCopied) };
    }
    case envelopeTags.missing:
      return { kind: 'missing', ...to, above: items.count(), limit: items.count() };
    case envelopeTags.confirm:
      return { kind: 'confirm', ...to, confirmed: items.count() };
    default:
      throw new PeerFault('protocol', `no envelope has tag ${tag}`);
  }
}

/** @returns a body for the reply */
export function packEnvelopeReply(reply: EnvelopeReply): readonly unknown[] {
  switch (reply.kind) {
    case 'delivered':
      return [replyTags.delivered, reply.name, reply.results.map(packResult)];
    case 'copied':
    case 'gap':
      return [replyTags[reply.kind], reply.copiedThrough];
    case 'missing':
      return [replyTags.missing, reply.name, reply.previousSeq, reply.messages.map(packCopied)];
    case 'noted':
      return [replyTags.noted];
  }
}

/** @throws PeerFault where the body is no reply of this version */
export function unpackEnvelopeReply(body: unknown): EnvelopeReply {
  const items = new Items(body);
  const tag = items.count();
  switch (tag) {
    case replyTags.delivered:
      return { kind: 'delivered', name: items.text(), results: items.list(unpackResult) };
    case replyTags.copied:
      return unpackCopyReply('copied', items);
    case replyTags.gap:
      return unpackCopyReply('gap', items);
    case replyTags.missing: {
      const [name, previousSeq] = [items.text(), items.count()];
      return { kind: 'missing', name, previousSeq, messages: items.list(unpackCopied) };
    }
    case replyTags.noted:
      return { kind: 'noted' };
    default:
      throw new PeerFault('protocol', `no reply has tag ${tag}`);
  }
}

function packOutgoing(message: OutgoingMessage): readonly unknown[] {
  const { messageId, text, fingerprint, mediaRef, replyTo, after } = message;
  const packed = [messageId, text, fingerprint];
  return mediaRef === undefined && replyTo === undefined && after === undefined
    ? packed
    : [...packed, packMedia(mediaRef), replyTo ?? null, after ?? null];
}

function unpackOutgoing(value: unknown): OutgoingMessage {
  const items = new Items(value);
  const [messageId, text, fingerprint] = [items.text(), items.text(), items.count()];
  const message = { messageId, text, fingerprint };
  if (items.isAtEnd) return message;
  const mediaRef = items.optional(unpackMedia);
  const replyTo = items.optional(countOf);
  const after = items.optional(textOf);
  return {
    ...message,
    ...(mediaRef !== undefined && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
    ...(after !== undefined && { after }),
  };
}

function packCopied(message: CopiedMessage): readonly unknown[] {
  const { messageId, seq, timestamp, text, mediaRef, replyTo } = message;
  const packed = [messageId, seq, timestamp, text];
  return mediaRef === undefined && replyTo === undefined
    ? packed
    : [...packed, packMedia(mediaRef), replyTo ?? null];
}

function unpackCopied(value: unknown): CopiedMessage {
  const items = new Items(value);
  const [messageId, seq, timestamp, text] = [items.text(), items.count(), items.count(), items.text()];
  const message = { messageId, seq, timestamp, text };
  if (items.isAtEnd) return message;
  const mediaRef = items.optional(unpackMedia);
  const replyTo = items.optional(countOf);
  return {
    ...message,
    ...(mediaRef !== undefined && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
  };
}

function packMedia(media: MediaRef | undefined): readonly unknown[] | null {
  return media === undefined ? null : [media.ref, media.type, media.size];
}

function unpackMedia(value: unknown): MediaRef {
  const items = new Items(value);
  return { ref: items.text(), type: items.text(), size: items.count() };
}

function packResult(result: Accepted | Refusal): readonly unknown[] {
  if (result.kind === 'refused') {
    return [resultTags.refused, result.error, result.message, result.details ?? null];
  }
  const { seq, timestamp, duplicate, previousSeq } = result;
  return [resultTags.accepted, seq, timestamp, duplicate, previousSeq];
}

function unpackResult(value: unknown): Accepted | Refusal {
  const items = new Items(value);
  const tag = items.count();
  switch (tag) {
    case resultTags.accepted: {
      const [seq, timestamp, duplicate] = [items.count(), items.count(), items.flag()];
      return { kind: 'accepted', seq, timestamp, duplicate, previousSeq: items.count() };
    }
    case resultTags.refused: {
      const [error, message] = [errorKindOf(items.text()), items.text()];
      const details = items.optional(detailsOf);
      return { kind: 'refused', error, message, ...(details !== undefined && { details }) };
    }
    default:
      throw new PeerFault('protocol', `no result has tag ${tag}`);
  }
}

function unpackCopyReply(kind: CopyReply['kind'], items: Items): CopyReply {
  return { kind, copiedThrough: items.count() };
}
