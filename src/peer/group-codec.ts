import type { Circular } from '../actor/group-host.ts';
import type { Bulletin, MemberCard, MemberNews, Enrolment, Receipt } from '../conversation/bulletin.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
import { Items, countOf, textOf } from './packed-items.ts';
import { PeerFault } from './peer-fault.ts';
import { packMedia, unpackMedia } from './envelope-codec.ts';

/*
 * What groups and mailboxes tell each other, as in docs/wire-peer.md: arrays whose positions are never reused; new
 * items go to the end and may be missing.
 */
const enrolmentTags = { joined: 1, left: 2 } as const;

export function packCircular({ bulletin, userIds, enrolments }: Circular): readonly unknown[] {
  const packed = [...enrolments].map(([userId, enrolment]) => [userId, ...packEnrolment(enrolment)]);
  return [packBulletin(bulletin), userIds, packed];
}

/** @throws PeerFault */
export function unpackCircular(body: unknown): Circular {
  const items = new Items(body);
  const bulletin = unpackBulletin(items.list((item) => item));
  const userIds = items.list(textOf);
  const enrolments = items.list((item): [string, Enrolment] => {
    const fields = new Items(item);
    return [fields.text(), unpackEnrolment(fields)];
  });
  return { bulletin, userIds, enrolments: new Map(enrolments) };
}

export function packMemberNews({ bulletin, enrolment, isPartial }: MemberNews): readonly unknown[] {
  return [
    packBulletin(bulletin),
    enrolment === undefined ? null : packEnrolment(enrolment),
    isPartial === true,
  ];
}

/** @throws PeerFault */
export function unpackMemberNews(body: unknown): MemberNews {
  const items = new Items(body);
  const bulletin = unpackBulletin(items.list((item) => item));
  const enrolment = items.optional((item) => unpackEnrolment(new Items(item)));
  const isPartial = items.flag();
  return {
    kind: 'groupNews',
    bulletin,
    ...(enrolment !== undefined && { enrolment }),
    ...(isPartial && { isPartial }),
  };
}

export function packCard(card: MemberCard | undefined): readonly unknown[] | null {
  if (card === undefined) return null;
  const { name, deliveredSeq, readSeq, isFull, blocks, isInManyLarge } = card;
  return [name, deliveredSeq, readSeq, isFull, blocks, isInManyLarge];
}

/** @throws PeerFault */
export function unpackCard(value: unknown): MemberCard | undefined {
  if (value === null || value === undefined) return undefined;
  const items = new Items(value);
  const [name, deliveredSeq, readSeq] = [items.text(), items.count(), items.count()];
  const isFull = items.flag();
  const blocks = items.isAtEnd ? [] : items.list(textOf);
  return { name, deliveredSeq, readSeq, isFull, blocks, isInManyLarge: items.isAtEnd ? false : items.flag() };
}

export function packBulletin(bulletin: Bulletin): readonly unknown[] {
  const { groupId, name, event, lastSeq, lastTimestamp, lastFrom, snippet, messages, op, changed } = bulletin;
  const { receipt, receipts, takesReceipts, large } = bulletin;
  const told = [op, changed.map(packMessage), receipt, receipts.map(packReceipt), takesReceipts];
  const last = [lastSeq, lastTimestamp, lastFrom, snippet];
  const packed = [groupId, name, event, ...last, messages.map(packMessage), ...told];
  return large === undefined ? packed : [...packed, large.opAbove];
}

/** @throws PeerFault */
export function unpackBulletin(value: unknown): Bulletin {
  const items = new Items(value);
  const [groupId, name, event] = [items.text(), items.text(), items.count()];
  const [lastSeq, lastTimestamp] = [items.count(), items.count()];
  const [lastFrom, snippet] = [items.text(), items.text()];
  const messages = items.list(unpackMessage);
  const bulletin = { groupId, name, event, lastSeq, lastTimestamp, lastFrom, snippet, messages };
  // A node that knows no changes or receipts in groups has none to tell of.
  const noReceipts = { receipt: 0, receipts: [], takesReceipts: false };
  if (items.isAtEnd) return { ...bulletin, op: 0, changed: [], ...noReceipts };
  const changes = { op: items.count(), changed: items.list(unpackMessage) };
  const receipt = items.optional(countOf);
  if (receipt === undefined) return { ...bulletin, ...changes, ...noReceipts };
  const receipts = items.list(unpackReceipt);
  const told = { ...bulletin, ...changes, receipt, receipts, takesReceipts: items.flag() };
  const opAbove = items.optional(countOf);
  return opAbove === undefined ? told : { ...told, large: { opAbove } };
}

function packReceipt({ userId, deliveredSeq, readSeq, number, hiddenFrom }: Receipt): readonly unknown[] {
  const packed = [userId, deliveredSeq, readSeq, number];
  return hiddenFrom.length === 0 ? packed : [...packed, hiddenFrom];
}

function unpackReceipt(value: unknown): Receipt {
  const items = new Items(value);
  const [userId, deliveredSeq, readSeq] = [items.text(), items.count(), items.count()];
  const number = items.count();
  return { userId, deliveredSeq, readSeq, number, hiddenFrom: items.isAtEnd ? [] : items.list(textOf) };
}

function packMessage(message: GroupMessage): readonly unknown[] {
  const { seq, messageId, text, timestamp, mediaRef, replyTo, editedAt, deletedAt, op } = message;
  const packed = [seq, messageId, text, timestamp];
  if (op !== undefined) {
    return [...packed, packMedia(mediaRef), replyTo ?? null, editedAt ?? null, deletedAt ?? null, op];
  }
  return mediaRef === undefined && replyTo === undefined
    ? packed
    : [...packed, packMedia(mediaRef), replyTo ?? null];
}

function unpackMessage(value: unknown): GroupMessage {
  const items = new Items(value);
  const [seq, messageId] = [items.count(), items.text()];
  const message = { seq, messageId, text: items.text(), timestamp: items.count() };
  if (items.isAtEnd) return message;
  const mediaRef = items.optional(unpackMedia);
  const replyTo = items.optional(countOf);
  const [editedAt, deletedAt, op] = [
    items.optional(countOf),
    items.optional(countOf),
    items.optional(countOf),
  ];
  return {
    ...message,
    ...(mediaRef !== undefined && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
    ...(editedAt !== undefined && { editedAt }),
    ...(deletedAt !== undefined && { deletedAt }),
    ...(op !== undefined && { op }),
  };
}

function packEnrolment(enrolment: Enrolment): readonly unknown[] {
  const { kind, event } = enrolment;
  if (kind === 'left') return [enrolmentTags.left, event];
  const { seq, sinceJoin, own } = enrolment;
  const joined = [enrolmentTags.joined, event, seq, sinceJoin];
  return own === undefined ? joined : [...joined, own];
}

function unpackEnrolment(items: Items): Enrolment {
  const [tag, event] = [items.count(), items.count()];
  switch (tag) {
    case enrolmentTags.left:
      return { kind: 'left', event };
    case enrolmentTags.joined:
      return unpackJoined(event, items);
    default:
      throw new PeerFault('protocol', `no enrolment has tag ${tag}`);
  }
}

function unpackJoined(event: number, items: Items): Enrolment {
  const joined = { kind: 'joined', event, seq: items.count(), sinceJoin: items.flag() } as const;
  return items.isAtEnd ? joined : { ...joined, own: items.list(countOf) };
}
