import type { Bulletin, MemberNews, Enrolment } from '../conversation/bulletin.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
import { snippetOf } from '../conversation/snippet.ts';
import { senderOf } from '../protocol/message-id.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import { groupMessagesBetween } from './query-group-messages.ts';
import type { FanOutMark } from './fan-out-mark.ts';
import { changeOf, changeRange } from './group-cells.ts';
import {
  groupMessageBytes,
  type GroupChange,
  type GroupInfo,
  type GroupState,
  type OwedEnrolment,
} from './group-state.ts';

/** Messages, and changes of messages, in one bulletin; who is further behind gets several. */
const bulletinMessagesMax = 200;
/** The same in bytes, estimated: at least one of each goes. */
const bulletinBytesMax = 1_048_576;

/** The first of them, as long as they fit. */
function fitting(messages: readonly GroupMessage[]): readonly GroupMessage[] {
  let bytes = 0;
  const end = messages.findIndex((message, index) => {
    bytes += groupMessageBytes(message);
    return bytes > bulletinBytesMax && index > 0;
  });
  return end < 0 ? messages : messages.slice(0, end);
}

function bulletinOf(
  groupId: string,
  { name, event, createdAt }: GroupInfo,
  messages: readonly GroupMessage[],
  last: GroupMessage | undefined,
  { op, changed }: Pick<Bulletin, 'op' | 'changed'>,
): Bulletin {
  return {
    ...{ groupId, name, event, op, changed },
    lastSeq: last?.seq ?? 0,
    lastTimestamp: last?.timestamp ?? createdAt,
    lastFrom: last === undefined ? '' : senderOf(last.messageId),
    snippet: last === undefined ? '' : snippetOf(last.text, last.mediaRef),
    messages,
  };
}

/** Changes with `above < op`, as many as fit into one bulletin. */
function changesAbove(
  { info, changes, changesAbove }: GroupState,
  above: number,
  loaded: LoadedRanges,
): Step<readonly GroupChange[]> {
  const upTo = Math.min(info?.op ?? 0, above + bulletinMessagesMax);
  if (upTo <= above) return done([]);
  if (above >= changesAbove) return done(changes.slice(above - changesAbove, upTo - changesAbove));
  // What a change was never changes.
  const range = changeRange(above, upTo);
  const cells = loaded.cells(range, 0);
  return cells === undefined ? need(range) : done(cells.map(changeOf).reverse());
}

/** What has been changed above an op, in the order of the last changes: those that were overtaken come with the later one. */
function queryChanged(
  state: GroupState,
  above: number,
  loaded: LoadedRanges,
): Step<Pick<Bulletin, 'op' | 'changed'>> {
  const changes = changesAbove(state, above, loaded);
  if (changes.kind === 'need') return changes;
  const steps = changes.result.map(({ seq }) => groupMessagesBetween(state, seq - 1, seq + 1, loaded));
  const ranges = steps.flatMap((step) => (step.kind === 'need' ? step.ranges : []));
  if (ranges.length > 0) return need(...ranges);
  const messages = steps.flatMap((step) => (step.kind === 'done' ? step.result : []));
  const isLast = (message: GroupMessage, index: number): boolean => message.op === changes.result[index]?.op;
  const latest = messages.filter(isLast);
  const changed = fitting(latest);
  const isCut = changed.length < latest.length;
  const op = isCut ? changed.at(-1)?.op : changes.result.at(-1)?.op;
  return done({ op: op ?? Math.min(above, state.info?.op ?? 0), changed });
}

/** What mailboxes that know all up to `known` have to hear next; undefined: there is no such group. */
export function queryBulletin(
  state: GroupState,
  known: FanOutMark,
  loaded: LoadedRanges,
): Step<Bulletin | undefined> {
  const { groupId, info } = state;
  if (info === undefined) return done(undefined);
  const above = known.seq;
  const below = Math.min(info.lastSeq, above + bulletinMessagesMax) + 1;
  // Where there is nothing new, the last message is what the list shows.
  const found = groupMessagesBetween(state, Math.max(0, Math.min(above, below - 2)), below, loaded);
  if (found.kind === 'need') return found;
  const changed = queryChanged(state, known.op, loaded);
  if (changed.kind === 'need') return changed;
  const messages = fitting(found.result.filter(({ seq }) => seq > above));
  return done(bulletinOf(groupId, info, messages, messages.at(-1) ?? found.result.at(-1), changed.result));
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
  const { confirmed } = state;
  const seq = Math.min(lastSeq, Math.max(known, confirmed.seq, member.joinSeq));
  const step = queryBulletin(state, { ...confirmed, seq }, loaded);
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
