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
