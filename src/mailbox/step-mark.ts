import type { MarkParams, MarkResult } from '../protocol/calls.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, type Step } from '../row/step.ts';
import { unreadInGroup, type GroupEntry } from './group-entry.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import { unreadOf } from './mailbox-state.ts';
import { receivedCountAt } from './message-count.ts';
import { ownAbove } from '../conversation/own-runs.ts';

function markGroupRead(
  draft: MailboxDraft,
  group: GroupEntry,
  { conversationId, seq: wanted }: MarkParams,
): MarkResult | Refusal {
  if (!group.isIn) return refusal('not_found', 'no such conversation');
  const seq = Math.min(wanted, group.lastSeq);
  if (seq <= group.readSeq) return { seq: group.readSeq, unread: unreadInGroup(group) };
  const deliveredSeq = Math.max(group.deliveredSeq, seq);
  const marked = {
    ...group,
    deliveredSeq,
    readSeq: seq,
    own: ownAbove(group.own, seq),
    updatedAt: draft.nowMs,
  };
  const unread = unreadInGroup(marked);
  draft.setGroup(marked);
  draft.log.push({ kind: 'read', conversationId, readSeq: seq, unread });
  return { seq, unread };
}

function markGroupDelivered(
  draft: MailboxDraft,
  group: GroupEntry,
  { seq: wanted }: MarkParams,
): MarkResult | Refusal {
  if (!group.isIn) return refusal('not_found', 'no such conversation');
  const deliveredSeq = Math.max(group.deliveredSeq, Math.min(wanted, group.lastSeq));
  if (deliveredSeq > group.deliveredSeq) draft.setGroup({ ...group, deliveredSeq, updatedAt: draft.nowMs });
  return { seq: deliveredSeq, unread: unreadInGroup(group) };
}

/** Moves the delivered mark up to `seq`, clamped to the last message; never back. */
export function stepMarkDelivered(draft: MailboxDraft, params: MarkParams): Step<MarkResult | Refusal> {
  const group = draft.group(params.conversationId);
  if (group !== undefined) return done(markGroupDelivered(draft, group, params));
  const conversation = draft.conversation(params.conversationId);
  if (conversation === undefined) return done(refusal('not_found', 'no such conversation'));
  const { head } = conversation;
  const seq = Math.min(params.seq, head.lastSeq);
  if (seq > head.deliveredSeq) {
    head.deliveredSeq = seq;
    draft.touch(conversation);
  }
  return done({ seq: head.deliveredSeq, unread: unreadOf(head) });
}

/** Moves the read mark up to `seq`, clamped to the last message; never back (G9). What is read is delivered too. */
export function stepMarkRead(
  draft: MailboxDraft,
  params: MarkParams,
  loaded: LoadedRanges,
): Step<MarkResult | Refusal> {
  const group = draft.group(params.conversationId);
  if (group !== undefined) return done(markGroupRead(draft, group, params));
  const conversation = draft.conversation(params.conversationId);
  if (conversation === undefined) return done(refusal('not_found', 'no such conversation'));
  const { head } = conversation;
  const seq = Math.min(params.seq, head.lastSeq);
  if (seq > head.readSeq) {
    const count = receivedCountAt(conversation, seq, loaded);
    if (count.kind === 'need') return count;
    head.readSeq = seq;
    head.readCount = count.result;
    head.deliveredSeq = Math.max(head.deliveredSeq, seq);
    draft.touch(conversation);
    const { conversationId } = params;
    draft.log.push({ kind: 'read', conversationId, readSeq: seq, unread: unreadOf(head) });
  }
  return done({ seq: head.readSeq, unread: unreadOf(head) });
}
