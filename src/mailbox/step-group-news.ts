import type { Bulletin, MemberNews, Enrolment } from '../conversation/bulletin.ts';
import { senderOf } from '../protocol/message-id.ts';
import { wireGroup, type GroupEntry } from './group-entry.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import { withOwn, type OwnRuns } from './own-runs.ts';

/** What has come late, or twice, changes nothing: a enrolment goes by its event, messages by the last seq. */
export function stepGroupNews(draft: MailboxDraft, { bulletin, enrolment }: MemberNews): void {
  const known = draft.group(bulletin.groupId);
  if (enrolment !== undefined && enrolment.event > (known?.enrolmentEvent ?? 0)) {
    takeEnrolment(draft, known, bulletin, enrolment);
  }
  const entry = draft.group(bulletin.groupId);
  if (entry?.isIn === true) takeBulletin(draft, entry, bulletin);
}

function takeEnrolment(
  draft: MailboxDraft,
  known: GroupEntry | undefined,
  bulletin: Bulletin,
  enrolment: Enrolment,
): void {
  const { groupId: conversationId, name } = bulletin;
  const local = known?.local ?? draft.takeLocal();
  const enrolmentEvent = enrolment.event;
  if (enrolment.kind === 'left') {
    const left = known ?? newEntry(conversationId, local, draft.nowMs, name);
    const gone = { isIn: false, snippet: '', lastFrom: '' };
    const entry: GroupEntry = { ...left, ...gone, enrolmentEvent, updatedAt: draft.nowMs };
    draft.setGroup(entry);
    if (known?.isIn === true) {
      draft.log.push({ kind: 'conversation', conversation: wireGroup(entry), left: true });
    }
    return;
  }
  // Out and in again, told as one: what was missed between has to be told from a gap.
  if (known?.isIn === true) {
    const left = { ...known, isIn: false, updatedAt: draft.nowMs };
    draft.log.push({ kind: 'conversation', conversation: wireGroup(left), left: true });
  }
  const { seq: joinSeq, sinceJoin } = enrolment;
  // Nothing of what was before is shown to whoever sees only what comes.
  const isShown = !sinceJoin && bulletin.lastSeq === joinSeq && joinSeq > 0;
  const shown = isShown ? bulletin : { lastTimestamp: draft.nowMs, lastFrom: '', snippet: '' };
  const { lastTimestamp, lastFrom, snippet } = shown;
  draft.setGroup({
    ...newEntry(conversationId, local, draft.nowMs, name),
    ...{ isIn: true, enrolmentEvent, joinSeq, lastSeq: joinSeq, lastTimestamp, lastFrom, snippet },
    // What was changed before is so wherever the member looks.
    ...{ receipt: bulletin.receipt, takesReceipts: bulletin.takesReceipts },
    ...{ op: bulletin.op, shownAbove: sinceJoin ? joinSeq : 0 },
    // Marks never move back, whoever comes and goes.
    ...{ deliveredSeq: known?.deliveredSeq ?? 0, readSeq: known?.readSeq ?? 0 },
  });
}

function newEntry(conversationId: string, local: number, nowMs: number, name: string): GroupEntry {
  return {
    ...{ conversationId, local, name, isIn: false, enrolmentEvent: 0, joinSeq: 0, event: 0 },
    ...{ lastSeq: 0, lastTimestamp: nowMs, lastFrom: '', snippet: '', updatedAt: nowMs },
    ...{ deliveredSeq: 0, readSeq: 0, own: [], op: 0, shownAbove: 0 },
    ...{ receipt: 0, takesReceipts: false },
  };
}

function takeBulletin(draft: MailboxDraft, entry: GroupEntry, bulletin: Bulletin): void {
  let next = takeMessages(draft, entry, bulletin);
  // What comes as a message, now or later, comes as it is by then: of others that change is told.
  if (bulletin.op > entry.op) next = takeChanges(draft, next, bulletin, entry.lastSeq);
  const { lastSeq, op, snippet } = bulletin;
  const isLast = lastSeq === next.lastSeq && lastSeq > next.shownAbove && op >= next.op;
  if (isLast && snippet !== next.snippet) next = { ...next, snippet };
  if (bulletin.event > entry.event) {
    const { event, name, takesReceipts } = bulletin;
    next = { ...next, event, name, takesReceipts };
  }
  // Marks of others are not in the list.
  if (next !== entry) next = { ...next, updatedAt: draft.nowMs };
  if (bulletin.receipt > entry.receipt) next = takeReceipts(draft, next, bulletin);
  if (next === entry) return;
  draft.setGroup(next);
  if (next.event > entry.event) draft.log.push({ kind: 'conversation', conversation: wireGroup(next) });
}

function takeMessages(draft: MailboxDraft, entry: GroupEntry, bulletin: Bulletin): GroupEntry {
  if (bulletin.lastSeq <= entry.lastSeq) return entry;
  const { conversationId } = entry;
  const { lastSeq, lastTimestamp, lastFrom, snippet, messages } = bulletin;
  draft.log.push({ kind: 'groupRange', conversationId, above: entry.lastSeq, upTo: lastSeq });
  // One that was made before a change that is known by now may have a text that is gone.
  if (bulletin.op >= entry.op) draft.hasFresh(conversationId, messages);
  const own = ownIn(draft.state.userId, entry, messages);
  return { ...entry, lastSeq, lastTimestamp, lastFrom, snippet, own };
}

function takeChanges(
  draft: MailboxDraft,
  entry: GroupEntry,
  { op, changed }: Bulletin,
  knownSeq: number,
): GroupEntry {
  const { conversationId, shownAbove } = entry;
  const known = changed.filter(({ seq }) => seq > shownAbove && seq <= knownSeq);
  for (const { seq, deletedAt } of known) {
    draft.log.push({ kind: deletedAt === undefined ? 'edited' : 'deleted', conversationId, seq });
  }
  draft.hasFresh(conversationId, known);
  return { ...entry, op };
}

function takeReceipts(draft: MailboxDraft, entry: GroupEntry, { receipt, receipts }: Bulletin): GroupEntry {
  const { conversationId } = entry;
  const { userId: self } = draft.state;
  for (const { userId, deliveredSeq, readSeq, number, hiddenFrom } of receipts) {
    const isHidden = hiddenFrom.includes(self) || draft.person(userId)?.isBlocked === true;
    if (number <= entry.receipt || userId === self || isHidden) continue;
    draft.log.push({ kind: 'receipt', conversationId, userId, deliveredSeq, readSeq });
  }
  return { ...entry, receipt };
}

function ownIn(userId: string, { own, lastSeq }: GroupEntry, messages: Bulletin['messages']): OwnRuns {
  let runs = own;
  for (const { seq, messageId } of messages) {
    if (seq > lastSeq && senderOf(messageId) === userId) runs = withOwn(runs, seq);
  }
  return runs;
}
