import { encodeValue, decodeValue } from '../conversation/cell-value.ts';
import { isGroupId } from '../protocol/conversation-id.ts';
import type { Conversation } from '../protocol/message.ts';
import type { Cell, CellRange } from '../row/cell.ts';
import type { LogCommit, LogEntry } from './mailbox-state.ts';

/**
 * Slots of the change log. Part of the format: with another number the slots of what is stored are elsewhere.
 */
export const logCommitsMax = 1024;

const logKinds = {
  message: 0,
  read: 1,
  receipt: 2,
  edited: 3,
  deleted: 4,
  groupRange: 5,
  conversation: 6,
  contact: 7,
  renamed: 8,
} as const;
type MessageKind = 'message' | 'edited' | 'deleted';
type LogEntryFields =
  // Kinds but that of a message since format 2.
  | [kind: (typeof logKinds)[MessageKind], local: number, seq: number]
  | [kind: typeof logKinds.read, local: number, readSeq: number, unread: number]
  // Since format 2; with a userId, which is of groups, since format 3.
  | [kind: typeof logKinds.receipt, local: number, deliveredSeq: number, readSeq: number, userId?: string]
  // Since format 3.
  | [kind: typeof logKinds.contact, userId: string, removed: 0 | 1]
  | [kind: typeof logKinds.groupRange, local: number, above: number, upTo: number]
  // Since format 4.
  | [kind: typeof logKinds.renamed, local: number]
  | [
      kind: typeof logKinds.conversation,
      local: number,
      left: 0 | 1,
      name: string,
      lastSeq: number,
      lastTimestamp: number,
      updatedAt: number,
      snippet: string,
      lastFrom: string,
      unread: number,
      readSeq: number,
    ];
type LogFields = [version: number, entries: LogEntryFields[]];
const logFormat = 4;

/** The oldest format that can say it, so that nodes of former releases can read what they know. */
function formatOf(entry: LogEntry): number {
  const { kind } = entry;
  if (kind === 'renamed') return 4;
  if (kind === 'receipt') return entry.userId === undefined ? 2 : 3;
  if (kind === 'edited' || kind === 'deleted') return isGroupId(entry.conversationId) ? 3 : 2;
  return kind === 'groupRange' || kind === 'conversation' || kind === 'contact' ? 3 : 2;
}

function slotQualifier(slot: number): Buffer {
  const qualifier = Buffer.allocUnsafe(4);
  qualifier.writeUInt32BE(slot, 0);
  return qualifier;
}

function fieldsOf(entry: LogEntry, localOf: (conversationId: string) => number): LogEntryFields {
  switch (entry.kind) {
    case 'message':
    case 'edited':
    case 'deleted':
      return [logKinds[entry.kind], localOf(entry.conversationId), entry.seq];
    case 'read':
      return [logKinds.read, localOf(entry.conversationId), entry.readSeq, entry.unread];
    case 'receipt': {
      const { conversationId, deliveredSeq, readSeq, userId } = entry;
      const fields = [logKinds.receipt, localOf(conversationId), deliveredSeq, readSeq] as const;
      return userId === undefined ? [...fields] : [...fields, userId];
    }
    case 'contact':
      return [logKinds.contact, entry.userId, entry.removed === true ? 1 : 0];
    case 'renamed':
      return [logKinds.renamed, localOf(entry.conversationId)];
    case 'groupRange':
      return [logKinds.groupRange, localOf(entry.conversationId), entry.above, entry.upTo];
    case 'conversation': {
      const { conversationId, name, lastSeq, lastTimestamp, updatedAt, ...rest } = entry.conversation;
      const { lastFrom, unread, readSeq } = rest;
      // What somebody has written is kept where it can be taken back: in the group, and in the index entry.
      const snippet = '';
      const left = entry.left === true ? 1 : 0;
      const shown = [name, lastSeq, lastTimestamp, updatedAt, snippet, lastFrom, unread, readSeq] as const;
      return [logKinds.conversation, localOf(conversationId), left, ...shown];
    }
  }
}

function entryOf(fields: LogEntryFields, conversationOfLocal: (local: number) => string): LogEntry {
  if (fields[0] === logKinds.contact) {
    return { kind: 'contact', userId: fields[1], ...(fields[2] === 1 && { removed: true }) };
  }
  const conversationId = conversationOfLocal(fields[1]);
  switch (fields[0]) {
    case logKinds.message:
      return { kind: 'message', conversationId, seq: fields[2] };
    case logKinds.edited:
      return { kind: 'edited', conversationId, seq: fields[2] };
    case logKinds.deleted:
      return { kind: 'deleted', conversationId, seq: fields[2] };
    case logKinds.read:
      return { kind: 'read', conversationId, readSeq: fields[2], unread: fields[3] };
    case logKinds.receipt: {
      const [, , deliveredSeq, readSeq, userId] = fields;
      return { kind: 'receipt', conversationId, deliveredSeq, readSeq, ...(userId && { userId }) };
    }
    case logKinds.renamed:
      return { kind: 'renamed', conversationId };
    case logKinds.groupRange:
      return { kind: 'groupRange', conversationId, above: fields[2], upTo: fields[3] };
    case logKinds.conversation: {
      const [, , left, name, lastSeq, lastTimestamp, updatedAt, snippet, lastFrom, unread, readSeq] = fields;
      const conversation: Conversation = {
        ...{ conversationId, type: 'group', name, lastSeq, lastTimestamp, updatedAt, snippet, lastFrom },
        ...{ unread, readSeq },
      };
      return { kind: 'conversation', conversation, ...(left === 1 && { left: true }) };
    }
  }
}

/** `l` version number modulo the slots of the log (u32): bounded without a delete */
export function logCell(commit: LogCommit, localOf: (conversationId: string) => number): Cell {
  const entries = commit.entries.map((entry) => fieldsOf(entry, localOf));
  const fields: LogFields = [commit.version, entries];
  const format = commit.entries.reduce((newest, entry) => Math.max(newest, formatOf(entry)), 2);
  return {
    family: 'l',
    qualifier: slotQualifier(commit.version % logCommitsMax),
    value: encodeValue(fields, format),
  };
}

export function logOf(cell: Cell, conversationOfLocal: (local: number) => string): LogCommit {
  const [version, entries] = decodeValue(cell, logFormat) as LogFields;
  return { version, entries: entries.map((fields) => entryOf(fields, conversationOfLocal)) };
}

/** Slots of the log for versions first..last (at most one turn), as one or two ranges. */
export function logRanges(first: number, last: number): readonly CellRange[] {
  const range = (from: number, to: number): CellRange => ({
    family: 'l',
    from: slotQualifier(from),
    to: slotQualifier(to + 1),
    limit: to - from + 1,
  });
  const [firstSlot, lastSlot] = [first % logCommitsMax, last % logCommitsMax];
  if (firstSlot <= lastSlot) return [range(firstSlot, lastSlot)];
  return [range(firstSlot, logCommitsMax - 1), range(0, lastSlot)];
}
