import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import type { CopiedMessage, Envelope, MissingReply } from './envelope.ts';
import { messageOf, messageRange } from './mailbox-cells.ts';
import { indexAbove, type MailboxState, type StoredMessage } from './mailbox-state.ts';

function copyOf({ messageId, seq, timestamp, text, mediaRef, replyTo }: StoredMessage): CopiedMessage {
  return {
    messageId,
    seq,
    timestamp,
    text,
    ...(mediaRef && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
  };
}

/** The peer's messages above a seq, oldest first, for the peer's own copy (G5). */
export function queryMissing(
  state: MailboxState,
  { conversationId, above, limit }: Extract<Envelope, { kind: 'missing' }>,
  loaded: LoadedRanges,
): Step<MissingReply> {
  const name = state.profile?.name ?? '';
  const conversation = state.conversations.get(conversationId);
  if (conversation === undefined || conversation.head.peerSeq <= above) {
    return done({ kind: 'missing', name, previousSeq: above, messages: [] });
  }
  let messages: readonly StoredMessage[];
  if (above >= conversation.runAbove) {
    messages = conversation.messages.slice(indexAbove(conversation.messages, above));
  } else {
    // What is owed is bounded by `outboxPendingMax`, own messages in between by how fast people type.
    const range = messageRange(conversation, above, conversation.head.lastSeq + 1, 100_000);
    const cells = loaded.cells(range, conversation.touchedVersion);
    if (cells === undefined) return need(range);
    messages = cells.map(messageOf).reverse();
  }
  const owed = messages.filter((message) => !message.own).slice(0, limit);
  return done({ kind: 'missing', name, previousSeq: above, messages: owed.map(copyOf) });
}
