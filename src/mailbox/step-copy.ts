import { operated, type CopiedOperation } from '../conversation/operation.ts';
import { snippetOf } from '../conversation/snippet.ts';
import type { CellRange } from '../row/cell.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import { findInDraft } from './changed-message.ts';
import type { CopiedMessage, CopyReply, Envelope, Marks, Owed } from './envelope.ts';
import type { ConversationDraft, MailboxDraft } from './mailbox-draft.ts';
import { receivedCountAt } from './message-count.ts';
import { nothing, standingOf, type Standing } from './standing.ts';

type Copy = Extract<Envelope, { kind: 'copy' }>;

/** The counts that go with the copies, all asked for at once: a repair brings more of them than a step may ask one by one. */
function countsAt(
  conversation: ConversationDraft | undefined,
  copies: readonly CopiedMessage[],
  loaded: LoadedRanges,
): Step<readonly number[]> {
  if (conversation === undefined) return done(copies.map(() => 0));
  const steps = copies.map(({ seq }) => receivedCountAt(conversation, seq, loaded));
  const ranges = steps.flatMap((step) => (step.kind === 'need' ? step.ranges : []));
  if (ranges.length > 0) return need(...ranges);
  return done(steps.map((step) => (step.kind === 'done' ? step.result : 0)));
}

function addCopy(
  draft: MailboxDraft,
  conversation: ConversationDraft,
  copy: CopiedMessage,
  receivedCount: number,
): void {
  const { seq, text, timestamp, mediaRef } = copy;
  const { head } = conversation;
  draft.add(conversation, { ...copy, own: true, receivedCount });
  head.ownSeq = seq;
  if (seq <= head.lastSeq) return;
  head.lastSeq = seq;
  head.lastTimestamp = timestamp;
  head.lastOwn = true;
  head.snippet = snippetOf(text, mediaRef);
}

/** What own messages have become, in the order of the changes. */
function takeOperations(
  draft: MailboxDraft,
  conversation: ConversationDraft,
  operations: readonly CopiedOperation[],
  loaded: LoadedRanges,
): void {
  for (const operation of operations) {
    const found = findInDraft(conversation, operation.seq, loaded);
    if (found.kind === 'need' || found.result?.own !== true) {
      throw new Error(`G5: ${conversation.conversationId} has no own message ${operation.seq} to change`);
    }
    const kind = operation.deletedAt === undefined ? 'edited' : 'deleted';
    draft.change(conversation, operated(found.result, operation), kind);
    conversation.head.ownOp = operation.op;
  }
}

/** How far the peer has got and read; what comes late changes nothing. */
function takeMarks(draft: MailboxDraft, conversation: ConversationDraft, { delivered, read }: Marks): void {
  const { conversationId, head } = conversation;
  if (delivered <= head.peerDeliveredSeq && read <= head.peerReadSeq) return;
  head.peerDeliveredSeq = Math.max(head.peerDeliveredSeq, delivered);
  head.peerReadSeq = Math.max(head.peerReadSeq, read);
  // Kept, and shown when the block ends.
  if (head.isBlocked) return draft.keep(conversation);
  draft.touch(conversation);
  const { peerDeliveredSeq: deliveredSeq, peerReadSeq: readSeq } = head;
  draft.log.push({ kind: 'receipt', conversationId, deliveredSeq, readSeq });
}

/** What of an envelope is new here; an author changes only what its own row has: the copy comes before the change. */
interface Fresh {
  readonly copies: readonly CopiedMessage[];
  readonly operations: readonly CopiedOperation[];
  readonly isGap: boolean;
}

function freshIn(owed: Owed, { seq, op }: Standing): Fresh {
  const copies = owed.messages.filter((message) => message.seq > seq);
  const operations = owed.operations.filter((operation) => operation.op > op);
  const isCopyGap = copies.length > 0 && owed.previousSeq > seq;
  const isOperationGap = operations.length > 0 && owed.previousOp > op;
  if (isCopyGap || isOperationGap) return { copies: [], operations: [], isGap: true };
  return { copies, operations, isGap: false };
}

/** Messages that changes are about and that are not in memory; those that come along are in the draft by then. */
function unloaded(
  conversation: ConversationDraft | undefined,
  { copies, operations }: Fresh,
  loaded: LoadedRanges,
): readonly CellRange[] {
  if (conversation === undefined) return [];
  const coming = new Set(copies.map(({ seq }) => seq));
  const steps = operations
    .filter(({ seq }) => !coming.has(seq))
    .map(({ seq }) => findInDraft(conversation, seq, loaded));
  return steps.flatMap((step) => (step.kind === 'need' ? step.ranges : []));
}

/**
 * What the peer's row has for this one (G5): copies of own messages, applied in the order of their seqs, changes of
 * own messages in the order of their numbers, and the peer's marks. What is at or below a watermark is skipped. Never
 * refused by limits: it has happened.
 */
export function stepCopy(draft: MailboxDraft, envelope: Copy, loaded: LoadedRanges): Step<CopyReply> {
  const { conversationId, from, fromName, owed } = envelope;
  let conversation = draft.conversation(conversationId);
  const fresh = freshIn(owed, conversation === undefined ? nothing : standingOf(conversation.head));
  const counts = countsAt(conversation, fresh.copies, loaded);
  const ranges = [...(counts.kind === 'need' ? counts.ranges : []), ...unloaded(conversation, fresh, loaded)];
  if (counts.kind === 'need' || ranges.length > 0) return need(...ranges);
  if (fresh.copies.length > 0) {
    const known = (conversation ??= draft.openConversation(conversationId, from, fromName));
    fresh.copies.forEach((copy, index) => {
      addCopy(draft, known, copy, counts.result[index] ?? 0);
    });
  }
  if (conversation !== undefined) {
    if (fromName !== '') draft.takeName(conversation, fromName);
    takeOperations(draft, conversation, fresh.operations, loaded);
    takeMarks(draft, conversation, owed.marks);
  }
  const confirmed = conversation === undefined ? nothing : standingOf(conversation.head);
  return done({ kind: fresh.isGap ? 'gap' : 'copied', confirmed });
}
