import type { Bulletin, MemberNews, Enrolment } from '../conversation/bulletin.ts';
import { wireGroup, type GroupEntry } from './group-entry.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import type { OwnRuns } from '../conversation/own-runs.ts';
import { hasGap, liveNews, movedOn } from './live-news.ts';

/** What has come late, or twice, changes nothing: a enrolment goes by its event, messages by the last seq. */
export function stepGroupNews(draft: MailboxDraft, { bulletin, enrolment }: MemberNews): void {
  const known = draft.group(bulletin.groupId);
  if (enrolment !== undefined && enrolment.event > (known?.enrolmentEvent ?? 0)) {
    takeEnrolment(draft, known, bulletin, enrolment);
  }
  const entry = draft.group(bulletin.groupId);
  const own = enrolment?.kind === 'joined' ? enrolment.own : undefined;
  if (entry?.isIn === true) takeBulletin(draft, entry, bulletin, own);
}

/**
 * What a large group tells those who have a device: the mailbox goes along with it as long as it misses nothing, and
 * nothing is written. @returns whether the mailbox has to ask the group for what it lacks
 */
export function stepLiveNews(draft: MailboxDraft, bulletin: Bulletin): boolean {
  const { state, nowMs } = draft;
  const news = liveNews(state.userId, draft.group(bulletin.groupId), bulletin, nowMs);
  if (news.kind === 'next') draft.pass(news.entry, news.range, bulletin.messages);
  return news.kind === 'missing';
}

function hasOpGap({ op }: GroupEntry, { large }: Bulletin): boolean {
  return large === undefined || large.opAbove > op;
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
    isLarge: bulletin.large !== undefined,
  });
}

function newEntry(conversationId: string, local: number, nowMs: number, name: string): GroupEntry {
  return {
    ...{ conversationId, local, name, isIn: false, enrolmentEvent: 0, joinSeq: 0, event: 0 },
    ...{ lastSeq: 0, lastTimestamp: nowMs, lastFrom: '', snippet: '', updatedAt: nowMs },
    ...{ deliveredSeq: 0, readSeq: 0, own: [], op: 0, shownAbove: 0 },
    ...{ receipt: 0, takesReceipts: false, isLarge: false },
  };
}

function takeBulletin(
  draft: MailboxDraft,
  entry: GroupEntry,
  bulletin: Bulletin,
  own: OwnRuns | undefined,
): void {
  // Members of a large group are not told everything: whoever misses something asks.
  const isNewer = bulletin.lastSeq > entry.lastSeq;
  const isMissing = isNewer && entry.isLarge && own === undefined && hasGap(entry, bulletin);
  let next = isMissing ? entry : takeMessages(draft, entry, bulletin, own);
  // What comes as a message, now or later, comes as it is by then: of others that change is told.
  // A device may have been told more of a large group than was written, and pass over the message then.
  const knownSeq = entry.isLarge ? next.lastSeq : entry.lastSeq;
  const isOpMissing = isMissing || (entry.isLarge && hasOpGap(entry, bulletin));
  if (bulletin.op > entry.op && !isOpMissing) next = takeChanges(draft, next, bulletin, knownSeq);
  const { lastSeq, op, snippet } = bulletin;
  const isLast = lastSeq === next.lastSeq && lastSeq > next.shownAbove && op >= next.op;
  if (isLast && snippet !== next.snippet) next = { ...next, snippet };
  if (bulletin.large !== undefined && !entry.isLarge) next = { ...next, isLarge: true };
  // Who else comes to a large group, or goes, is no news to its members.
  const isNews = !entry.isLarge || entry.event === 0 || bulletin.name !== entry.name;
  if (bulletin.event > entry.event && isNews) {
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

function takeMessages(
  draft: MailboxDraft,
  entry: GroupEntry,
  bulletin: Bulletin,
  own: OwnRuns | undefined,
): GroupEntry {
  if (bulletin.lastSeq <= entry.lastSeq) return entry;
  const { conversationId } = entry;
  draft.log.push({ kind: 'groupRange', conversationId, above: entry.lastSeq, upTo: bulletin.lastSeq });
  // One that was made before a change that is known by now may have a text that is gone.
  if (bulletin.op >= entry.op) draft.hasFresh(conversationId, bulletin.messages);
  return movedOn(draft.state.userId, entry, bulletin, own, draft.nowMs);
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
