import { snippetOf } from '../conversation/snippet.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Need, type Step } from '../row/step.ts';
import type { CopiedMessage, CopyReply, Envelope, Marks } from './envelope.ts';
import type { ConversationDraft, MailboxDraft } from './mailbox-draft.ts';
import { receivedCountAt } from './message-count.ts';
import { nothing, standingOf } from './standing.ts';

type Copy = Extract<Envelope, { kind: 'copy' }>;

/** The counts that go with the copies; asked for at once: a repair brings more of them than a step may ask one by one. */
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
  const { messageId, seq, text, timestamp, mediaRef, replyTo } = copy;
  const { head } = conversation;
  draft.add(conversation, {
    seq,
    messageId,
    own: true,
    text,
    timestamp,
    receivedCount,
    ...(mediaRef && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
  });
  head.ownSeq = seq;
  if (seq <= head.lastSeq) return;
  head.lastSeq = seq;
  head.lastTimestamp = timestamp;
  head.lastOwn = true;
  head.snippet = snippetOf(text, mediaRef);
}

/** How far the peer has got and read; what comes late changes nothing. */
function takeMarks(draft: MailboxDraft, conversation: ConversationDraft, { delivered, read }: Marks): void {
  const { conversationId, head } = conversation;
  if (delivered <= head.peerDeliveredSeq && read <= head.peerReadSeq) return;
  head.peerDeliveredSeq = Math.max(head.peerDeliveredSeq, delivered);
  head.peerReadSeq = Math.max(head.peerReadSeq, read);
  draft.touch(conversation);
  const { peerDeliveredSeq: deliveredSeq, peerReadSeq: readSeq } = head;
  draft.log.push({ kind: 'receipt', conversationId, deliveredSeq, readSeq });
}

/**
 * What the peer's row has for this one (G5): copies of own messages, applied in the order of their seqs, and the
 * peer's marks. What is at or below a watermark is skipped. Never refused by limits: the messages exist.
 */
export function stepCopy(draft: MailboxDraft, envelope: Copy, loaded: LoadedRanges): Step<CopyReply> {
  const { conversationId, from, fromName, owed } = envelope;
  let conversation = draft.conversation(conversationId);
  const watermark = conversation?.head.ownSeq ?? 0;
  const fresh = owed.messages.filter((message) => message.seq > watermark);
  const isGap = fresh.length > 0 && owed.previousSeq > watermark;
  if (fresh.length > 0 && !isGap) {
    const counts: Step<readonly number[]> = countsAt(conversation, fresh, loaded);
    if (counts.kind === 'need') return counts satisfies Need;
    const known = (conversation ??= draft.openConversation(conversationId, from, fromName));
    if (fromName !== '') known.head.name = fromName;
    fresh.forEach((copy, index) => {
      addCopy(draft, known, copy, counts.result[index] ?? 0);
    });
  }
  if (conversation !== undefined) takeMarks(draft, conversation, owed.marks);
  const confirmed = conversation === undefined ? nothing : standingOf(conversation.head);
  return done({ kind: isGap ? 'gap' : 'copied', confirmed });
}
