import { sharedWireMessage } from '../conversation/group-message.ts';
import { isGroupId } from '../protocol/conversation-id.ts';
import { formatCursor, type Ahead } from '../protocol/cursor.ts';
import type { Change, Conversation, Message } from '../protocol/message.ts';
import type { RangeEntry } from './feed-tail.ts';
import {
  messageAt,
  unreadOf,
  type CommittedChanges,
  type ConversationState,
  type LogCommit,
  type LogEntry,
  type MailboxState,
  type StoredMessage,
} from './mailbox-state.ts';

/** What clients see of a stored message. */
export function wireMessage(
  userId: string,
  conversation: ConversationState,
  message: StoredMessage,
): Message {
  const { seq, messageId, own, text, timestamp, mediaRef, replyTo, editedAt, deletedAt } = message;
  const { conversationId, head } = conversation;
  const from = own ? userId : head.peer;
  const isPlain = mediaRef === undefined && editedAt === undefined && deletedAt === undefined;
  if (isPlain && replyTo === undefined) {
    return { conversationId, seq, messageId, from, text, timestamp };
  }
  return {
    conversationId,
    seq,
    messageId,
    from,
    text,
    timestamp,
    ...(mediaRef && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
    ...(editedAt !== undefined && { editedAt }),
    ...(deletedAt !== undefined && { deletedAt }),
  };
}

/** What clients see of a conversation in the list. */
export function wireConversation(userId: string, { conversationId, head }: ConversationState): Conversation {
  return {
    conversationId,
    type: 'dm',
    name: head.name,
    peer: head.peer,
    lastSeq: head.lastSeq,
    lastTimestamp: head.lastTimestamp,
    updatedAt: head.updatedAt,
    snippet: head.snippet,
    lastFrom: head.lastOwn ? userId : head.peer,
    unread: unreadOf(head),
    readSeq: head.readSeq,
    ...(!head.isBlocked && { peerReadSeq: head.peerReadSeq, peerDeliveredSeq: head.peerDeliveredSeq }),
  };
}

/** The cursor after entry `index` of a commit; the last entry's is the commit's own. */
export function cursorAfter(commit: LogCommit, index: number): string {
  return formatCursor(commit.version, index === commit.entries.length - 1 ? undefined : index);
}

/** Messages of a group with `above < seq <= upTo`, at one place of the feed; its row has them. */
export interface GroupRange {
  /** What the feed tells of them. */
  readonly kind: 'message' | 'edited' | 'deleted';
  readonly conversationId: string;
  readonly above: number;
  readonly upTo: number;
  /** The cursor after one of them. */
  readonly cursorAt: (seq: number) => string;
}

/** Entry `index` of a commit, where what it shows is in the row of a group. */
export function groupRangeOf(commit: LogCommit, index: number, entry: LogEntry): GroupRange | undefined {
  if (entry.kind === 'groupRange') {
    const cursorAt = (seq: number): string => cursorInRange(commit, index, entry, seq);
    return { ...entry, kind: 'message', cursorAt };
  }
  if (!('seq' in entry) || !isGroupId(entry.conversationId)) return undefined;
  const { kind, conversationId, seq } = entry;
  return { kind, conversationId, above: seq - 1, upTo: seq, cursorAt: () => cursorAfter(commit, index) };
}

/** The cursor after the message with this seq, of those that entry `index` of a commit stands for. */
function cursorInRange(commit: LogCommit, index: number, { upTo }: RangeEntry, seq: number): string {
  return seq === upTo ? cursorAfter(commit, index) : formatCursor(commit.version, index, seq);
}

/** A text that is gone, or was another then, is not shown any more; of the last message the list has the text. */
function shownOf(
  { groups }: MailboxState,
  { conversation, left }: Extract<LogEntry, { kind: 'conversation' }>,
): Conversation {
  if (left === true) return { ...conversation, snippet: '', lastFrom: '' };
  const group = groups.get(conversation.conversationId);
  const isLast = group?.isIn === true && group.lastSeq === conversation.lastSeq;
  return { ...conversation, snippet: isLast ? group.snippet : '' };
}

/** A log entry as a change, or undefined where its message has to be read first. */
export function wireChange(
  state: MailboxState,
  entry: LogEntry,
  cursor: string,
  loaded: (conversation: ConversationState, seq: number) => StoredMessage | undefined,
): Change | undefined {
  switch (entry.kind) {
    case 'read': {
      const { conversationId, readSeq, unread } = entry;
      return { cursor, kind: 'read', conversationId, readSeq, unread };
    }
    case 'groupRange':
      return undefined;
    case 'contact':
      return { cursor, ...entry };
    case 'conversation':
      return { cursor, ...entry, conversation: shownOf(state, entry) };
    case 'renamed': {
      const renamed = state.conversations.get(entry.conversationId);
      return (
        renamed && { cursor, kind: 'conversation', conversation: wireConversation(state.userId, renamed) }
      );
    }
    case 'receipt': {
      const { conversationId, deliveredSeq, readSeq } = entry;
      const userId = entry.userId ?? state.conversations.get(conversationId)?.head.peer;
      return userId === undefined
        ? undefined
        : { cursor, kind: 'receipt', conversationId, userId, deliveredSeq, readSeq };
    }
    case 'message':
    case 'edited':
    case 'deleted': {
      const conversation = state.conversations.get(entry.conversationId);
      if (conversation === undefined) return undefined;
      const message = messageAt(conversation, entry.seq) ?? loaded(conversation, entry.seq);
      return (
        message && { cursor, kind: entry.kind, message: wireMessage(state.userId, conversation, message) }
      );
    }
  }
}

/** The changes of a commit, or undefined where something of it has to be read first. */
export function wireCommit(state: MailboxState, commit: CommittedChanges): Change[] | undefined {
  if (commit.ahead !== undefined) return wireTail(state, commit, commit.ahead);
  const changes: Change[] = [];
  for (const [index, entry] of commit.entries.entries()) {
    if (index < commit.pushed) continue;
    const range = groupRangeOf(commit, index, entry);
    if (range !== undefined) {
      const { kind, conversationId, above, upTo, cursorAt } = range;
      for (let seq = above + 1; seq <= upTo; seq++) {
        const message = commit.fresh.get(conversationId)?.get(seq);
        if (message === undefined) return undefined;
        changes.push({ cursor: cursorAt(seq), kind, message: sharedWireMessage(conversationId, message) });
      }
      continue;
    }
    const change = wireChange(state, entry, cursorAfter(commit, index), () => undefined);
    if (change === undefined) return undefined;
    changes.push(change);
  }
  return changes;
}

/** Messages that stand behind a commit: each cursor says how far each group has come since. */
function wireTail(
  { groups }: MailboxState,
  { version, entries, fresh }: CommittedChanges,
  before: Ahead,
): Change[] | undefined {
  const changes: Change[] = [];
  const ahead = new Map(before);
  for (const entry of entries) {
    if (entry.kind !== 'groupRange') continue;
    const { conversationId, above, upTo } = entry;
    const local = groups.get(conversationId)?.local ?? 0;
    for (let seq = above + 1; seq <= upTo; seq++) {
      const message = fresh.get(conversationId)?.get(seq);
      if (message === undefined) return undefined;
      ahead.set(local, seq);
      const cursor = formatCursor(version, undefined, undefined, ahead);
      changes.push({ cursor, kind: 'message', message: sharedWireMessage(conversationId, message) });
    }
  }
  return changes;
}
