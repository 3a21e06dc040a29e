import { snippetOf } from '../conversation/snippet.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import type { CopyReply, Envelope } from './envelope.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import { receivedCountAt } from './message-count.ts';

type Copy = Extract<Envelope, { kind: 'copy' }>;

/**
 * The sender's copy of messages that the recipient's row has (G5): applied in the order of their seqs, those at
 * or below the watermark skipped. Never refused by limits: the messages exist.
 */
export function stepCopy(draft: MailboxDraft, envelope: Copy, loaded: LoadedRanges): Step<CopyReply> {
  const known = draft.conversation(envelope.conversationId);
  const watermark = known?.head.ownSeq ?? 0;
  const fresh = envelope.messages.filter((message) => message.seq > watermark);
  if (fresh.length === 0) return done({ kind: 'copied', copiedThrough: watermark });
  if (envelope.previousSeq > watermark) return done({ kind: 'gap', copiedThrough: watermark });

  // All counts first: asking for one must not leave half of the copies in the draft. And all that are missing at
  // once: a repair brings more copies than a step may ask one by one.
  const steps = known === undefined ? [] : fresh.map(({ seq }) => receivedCountAt(known, seq, loaded));
  const ranges = steps.flatMap((step) => (step.kind === 'need' ? step.ranges : []));
  if (ranges.length > 0) return need(...ranges);
  const counts = steps.map((step) => (step.kind === 'done' ? step.result : 0));
  const conversation =
    known ?? draft.openConversation(envelope.conversationId, envelope.from, envelope.fromName);
  const { head } = conversation;
  if (envelope.fromName !== '') head.name = envelope.fromName;
  fresh.forEach((message, index) => {
    const { messageId, seq, text, timestamp, mediaRef, replyTo } = message;
    draft.add(conversation, {
      seq,
      messageId,
      own: true,
      text,
      timestamp,
      receivedCount: counts[index] ?? 0,
      ...(mediaRef && { mediaRef }),
      ...(replyTo !== undefined && { replyTo }),
    });
    head.ownSeq = seq;
    if (seq > head.lastSeq) {
      head.lastSeq = seq;
      head.lastTimestamp = timestamp;
      head.lastOwn = true;
      head.snippet = snippetOf(text, mediaRef);
    }
  });
  return done({ kind: 'copied', copiedThrough: head.ownSeq });
}
