import type { OutgoingMessage } from '../conversation/outgoing-message.ts';
import type {
  Accepted,
  CopiedMessage,
  Envelope,
  EnvelopeReply,
  Marks,
  Operated,
  Owed,
} from '../mailbox/envelope.ts';
import type { CopiedOperation, OutgoingOperation } from '../conversation/operation.ts';
import type { Standing } from '../mailbox/standing.ts';
import type { MediaRef } from '../protocol/message.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import { Items, countOf, detailsOf, errorKindOf, textOf } from './packed-items.ts';
import { PeerFault } from './peer-fault.ts';

/*
 * Envelopes and their replies as the body of a peer's request and reply: arrays, the tag first, positions as in
 * docs/wire-peer.md. Tags are never reused; new items go to the end and may be missing.
 */
const envelopeTags = { deliver: 1, copy: 2, missing: 3, confirm: 4, operate: 5 } as const;
const replyTags = { delivered: 1, copied: 2, gap: 3, missing: 4, noted: 5, operated: 6 } as const;
const resultTags = { accepted: 1, refused: 2, operated: 3 } as const;
const operationTags = { edit: 1, delete: 2 } as const;

/** @returns a body for a peer's request */
export function packEnvelope(envelope: Envelope): readonly unknown[] {
  const { kind, conversationId, from } = envelope;
  switch (kind) {
    case 'deliver': {
      const { fromName, floor, confirmed, messages } = envelope;
      const packed = messages.map(packOutgoing);
      const [seq, ...marks] = packStanding(confirmed);
      return [envelopeTags.deliver, conversationId, from, fromName, floor, seq, packed, ...marks];
    }
    case 'copy': {
      const { fromName, owed } = envelope;
      return [envelopeTags.copy, conversationId, from, fromName, ...packOwed(owed)];
    }
    case 'missing':
      return [envelopeTags.missing, conversationId, from, envelope.above, envelope.limit, envelope.aboveOp];
    case 'operate':
      return [envelopeTags.operate, conversationId, from, envelope.operations.map(packOperation)];
    case 'confirm':
      return [envelopeTags.confirm, conversationId, from, ...packStanding(envelope.confirmed)];
  }
}

/** @throws PeerFault where the body is no envelope of this version */
export function unpackEnvelope(body: unknown): Envelope {
  const items = new Items(body);
  const tag = items.count();
  const to = { conversationId: items.text(), from: items.text() };
  switch (tag) {
    case envelopeTags.deliver: {
      const [fromName, floor, seq] = [items.text(), items.count(), items.count()];
      const messages = items.list(unpackOutgoing);
      return {
        kind: 'deliver',
        ...to,
        fromName,
        floor,
        confirmed: { seq, ...unpackProgress(items) },
        messages,
      };
    }
    case envelopeTags.copy: {
      const fromName = items.text();
      return { kind: 'copy', ...to, fromName, owed: unpackOwed(items) };
    }
    case envelopeTags.missing: {
      const [above, limit] = [items.count(), items.count()];
      return { kind: 'missing', ...to, above, limit, aboveOp: items.optional(countOf) ?? 0 };
    }
    case envelopeTags.operate:
      return { kind: 'operate', ...to, operations: items.list(unpackOperation) };
    case envelopeTags.confirm:
      return { kind: 'confirm', ...to, confirmed: unpackStanding(items) };
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
      return [replyTags[reply.kind], ...packStanding(reply.confirmed)];
    case 'missing':
      return [replyTags.missing, reply.name, ...packOwed(reply.owed)];
    case 'operated':
      return [replyTags.operated, reply.results.map(packResult)];
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
      return { kind: 'copied', confirmed: unpackStanding(items) };
    case replyTags.gap:
      return { kind: 'gap', confirmed: unpackStanding(items) };
    case replyTags.missing: {
      const name = items.text();
      return { kind: 'missing', name, owed: unpackOwed(items) };
    }
    case replyTags.operated:
      return { kind: 'operated', results: items.list(unpackOperated) };
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
  const { messageId, seq, timestamp, text, mediaRef, replyTo, editedAt, deletedAt } = message;
  const packed = [messageId, seq, timestamp, text];
  if (editedAt !== undefined || deletedAt !== undefined) {
    return [...packed, packMedia(mediaRef), replyTo ?? null, editedAt ?? null, deletedAt ?? null];
  }
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
  const [editedAt, deletedAt] = [items.optional(countOf), items.optional(countOf)];
  return {
    ...message,
    ...(mediaRef !== undefined && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
    ...(editedAt !== undefined && { editedAt }),
    ...(deletedAt !== undefined && { deletedAt }),
  };
}

export function packMedia(media: MediaRef | undefined): readonly unknown[] | null {
  return media === undefined ? null : [media.ref, media.type, media.size];
}

export function unpackMedia(value: unknown): MediaRef {
  const items = new Items(value);
  return { ref: items.text(), type: items.text(), size: items.count() };
}

function packResult(result: Accepted | Operated | Refusal): readonly unknown[] {
  if (result.kind === 'operated') return [resultTags.operated, result.at, result.op, result.previousOp];
  if (result.kind === 'refused') {
    return [resultTags.refused, result.error, result.message, result.details ?? null];
  }
  const { seq, timestamp, duplicate, previousSeq } = result;
  return [resultTags.accepted, seq, timestamp, duplicate, previousSeq];
}

function unpackResult(value: unknown): Accepted | Refusal {
  const items = new Items(value);
  const tag = items.count();
  if (tag === resultTags.refused) return unpackRefusal(items);
  if (tag !== resultTags.accepted) throw new PeerFault('protocol', `no result has tag ${tag}`);
  const [seq, timestamp, duplicate] = [items.count(), items.count(), items.flag()];
  return { kind: 'accepted', seq, timestamp, duplicate, previousSeq: items.count() };
}

function unpackOperated(value: unknown): Operated | Refusal {
  const items = new Items(value);
  const tag = items.count();
  if (tag === resultTags.refused) return unpackRefusal(items);
  if (tag !== resultTags.operated) throw new PeerFault('protocol', `no result has tag ${tag}`);
  return { kind: 'operated', at: items.count(), op: items.count(), previousOp: items.count() };
}

function unpackRefusal(items: Items): Refusal {
  const [error, message] = [errorKindOf(items.text()), items.text()];
  const details = items.optional(detailsOf);
  return { kind: 'refused', error, message, ...(details !== undefined && { details }) };
}

function packOperation({ kind, seq, messageId, text }: OutgoingOperation): readonly unknown[] {
  return [operationTags[kind], seq, messageId, text];
}

function unpackOperation(value: unknown): OutgoingOperation {
  const items = new Items(value);
  const tag = items.count();
  const kind = tag === operationTags.edit ? 'edit' : 'delete';
  if (tag !== operationTags[kind]) throw new PeerFault('protocol', `no operation has tag ${tag}`);
  return { kind, seq: items.count(), messageId: items.text(), text: items.text() };
}

function packChange({ op, seq, text, editedAt, deletedAt }: CopiedOperation): readonly unknown[] {
  return [op, seq, text, editedAt ?? null, deletedAt ?? null];
}

function unpackChange(value: unknown): CopiedOperation {
  const items = new Items(value);
  const [op, seq, text] = [items.count(), items.count(), items.text()];
  const [editedAt, deletedAt] = [items.optional(countOf), items.optional(countOf)];
  return {
    ...{ op, seq, text },
    ...(editedAt !== undefined && { editedAt }),
    ...(deletedAt !== undefined && { deletedAt }),
  };
}

/* What a node that knows no receipts or changes yet does not send is nothing. */

function packStanding({ seq, delivered, read, op }: Standing): readonly [number, number, number, number] {
  return [seq, delivered, read, op];
}

function unpackStanding(items: Items): Standing {
  const seq = items.count();
  return { seq, ...unpackProgress(items) };
}

function unpackProgress(items: Items): Omit<Standing, 'seq'> {
  const marks = unpackMarks(items);
  return { ...marks, op: items.optional(countOf) ?? 0 };
}

function unpackMarks(items: Items): Marks {
  const delivered = items.optional(countOf) ?? 0;
  return { delivered, read: items.optional(countOf) ?? 0 };
}

function packOwed({ previousSeq, messages, marks, previousOp, operations }: Owed): readonly unknown[] {
  const packed = [previousSeq, messages.map(packCopied), marks.delivered, marks.read];
  return operations.length === 0 ? packed : [...packed, previousOp, operations.map(packChange)];
}

function unpackOwed(items: Items): Owed {
  const previousSeq = items.count();
  const messages = items.list(unpackCopied);
  const marks = unpackMarks(items);
  if (items.isAtEnd) return { previousSeq, messages, marks, previousOp: 0, operations: [] };
  return { previousSeq, messages, marks, previousOp: items.count(), operations: items.list(unpackChange) };
}
