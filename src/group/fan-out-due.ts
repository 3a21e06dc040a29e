import type { Bulletin, Enrolment } from '../conversation/bulletin.ts';
import { nothingTold, reachesMark, reachesNews, type FanOutMark } from './fan-out-mark.ts';
import { fanOutEnd, type GroupState } from './group-state.ts';
import { enrolmentOf } from './query-bulletin.ts';

/** Users that are told together, whose mailboxes know all up to `through`. */
interface Audience {
  readonly userIds: readonly string[];
  readonly through: FanOutMark;
}

/** What the mailboxes of all members have to know. */
export function markOfState({ info, large }: GroupState): FanOutMark {
  return info === undefined ? nothingTold : fanOutEnd(info, large);
}

/** The mailbox of a user may not know of its last coming or going. */
export function isOwed(state: GroupState, userId: string): boolean {
  const owed = state.owed.get(userId);
  return owed !== undefined && state.confirmedEnrolments.get(userId) !== owed.event;
}

/** Is there something to be told to them? */
export function isBehind(state: GroupState, audience: Audience): boolean {
  return !reachesMark(audience.through, markOfState(state)) || lacksNews(state, audience);
}

/** The same but for receipts. */
export function lacksNews(state: GroupState, { through, userIds }: Audience): boolean {
  if (!reachesNews(through, markOfState(state))) return true;
  return hasOwed(state) && userIds.some((userId) => isOwed(state, userId));
}

function hasOwed({ owed, confirmedEnrolments }: GroupState): boolean {
  return owed.size > confirmedEnrolments.size;
}

/** Is there something that mailboxes have not confirmed? */
export function isFanOutDue(state: GroupState): boolean {
  return !reachesMark(state.confirmed, markOfState(state)) || hasOwed(state);
}

/** The same but for receipts. */
export function isNewsDue(state: GroupState): boolean {
  return !reachesNews(state.confirmed, markOfState(state)) || hasOwed(state);
}

/** Whoever came in is told with the first bulletin that reaches the place where that was. */
export function enrolmentsFor(
  state: GroupState,
  userIds: readonly string[],
  { lastSeq }: Bulletin,
): Map<string, Enrolment> {
  const enrolments = new Map<string, Enrolment>();
  if (!hasOwed(state)) return enrolments;
  for (const userId of userIds) {
    const owed = state.owed.get(userId);
    if (owed === undefined || !isOwed(state, userId)) continue;
    const enrolment = enrolmentOf(state, userId, owed);
    if (enrolment === undefined || (enrolment.kind === 'joined' && enrolment.seq > lastSeq)) continue;
    enrolments.set(userId, enrolment);
  }
  return enrolments;
}
