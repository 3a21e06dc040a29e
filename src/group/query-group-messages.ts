import { wireGroupMessage, type GroupMessage } from '../conversation/group-message.ts';
import { fittingPage } from '../conversation/message-page.ts';
import type { GetMessagesParams, GetMessagesResult } from '../protocol/calls.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, need, type Step } from '../row/step.ts';
import { noSuchGroup } from './group-access.ts';
import { groupMessageOf, groupMessageRange } from './group-cells.ts';
import type { GroupInfo, GroupMember, GroupState } from './group-state.ts';

/** Cells that one read of the store brings at most. */
export const groupReadMax = 512;

/** What a member sees lies above this seq. */
export function shownAbove({ history }: GroupInfo, { joinSeq }: GroupMember): number {
  return history === 'sinceJoin' ? joinSeq : 0;
}

/** The same; undefined: the user is no member. */
export function visibleAbove({ info, members }: GroupState, userId: string): number | undefined {
  const member = members.get(userId);
  if (info === undefined || member === undefined) return undefined;
  return shownAbove(info, member);
}

/** Messages with `above < seq < below`, at most `groupReadMax` of them, oldest first. */
export function groupMessagesBetween(
  state: GroupState,
  above: number,
  below: number,
  loaded: LoadedRanges,
): Step<readonly GroupMessage[]> {
  if (below - above <= 1) return done([]);
  const { messages, runAbove, touchedVersion } = state;
  if (above >= runAbove) return done(messages.slice(above - runAbove, below - 1 - runAbove));
  const range = groupMessageRange(above, below);
  const cells = loaded.cells(range, touchedVersion);
  if (cells === undefined) return need(range);
  return done(cells.map(groupMessageOf).reverse());
}

/**
 * `getMessages` of a member: newest first, or oldest first above `after`. Seqs are contiguous, so which ones make a
 * page, and whether there are more, is known without looking, but where they are too many bytes.
 */
export function queryGroupMessages(
  state: GroupState,
  from: string,
  params: GetMessagesParams,
  loaded: LoadedRanges,
): Step<GetMessagesResult | Refusal> {
  const floor = visibleAbove(state, from);
  if (floor === undefined) return done(noSuchGroup());
  const { limit, offset = 0, before = Infinity, after } = params;
  const end = Math.min(before, (state.info?.lastSeq ?? 0) + 1);
  const isAscending = after !== undefined;
  const low = Math.max(floor, after ?? 0);
  const below = isAscending ? Math.min(end, low + limit + 1) : end - offset;
  const above = isAscending ? low : Math.max(low, below - 1 - limit);
  const found = groupMessagesBetween(state, above, below, loaded);
  if (found.kind === 'need') return found;
  const inOrder = isAscending ? found.result : found.result.toReversed();
  const page = fittingPage(inOrder);
  const isLast = page.length === inOrder.length && (isAscending ? below >= end : above <= low);
  const messages = page.map((message) => wireGroupMessage(state.groupId, message));
  return done({ messages, hasMore: !isLast && below > above });
}
