import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import type { CopiedMessage, Envelope, Marks, MissingReply } from './envelope.ts';
import { findMessage } from './changed-message.ts';
import { messageOf, messageRange } from './mailbox-cells.ts';
import {
  indexAbove,
  type ConversationHead,
  type ConversationState,
  type MailboxState,
  type StoredMessage,
} from './mailbox-state.ts';
import type { CopiedOperation } from '../conversation/operation.ts';
import { nothing, owedBy } from './standing.ts';

function copyOf({ own: _, receivedCount: __, ...copied }: StoredMessage): CopiedMessage {
  return copied;
}

/** What the peer is told of this user's marks. */
export function marksOf(head: ConversationHead | undefined): Marks {
  const { delivered, read } = head === undefined ? nothing : owedBy(head);
  return { delivered, read };
}

function isOwed(message: StoredMessage): boolean {
  return !message.own;
}

/** How much of the seq space one read covers at first; most of it is dense. */
const windowPerMessage = 4;

/** The peer's messages above a seq, oldest first. */
function missingMessages(
  conversation: ConversationState,
  above: number,
  limit: number,
  loaded: LoadedRanges,
): Step<readonly StoredMessage[]> {
  const { peerSeq } = conversation.head;
  if (limit === 0 || peerSeq <= above) return done([]);
  if (above >= conversation.runAbove) {
    const first = indexAbove(conversation.messages, above);
    return done(conversation.messages.slice(first).filter(isOwed).slice(0, limit));
  }
  // Messages are stored newest first: take windows above `above` until one has enough, or ends at the last one.
  for (let window = windowPerMessage * (limit + 1); ; window *= 4) {
    const upTo = Math.min(above + window, peerSeq);
    const range = messageRange(conversation, above, upTo + 1, upTo - above);
    const cells = loaded.cells(range, conversation.touchedVersion);
    if (cells === undefined) return need(range);
    const owed = cells.map(messageOf).filter(isOwed).reverse();
    if (owed.length >= limit || upTo === peerSeq) return done(owed.slice(0, limit));
  }
}

/** What the peer's messages have become, in the order of the changes; of each the last one. */
function missingOperations(
  conversation: ConversationState,
  aboveOp: number,
  limit: number,
  loaded: LoadedRanges,
): Step<readonly CopiedOperation[]> {
  const owed = [...conversation.outbox.operations]
    .filter(([, op]) => op > aboveOp)
    .sort(([, a], [, b]) => a - b)
    .slice(0, limit);
  const steps = owed.map(([seq]) => findMessage(conversation, seq, loaded));
  const ranges = steps.flatMap((step) => (step.kind === 'need' ? step.ranges : []));
  if (ranges.length > 0) return need(...ranges);
  return done(
    owed.map(([seq, op], index): CopiedOperation => {
      const step = steps[index];
      const message = step?.kind === 'done' ? step.result : undefined;
      if (message === undefined)
        throw new Error(`G5: ${conversation.conversationId} owes a change of no message`);
      const { text, editedAt, deletedAt } = message;
      if (deletedAt !== undefined) return { op, seq, text, deletedAt };
      return { op, seq, text, ...(editedAt !== undefined && { editedAt }) };
    }),
  );
}

/** What the peer's own copy lacks above a place: messages, their changes, and marks (G5). */
export function queryMissing(
  state: MailboxState,
  { conversationId, above, aboveOp, limit }: Extract<Envelope, { kind: 'missing' }>,
  loaded: LoadedRanges,
): Step<MissingReply> {
  const name = state.profile?.name ?? '';
  const conversation = state.conversations.get(conversationId);
  const place = { previousSeq: above, previousOp: aboveOp, marks: marksOf(conversation?.head) };
  if (conversation === undefined) {
    return done({ kind: 'missing', name, owed: { ...place, messages: [], operations: [] } });
  }
  const messages = missingMessages(conversation, above, limit, loaded);
  if (messages.kind === 'need') return messages;
  const operations = missingOperations(conversation, aboveOp, limit, loaded);
  if (operations.kind === 'need') return operations;
  const copies = messages.result.map(copyOf);
  // A change of a message that is not in this page comes with a later one.
  const isComplete = copies.length < limit;
  const changes = isComplete ? operations.result : [];
  return done({ kind: 'missing', name, owed: { ...place, messages: copies, operations: changes } });
}
