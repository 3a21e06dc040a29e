import { LRUCache } from 'lru-cache';
import { senderOf } from '../protocol/message-id.ts';
import type { MediaRef, Message } from '../protocol/message.ts';

/** A message as its group keeps it; who sent it stands in its id. */
export interface GroupMessage {
  readonly seq: number;
  readonly messageId: string;
  readonly text: string;
  readonly timestamp: number;
  readonly mediaRef?: MediaRef;
  readonly replyTo?: number;
  readonly editedAt?: number;
  /** Text and mediaRef are gone. */
  readonly deletedAt?: number;
  /** Number of its last edit or deletion in the group; missing: it is as it was sent. */
  readonly op?: number;
}

/** As many as one bulletin has: it is told to all members of a node, one after the other. */
const shared = new LRUCache<GroupMessage, Message>({ max: 256 });

/** The same, one object for all members that are told of it: so it is encoded once for all of them. */
export function sharedWireMessage(conversationId: string, message: GroupMessage): Message {
  let wired = shared.get(message);
  if (wired === undefined) {
    wired = wireGroupMessage(conversationId, message);
    shared.set(message, wired);
  }
  return wired;
}

/** What clients see of it. */
export function wireGroupMessage(conversationId: string, message: GroupMessage): Message {
  const { seq, messageId, text, timestamp, mediaRef, replyTo, editedAt, deletedAt } = message;
  return {
    conversationId,
    seq,
    messageId,
    from: senderOf(messageId),
    text,
    timestamp,
    ...(mediaRef && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
    ...(editedAt !== undefined && { editedAt }),
    ...(deletedAt !== undefined && { deletedAt }),
  };
}
