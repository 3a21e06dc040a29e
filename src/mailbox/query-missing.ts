import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import type { CopiedMessage, Envelope, Marks, MissingReply } from './envelope.ts';
import { messageOf, messageRange } from './mailbox-cells.ts';
import { indexAbove, type ConversationHead, type MailboxState, type StoredMessage } from './mailbox-state.ts';

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

/** What the peer is told of this user's marks. */
export function marksOf(head: ConversationHead | undefined): Marks {
  return { delivered: head?.deliveredSeq ?? 0, read: head?.readSeq ?? 0 };
}

function isOwed(message: StoredMessage): boolean {
  return !message.own;
}

/** How much of the seq space one read covers at first; most of it is dense. */
const windowPerMessage = 4;

/** The peer's messages above a seq, oldest first, for the peer's own copy (G5). */
export function queryMissing(
  state: MailboxState,
  { conversationId, above, limit }: Extract<Envelope, { kind: 'missing' }>,
  loaded: LoadedRanges,
): Step<MissingReply> {
  const name = state.profile?.name ?? '';
  const conversation = state.conversations.get(conversationId);
  const marks = marksOf(conversation?.head);
  const answer = (missing: readonly StoredMessage[]): Step<MissingReply> => {
    const messages = missing.slice(0, limit).map(copyOf);
    return done({ kind: 'missing', name, owed: { previousSeq: above, messages, marks } });
  };
  if (conversation === undefined || conversation.head.peerSeq <= above) return answer([]);
  if (above >= conversation.runAbove) {
    const first = indexAbove(conversation.messages, above);
    return answer(conversation.messages.slice(first).filter(isOwed));
  }
  // Messages are stored newest first: take windows above `above` until one has enough, or ends at the last one.
  const { peerSeq } = conversation.head;
  for (let window = windowPerMessage * (limit + 1); ; window *= 4) {
    const upTo = Math.min(above + window, peerSeq);
    const range = messageRange(conversation, above, upTo + 1, upTo - above);
    const cells = loaded.cells(range, conversation.touchedVersion);
    if (cells === undefined) return need(range);
    const owed = cells.map(messageOf).filter(isOwed).reverse();
    if (owed.length >= limit || upTo === peerSeq) return answer(owed);
  }
}
