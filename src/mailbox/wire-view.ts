import { formatCursor } from '../protocol/cursor.ts';
import type { Change, Conversation, Message } from '../protocol/message.ts';
import {
  messageAt,
  unreadOf,
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
    peerReadSeq: head.peerReadSeq,
    peerDeliveredSeq: head.peerDeliveredSeq,
  };
}

/** The cursor after entry `index` of a commit; the last entry's is the commit's own. */
export function cursorAfter(commit: LogCommit, index: number): string {
  return formatCursor(commit.version, index === commit.entries.length - 1 ? undefined : index);
}

/** A log entry as a change, or undefined where its message has to be read first. */
export function wireChange(
  state: MailboxState,
  entry: LogEntry,
  cursor: string,
  loaded: (conversation: ConversationState, seq: number) => StoredMessage | undefined,
): Change | undefined {
  if (entry.kind === 'read') {
    const { conversationId, readSeq, unread } = entry;
    return { cursor, kind: 'read', conversationId, readSeq, unread };
  }
  const conversation = state.conversations.get(entry.conversationId);
  if (conversation === undefined) return undefined;
  if (entry.kind === 'receipt') {
    const { conversationId, deliveredSeq, readSeq } = entry;
    return { cursor, kind: 'receipt', conversationId, userId: conversation.head.peer, deliveredSeq, readSeq };
  }
  const message = messageAt(conversation, entry.seq) ?? loaded(conversation, entry.seq);
  return message && { cursor, kind: entry.kind, message: wireMessage(state.userId, conversation, message) };
}
