import { allOfFamily, decodeValue, encodeValue, u48Max, wholeFamily } from '../conversation/cell-value.ts';
import type { Cell, CellRange } from '../row/cell.ts';
import type { MediaRef } from '../protocol/message.ts';
import type { Marks } from './envelope.ts';
import type { GroupEntry } from './group-entry.ts';
import type { ConversationHead, ConversationState, Outbox, Profile, StoredMessage } from './mailbox-state.ts';
import { nothing } from './standing.ts';

/*
 * The cells of a user's row. Qualifiers:
 *
 * - `h` `p` profile; `h` `c`|local (u32) one conversation; `h` `g`|local one group; `h` `u`|userId see people.ts;
 *   `h` `d`|deviceId see devices.ts
 * - `m` local (u32) | ~seq (u48, so that newest sorts first)
 * - `d` see dedup-window.ts
 * - `o` local (u32)
 * - `l` see log-cells.ts
 */
function localQualifier(local: number): Buffer {
  const qualifier = Buffer.allocUnsafe(4);
  qualifier.writeUInt32BE(local, 0);
  return qualifier;
}

const profileQualifier = Buffer.from('p');
const conversationPrefix = 'c'.charCodeAt(0);

type ProfileFields = [
  name: string,
  createdAt: number,
  passwordHash: string,
  tokensValidFrom: number,
  // Since format 2, which is that of users who have logged a device out.
  knownTokensBefore?: number,
];
const loggedOutFormat = 2;

export function profileCell(profile: Profile): Cell {
  const fields: ProfileFields = [
    profile.name,
    profile.createdAt,
    profile.passwordHash,
    profile.tokensValidFrom,
  ];
  const { knownTokensBefore } = profile;
  if (knownTokensBefore === undefined) {
    return { family: 'h', qualifier: profileQualifier, value: encodeValue(fields) };
  }
  const value = encodeValue([...fields, knownTokensBefore], loggedOutFormat);
  return { family: 'h', qualifier: profileQualifier, value };
}

export function isProfileCell(cell: Cell): boolean {
  return cell.qualifier.equals(profileQualifier);
}

export function profileOf(cell: Cell): Profile {
  const [name, createdAt, passwordHash, tokensValidFrom, knownTokensBefore] = decodeValue(
    cell,
    loggedOutFormat,
  ) as ProfileFields;
  const profile = { name, createdAt, passwordHash, tokensValidFrom };
  return knownTokensBefore === undefined ? profile : { ...profile, knownTokensBefore };
}

type ConversationFields = [
  peer: string,
  name: string,
  lastSeq: number,
  lastTimestamp: number,
  updatedAt: number,
  snippet: string,
  lastOwn: boolean,
  receivedCount: number,
  readSeq: number,
  readCount: number,
  ownSeq: number,
  peerSeq: number,
  // Since format 2.
  deliveredSeq?: number,
  peerDeliveredSeq?: number,
  peerReadSeq?: number,
  ownOp?: number,
  peerOp?: number,
  isBlocked?: boolean,
];
const conversationFormat = 2;

export function conversationCell(head: ConversationHead): Cell {
  const qualifier = Buffer.allocUnsafe(5);
  qualifier[0] = conversationPrefix;
  qualifier.writeUInt32BE(head.local, 1);
  const fields: ConversationFields = [
    head.peer,
    head.name,
    head.lastSeq,
    head.lastTimestamp,
    head.updatedAt,
    head.snippet,
    head.lastOwn,
    head.receivedCount,
    head.readSeq,
    head.readCount,
    head.ownSeq,
    head.peerSeq,
    head.deliveredSeq,
    head.peerDeliveredSeq,
    head.peerReadSeq,
    head.ownOp,
    head.peerOp,
    head.isBlocked,
  ];
  return { family: 'h', qualifier, value: encodeValue(fields, conversationFormat) };
}

export function isConversationCell(cell: Cell): boolean {
  return cell.qualifier.length === 5 && cell.qualifier[0] === conversationPrefix;
}

export function conversationOf(cell: Cell): ConversationHead {
  const [
    peer,
    name,
    lastSeq,
    lastTimestamp,
    updatedAt,
    snippet,
    lastOwn,
    receivedCount,
    readSeq,
    readCount,
    ownSeq,
    peerSeq,
    deliveredSeq = readSeq,
    peerDeliveredSeq = 0,
    peerReadSeq = 0,
    ownOp = 0,
    peerOp = 0,
    isBlocked = false,
  ] = decodeValue(cell, conversationFormat) as ConversationFields;
  return {
    local: cell.qualifier.readUInt32BE(1),
    peer,
    name,
    lastSeq,
    lastTimestamp,
    updatedAt,
    snippet,
    lastOwn,
    receivedCount,
    readSeq,
    readCount,
    ownSeq,
    peerSeq,
    deliveredSeq,
    peerDeliveredSeq,
    peerReadSeq,
    ownOp,
    peerOp,
    isBlocked,
  };
}

const groupPrefix = 'g'.charCodeAt(0);

type GroupEntryFields = [
  conversationId: string,
  isIn: 0 | 1,
  enrolmentEvent: number,
  joinSeq: number,
  name: string,
  event: number,
  lastSeq: number,
  lastTimestamp: number,
  lastFrom: string,
  snippet: string,
  updatedAt: number,
  deliveredSeq: number,
  readSeq: number,
  own: number[],
  op?: number,
  shownAbove?: number,
  receipt?: number,
  takesReceipts?: 0 | 1,
  isLarge?: 1,
];

export function groupEntryCell(entry: GroupEntry): Cell {
  const qualifier = Buffer.allocUnsafe(5);
  qualifier[0] = groupPrefix;
  qualifier.writeUInt32BE(entry.local, 1);
  const fields: GroupEntryFields = [
    entry.conversationId,
    entry.isIn ? 1 : 0,
    entry.enrolmentEvent,
    entry.joinSeq,
    entry.name,
    entry.event,
    entry.lastSeq,
    entry.lastTimestamp,
    entry.lastFrom,
    entry.snippet,
    entry.updatedAt,
    entry.deliveredSeq,
    entry.readSeq,
    [...entry.own],
    entry.op,
    entry.shownAbove,
    entry.receipt,
    entry.takesReceipts ? 1 : 0,
  ];
  if (entry.isLarge) fields.push(1);
  return { family: 'h', qualifier, value: encodeValue(fields) };
}

export function isGroupEntryCell(cell: Cell): boolean {
  return cell.qualifier.length === 5 && cell.qualifier[0] === groupPrefix;
}

export function groupEntryOf(cell: Cell): GroupEntry {
  const [conversationId, isIn, enrolmentEvent, joinSeq, name, event, ...rest] = decodeValue(
    cell,
  ) as GroupEntryFields;
  const [lastSeq, lastTimestamp, lastFrom, snippet, updatedAt, deliveredSeq, readSeq, own, ...told] = rest;
  const [op = 0, shownAbove = joinSeq, receipt = 0, takesReceipts = 0, isLarge] = told;
  const local = cell.qualifier.readUInt32BE(1);
  return {
    ...{ conversationId, local, isIn: isIn === 1, enrolmentEvent, joinSeq, name, event },
    ...{ lastSeq, lastTimestamp, lastFrom, snippet, updatedAt, deliveredSeq, readSeq, own },
    ...{ op, shownAbove, receipt, takesReceipts: takesReceipts === 1, isLarge: isLarge === 1 },
  };
}

function messageQualifier(local: number, seq: number): Buffer {
  const qualifier = Buffer.allocUnsafe(10);
  qualifier.writeUInt32BE(local, 0);
  qualifier.writeUIntBE(u48Max - seq, 4, 6);
  return qualifier;
}

type MessageFields = [
  messageId: string,
  own: 0 | 1,
  text: string,
  timestamp: number,
  receivedCount: number,
  replyTo?: number,
  media?: [ref: string, type: string, size: number] | null,
  // Since format 2, which is that of changed messages; 0: not.
  editedAt?: number,
  deletedAt?: number,
];
const changedFormat = 2;

export function messageCell(local: number, message: StoredMessage): Cell {
  const fields: MessageFields = [
    message.messageId,
    message.own ? 1 : 0,
    message.text,
    message.timestamp,
    message.receivedCount,
  ];
  const { mediaRef, replyTo, editedAt, deletedAt } = message;
  const media: MessageFields[6] = mediaRef && [mediaRef.ref, mediaRef.type, mediaRef.size];
  const qualifier = messageQualifier(local, message.seq);
  if (editedAt !== undefined || deletedAt !== undefined) {
    fields.push(replyTo ?? 0, media ?? null, editedAt ?? 0, deletedAt ?? 0);
    return { family: 'm', qualifier, value: encodeValue(fields, changedFormat) };
  }
  if (replyTo !== undefined || media !== undefined) fields.push(replyTo ?? 0);
  if (media !== undefined) fields.push(media);
  return { family: 'm', qualifier, value: encodeValue(fields) };
}

/** The local number of a message's conversation. */
export function localOfMessage(cell: Cell): number {
  return cell.qualifier.readUInt32BE(0);
}

export function messageOf(cell: Cell): StoredMessage {
  const [messageId, own, text, timestamp, receivedCount, replyTo, media, editedAt = 0, deletedAt = 0] =
    decodeValue(cell, changedFormat) as MessageFields;
  const seq = u48Max - cell.qualifier.readUIntBE(4, 6);
  const mediaRef: MediaRef | undefined =
    media === null ? undefined : media && { ref: media[0], type: media[1], size: media[2] };
  return {
    seq,
    messageId,
    own: own === 1,
    text,
    timestamp,
    receivedCount,
    ...(replyTo !== undefined && replyTo > 0 && { replyTo }),
    ...(mediaRef !== undefined && { mediaRef }),
    ...(editedAt > 0 && { editedAt }),
    ...(deletedAt > 0 && { deletedAt }),
  };
}

/** Messages of one conversation with `above < seq < below`, newest first. */
export function messageRange(
  conversation: ConversationState,
  above: number,
  below: number,
  limit: number,
  offset = 0,
): CellRange {
  const { local } = conversation.head;
  return {
    family: 'm',
    from: messageQualifier(local, below - 1),
    to: messageQualifier(local, above),
    limit,
    ...(offset > 0 && { offset }),
  };
}

type OutboxFields = [
  seq: number,
  // Since format 2.
  delivered?: number,
  read?: number,
  op?: number,
  /** Seq and number of each changed message, in turn. */
  operations?: number[],
];
const outboxFormat = 2;

/** What an outbox cell says: how far the peer has what is owed, and which of its messages have changed since. */
export type StoredOutbox = Pick<Outbox, 'confirmed' | 'operations'>;

/** undefined: nothing is owed any more. */
export function outboxCell(local: number, outbox: StoredOutbox | undefined): Cell {
  const qualifier = localQualifier(local);
  if (outbox === undefined) return { family: 'o', qualifier, value: Buffer.alloc(0) };
  const { seq, delivered, read, op } = outbox.confirmed;
  const fields: OutboxFields = [seq, delivered, read, op];
  if (outbox.operations.size > 0) fields.push([...outbox.operations].flat());
  return { family: 'o', qualifier, value: encodeValue(fields, outboxFormat) };
}

/** The same of a group: which marks of this user it knows. */
export function marksOutboxCell(local: number, confirmed: Marks | undefined): Cell {
  const standing = confirmed && { ...nothing, ...confirmed };
  return outboxCell(local, standing && { confirmed: standing, operations: new Map() });
}

export function outboxOf(cell: Cell): StoredOutbox & { readonly local: number } {
  const fields = decodeValue(cell, outboxFormat) as OutboxFields;
  const [seq, delivered = 0, read = 0, op = 0, flat = []] = fields;
  const operations = new Map<number, number>();
  for (let index = 0; index < flat.length; index += 2) operations.set(flat[index] ?? 0, flat[index + 1] ?? 0);
  return { local: cell.qualifier.readUInt32BE(0), confirmed: { seq, op, delivered, read }, operations };
}

/** What activation reads, in one go: the index, what is owed, the newest dedup entries. */
export function headRanges(dedupMax: number): readonly CellRange[] {
  return [allOfFamily('h'), allOfFamily('o'), wholeFamily('d', dedupMax)];
}
