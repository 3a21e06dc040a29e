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
}

/** What clients see of it. */
export function wireGroupMessage(conversationId: string, message: GroupMessage): Message {
  const { seq, messageId, text, timestamp, mediaRef, replyTo } = message;
  return {
    conversationId,
    seq,
    messageId,
    from: senderOf(messageId),
    text,
    timestamp,
    ...(mediaRef && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
  };
}
