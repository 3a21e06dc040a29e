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

/** Whom a bulletin goes to, and what it says to those of them who came or went. */
interface ToldUsers {
  readonly userIds: readonly string[];
  readonly enrolments: ReadonlyMap<string, Enrolment>;
}

/**
 * Of these users those that this bulletin is for. Whoever came in is told with the first one that reaches the place
 * where that was, and nothing before: who was out in between and does not know it would be shown what was said then.
 * @param isOwedOnly others are told nothing
 */
export function audienceOf(
  state: GroupState,
  userIds: readonly string[],
  { lastSeq }: Bulletin,
  isOwedOnly: boolean,
): ToldUsers {
  const enrolments = new Map<string, Enrolment>();
  if (!hasOwed(state)) return { userIds: isOwedOnly ? [] : userIds, enrolments };
  const told = userIds.filter((userId) => {
    const owed = state.owed.get(userId);
    if (owed === undefined || !isOwed(state, userId)) return !isOwedOnly;
    const enrolment = enrolmentOf(state, userId, owed);
    if (enrolment === undefined || (enrolment.kind === 'joined' && enrolment.seq > lastSeq)) return false;
    enrolments.set(userId, enrolment);
    return true;
  });
  return { userIds: told, enrolments };
}
