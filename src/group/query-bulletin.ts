import type { Bulletin, MemberNews, Enrolment } from '../conversation/bulletin.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
import { snippetOf } from '../conversation/snippet.ts';
import { senderOf } from '../protocol/message-id.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, type Step } from '../row/step.ts';
import { groupMessagesBetween } from './query-group-messages.ts';
import type { GroupInfo, GroupState, OwedEnrolment } from './group-state.ts';

/** Messages in one bulletin; who is further behind gets several. */
const bulletinMessagesMax = 200;

function bulletinOf(
  groupId: string,
  { name, event, createdAt }: GroupInfo,
  messages: readonly GroupMessage[],
  last: GroupMessage | undefined,
): Bulletin {
  return {
    ...{ groupId, name, event },
    lastSeq: last?.seq ?? 0,
    lastTimestamp: last?.timestamp ?? createdAt,
    lastFrom: last === undefined ? '' : senderOf(last.messageId),
    snippet: last === undefined ? '' : snippetOf(last.text, last.mediaRef),
    messages,
  };
}

/** What mailboxes that know all up to `above` have to hear next; undefined: there is no such group. */
export function queryBulletin(
  state: GroupState,
  above: number,
  loaded: LoadedRanges,
): Step<Bulletin | undefined> {
  const { groupId, info } = state;
  if (info === undefined) return done(undefined);
  const below = Math.min(info.lastSeq, above + bulletinMessagesMax) + 1;
  // Where there is nothing new, the last message is what the list shows.
  const found = groupMessagesBetween(state, Math.max(0, Math.min(above, below - 2)), below, loaded);
  if (found.kind === 'need') return found;
  const messages = found.result.filter(({ seq }) => seq > above);
  return done(bulletinOf(groupId, info, messages, found.result.at(-1)));
}

/** What a group owes to a user who came or went. */
export function enrolmentOf(state: GroupState, userId: string, owed: OwedEnrolment): Enrolment | undefined {
  const member = state.members.get(userId);
  if (owed.kind === 'left') return { kind: 'left', event: owed.event };
  if (member === undefined) return undefined;
  const { joinEvent, joinSeq } = member;
  return {
    kind: 'joined',
    event: joinEvent,
    seq: joinSeq,
    sinceJoin: state.info?.history === 'sinceJoin',
  };
}

/**
 * What one member asks for, whose mailbox knows all up to `known`; undefined: the user is no member. The mailboxes of
 * all members know their own messages up to what is confirmed, so only later ones have to be told one by one.
 */
export function queryMemberNews(
  state: GroupState,
  userId: string,
  known: number,
  loaded: LoadedRanges,
): Step<MemberNews | undefined> {
  const member = state.members.get(userId);
  if (member === undefined) return done(undefined);
  const { lastSeq } = state.info ?? { lastSeq: 0 };
  const above = Math.min(lastSeq, Math.max(known, state.confirmed.seq, member.joinSeq));
  const step = queryBulletin(state, above, loaded);
  if (step.kind === 'need') return step;
  if (step.result === undefined) return done(undefined);
  const enrolment = enrolmentOf(state, userId, { kind: 'joined', event: member.joinEvent });
  const isPartial = step.result.lastSeq < lastSeq;
  return done({
    kind: 'groupNews',
    bulletin: step.result,
    ...(enrolment && { enrolment }),
    ...(isPartial && { isPartial }),
  });
}
