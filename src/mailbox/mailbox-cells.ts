import { decodeValue, encodeValue, u48Max, wholeFamily } from '../conversation/cell-value.ts';
import type { Cell, CellRange } from '../row/cell.ts';
import type { MediaRef } from '../protocol/message.ts';
import type {
  ConversationHead,
  ConversationState,
  LogCommit,
  LogEntry,
  Profile,
  StoredMessage,
} from './mailbox-state.ts';

/*
 * The cells of a user's row. Qualifiers:
 *
 * - `h` `p` profile; `h` `c`|local (u32) one conversation
 * - `m` local (u32) | ~seq (u48, so that newest sorts first)
 * - `d` see dedup-window.ts
 * - `o` local (u32)
 * - `l` version number modulo the slots of the log (u32): bounded without a delete
 */
function localQualifier(local: number): Buffer {
  const qualifier = Buffer.allocUnsafe(4);
  qualifier.writeUInt32BE(local, 0);
  return qualifier;
}

const profileQualifier = Buffer.from('p');
const conversationPrefix = 'c'.charCodeAt(0);

type ProfileFields = [name: string, createdAt: number, passwordHash: string, tokensValidFrom: number];

export function profileCell(profile: Profile): Cell {
  const fields: ProfileFields = [
    profile.name,
    profile.createdAt,
    profile.passwordHash,
    profile.tokensValidFrom,
  ];
  return { family: 'h', qualifier: profileQualifier, value: encodeValue(fields) };
}

export function isProfileCell(cell: Cell): boolean {
  return cell.qualifier.equals(profileQualifier);
}

export function profileOf(cell: Cell): Profile {
  const [name, createdAt, passwordHash, tokensValidFrom] = decodeValue(cell) as ProfileFields;
  return { name, createdAt, passwordHash, tokensValidFrom };
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
];

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
  ];
  return { family: 'h', qualifier, value: encodeValue(fields) };
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
  ] = decodeValue(cell) as ConversationFields;
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
  media?: [ref: string, type: string, size: number],
];

export function messageCell(local: number, message: StoredMessage): Cell {
  const fields: MessageFields = [
    message.messageId,
    message.own ? 1 : 0,
    message.text,
    message.timestamp,
    message.receivedCount,
  ];
  const { mediaRef } = message;
  if (message.replyTo !== undefined || mediaRef !== undefined) fields.push(message.replyTo ?? 0);
  if (mediaRef !== undefined) fields.push([mediaRef.ref, mediaRef.type, mediaRef.size]);
  return { family: 'm', qualifier: messageQualifier(local, message.seq), value: encodeValue(fields) };
}

export function messageOf(cell: Cell): StoredMessage {
  const [messageId, own, text, timestamp, receivedCount, replyTo, media] = decodeValue(cell) as MessageFields;
  const seq = u48Max - cell.qualifier.readUIntBE(4, 6);
  const mediaRef: MediaRef | undefined = media && { ref: media[0], type: media[1], size: media[2] };
  return {
    seq,
    messageId,
    own: own === 1,
    text,
    timestamp,
    receivedCount,
    ...(replyTo !== undefined && replyTo > 0 && { replyTo }),
    ...(mediaRef !== undefined && { mediaRef }),
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

type OutboxFields = [confirmed: number];

/** `confirmed` undefined: nothing is owed any more. */
export function outboxCell(local: number, confirmed: number | undefined): Cell {
  const value = confirmed === undefined ? Buffer.alloc(0) : encodeValue([confirmed] satisfies OutboxFields);
  return { family: 'o', qualifier: localQualifier(local), value };
}

export function outboxOf(cell: Cell): { local: number; confirmed: number } {
  const [confirmed] = decodeValue(cell) as OutboxFields;
  return { local: cell.qualifier.readUInt32BE(0), confirmed };
}

/**
 * Slots of the change log. Part of the format: with another number the slots of what is stored are elsewhere.
 */
export const logCommitsMax = 1024;

const logKinds = { message: 0, read: 1 } as const;
type LogEntryFields =
  | [kind: typeof logKinds.message, local: number, seq: number]
  | [kind: typeof logKinds.read, local: number, readSeq: number, unread: number];
type LogFields = [version: number, entries: LogEntryFields[]];

export function logCell(commit: LogCommit, localOf: (conversationId: string) => number): Cell {
  const entries = commit.entries.map((entry): LogEntryFields => {
    const local = localOf(entry.conversationId);
    return entry.kind === 'message'
      ? [logKinds.message, local, entry.seq]
      : [logKinds.read, local, entry.readSeq, entry.unread];
  });
  const fields: LogFields = [commit.version, entries];
  return {
    family: 'l',
    qualifier: localQualifier(commit.version % logCommitsMax),
    value: encodeValue(fields),
  };
}

export function logOf(cell: Cell, conversationOfLocal: (local: number) => string): LogCommit {
  const [version, entries] = decodeValue(cell) as LogFields;
  return {
    version,
    entries: entries.map((entry): LogEntry => {
      const conversationId = conversationOfLocal(entry[1]);
      return entry[0] === logKinds.message
        ? { kind: 'message', conversationId, seq: entry[2] }
        : { kind: 'read', conversationId, readSeq: entry[2], unread: entry[3] };
    }),
  };
}

/** Slots of the log for versions first..last (at most one turn), as one or two ranges. */
export function logRanges(first: number, last: number): readonly CellRange[] {
  const range = (from: number, to: number): CellRange => ({
    family: 'l',
    from: localQualifier(from),
    to: localQualifier(to + 1),
    limit: to - from + 1,
  });
  const [firstSlot, lastSlot] = [first % logCommitsMax, last % logCommitsMax];
  if (firstSlot <= lastSlot) return [range(firstSlot, lastSlot)];
  return [range(firstSlot, logCommitsMax - 1), range(0, lastSlot)];
}

/** The profile, cells to come, and conversations that copies open when the list is full: those are never refused. */
const headSpareCells = 4_096;

/** What activation reads, in one go: the index, what is owed, the newest dedup entries. */
export function headRanges(conversationsMax: number, dedupMax: number): readonly CellRange[] {
  return [
    wholeFamily('h', conversationsMax + headSpareCells),
    wholeFamily('o', conversationsMax + headSpareCells),
    wholeFamily('d', dedupMax),
  ];
}
