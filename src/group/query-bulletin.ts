import type { Bulletin, Enrolment, MemberNews, Receipt, Told } from '../conversation/bulletin.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
import { fittingNews } from '../conversation/message-page.ts';
import { snippetOf } from '../conversation/snippet.ts';
import { senderOf } from '../protocol/message-id.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import { groupMessagesBetween } from './query-group-messages.ts';
import type { FanOutMark } from './fan-out-mark.ts';
import { changeOf, changeRange } from './group-cells.ts';
import {
  type GroupChange,
  type GroupInfo,
  type GroupLimits,
  type GroupState,
  type OwedEnrolment,
} from './group-state.ts';

/** Messages, and changes of messages, in one bulletin; who is further behind gets several. */
const bulletinMessagesMax = 200;

function bulletinOf(
  groupId: string,
  { name, event, createdAt }: GroupInfo,
  messages: readonly GroupMessage[],
  last: GroupMessage | undefined,
  told: Pick<Bulletin, 'op' | 'changed' | 'receipt' | 'receipts' | 'takesReceipts'>,
): Bulletin {
  return {
    ...{ groupId, name, event, ...told },
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
  const changed = fittingNews(latest);
  const isCut = changed.length < latest.length;
  const op = isCut ? changed.at(-1)?.op : changes.result.at(-1)?.op;
  return done({ op: op ?? Math.min(above, state.info?.op ?? 0), changed });
}

/** The last receipts above a number, of at most so many members, in their order. */
function queryReceipts(
  { info, members, large }: GroupState,
  above: number,
  { receiptMembersMax }: GroupLimits,
): Pick<Bulletin, 'receipt' | 'receipts' | 'takesReceipts'> {
  const last = info?.receipt ?? 0;
  const takesReceipts = large === undefined && members.size <= receiptMembersMax;
  if (above >= last || !takesReceipts) return { receipt: last, receipts: [], takesReceipts };
  const receipts: Receipt[] = [];
  for (const [userId, { deliveredSeq, readSeq, receipt: number, hiddenFrom }] of members) {
    if (number > above) receipts.push({ userId, deliveredSeq, readSeq, number, hiddenFrom });
  }
  receipts.sort((a, b) => a.number - b.number);
  const told = receipts.slice(0, bulletinMessagesMax);
  const receipt = told.length < receipts.length ? (told.at(-1)?.number ?? last) : last;
  return { receipt, receipts: told, takesReceipts };
}

/** What mailboxes that know all up to `known` have to hear next; undefined: there is no such group. */
export function queryBulletin(
  state: GroupState,
  known: FanOutMark,
  loaded: LoadedRanges,
  limits: GroupLimits,
): Step<Bulletin | undefined> {
  const { info } = state;
  if (info === undefined) return done(undefined);
  const above = known.seq;
  const below = Math.min(info.lastSeq, above + bulletinMessagesMax) + 1;
  // Where there is nothing new, the last message is what the list shows.
  const found = groupMessagesBetween(state, Math.max(0, Math.min(above, below - 2)), below, loaded);
  if (found.kind === 'need') return found;
  const changed = queryChanged(state, known.op, loaded);
  if (changed.kind === 'need') return changed;
  const messages = fittingNews(found.result.filter(({ seq }) => seq > above));
  const last = messages.at(-1) ?? found.result.at(-1);
  const told = { ...changed.result, ...queryReceipts(state, known.receipt, limits) };
  const bulletin = bulletinOf(state.groupId, info, messages, last, told);
  return done(state.large === undefined ? bulletin : { ...bulletin, large: { opAbove: known.op } });
}

/** What a group owes to a user who came or went. */
export function enrolmentOf(state: GroupState, userId: string, owed: OwedEnrolment): Enrolment | undefined {
  const member = state.members.get(userId);
  if (owed.kind === 'left') return { kind: 'left', event: owed.event };
  if (member === undefined) return undefined;
  const { joinEvent, joinSeq, own = [] } = member;
  return {
    kind: 'joined',
    event: joinEvent,
    seq: joinSeq,
    sinceJoin: state.info?.history === 'sinceJoin',
    ...(state.large !== undefined && { own }),
  };
}

/**
 * What one member asks for, whose mailbox knows all up to `known`; undefined: the user is no member. The mailboxes of
 * all members know their own messages up to what is confirmed, so only later ones have to be told one by one. Those of
 * a large group are not told: it says which of them are the member's own.
 */
export function queryMemberNews(
  state: GroupState,
  { userId, known }: { readonly userId: string; readonly known: Told },
  loaded: LoadedRanges,
  limits: GroupLimits,
): Step<MemberNews | undefined> {
  const member = state.members.get(userId);
  if (member === undefined) return done(undefined);
  const { lastSeq, op } = state.info ?? { lastSeq: 0, op: 0 };
  const { confirmed, large } = state;
  const seq = Math.min(lastSeq, Math.max(known.seq, confirmed.seq, member.joinSeq));
  // Own messages are remembered from the place on where the group became large.
  const isToldOwn = large !== undefined && seq >= large.seq;
  const above = { ...confirmed, seq: isToldOwn ? lastSeq : seq, op: Math.max(known.op, confirmed.op) };
  const step = queryBulletin(state, above, loaded, limits);
  if (step.kind === 'need') return step;
  if (step.result === undefined) return done(undefined);
  const enrolment = enrolmentOf(state, userId, { kind: 'joined', event: member.joinEvent });
  const isPartial = step.result.lastSeq < lastSeq || (large !== undefined && step.result.op < op);
  return done({
    kind: 'groupNews',
    bulletin: step.result,
    ...(enrolment && { enrolment }),
    ...(isPartial && { isPartial }),
  });
}
