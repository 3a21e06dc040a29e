import type { Bulletin, MemberNews, Told } from '../conversation/bulletin.ts';
import { wireGroupMessage } from '../conversation/group-message.ts';
import { fittingNews } from '../conversation/message-page.ts';
import type { GetMessagesParams, GetMessagesResult, GroupRole } from '../protocol/calls.ts';
import type { Message } from '../protocol/message.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import type { CellRange } from '../row/cell.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, type Step } from '../row/step.ts';
import { isMadeBy, mayManage, noSuchGroup, notAllowed, otherGroup } from './group-access.ts';
import type { FanOutMark } from './fan-out-mark.ts';
import { groupHeadRanges } from './group-cells.ts';
import type { GroupDraft } from './group-draft.ts';
import type { GroupInput, GroupResult } from './group-input.ts';
import { groupDedupMax, type GroupLimits, type GroupState } from './group-state.ts';
import { queryBulletin, queryMemberNews } from './query-bulletin.ts';
import {
  groupMessagesBetween,
  groupReadMax,
  queryGroupMessages,
  visibleAbove,
} from './query-group-messages.ts';
import { stepGroupOperate } from './step-group-operate.ts';
import { stepMarks } from './step-marks.ts';
import { stepGroupSend } from './step-group-send.ts';
import { stepAdd, stepCreate, stepLeave, stepRemove, stepRename, stepSetRole } from './step-membership.ts';

export type GroupQuery =
  | { readonly kind: 'messages'; readonly from: string; readonly params: GetMessagesParams }
  /** What `from` sees of the messages with `above < seq <= upTo`; of long ones the first. */
  | { readonly kind: 'range'; readonly from: string; readonly above: number; readonly upTo: number }
  | { readonly kind: 'roster'; readonly from: string; readonly limit: number; readonly offset: number }
  /** Has `from` made it with this request? Refused where somebody else has. */
  | { readonly kind: 'made'; readonly from: string; readonly requestId: string }
  /** Of these, who is not in yet; refused to whoever may not add them. */
  | { readonly kind: 'newcomers'; readonly from: string; readonly members: readonly string[] }
  /** For mailboxes that know all up to `above`. */
  | { readonly kind: 'bulletin'; readonly above: FanOutMark }
  | { readonly kind: 'memberNews'; readonly userId: string; readonly known: Told };

export interface RosterEntry {
  readonly userId: string;
  readonly role: GroupRole;
}

export type GroupAnswer =
  | { readonly kind: 'page'; readonly page: GetMessagesResult }
  | { readonly kind: 'range'; readonly messages: readonly Message[] }
  | { readonly kind: 'roster'; readonly members: readonly RosterEntry[]; readonly hasMore: boolean }
  | { readonly kind: 'made'; readonly isMade: boolean }
  | {
      readonly kind: 'newcomers';
      readonly members: readonly string[];
      /** With them the group is large. */
      readonly isLarge: boolean;
      /** Who is in now, where it is these that make it large. */
      readonly growing: readonly string[];
    }
  | { readonly kind: 'bulletin'; readonly bulletin: Bulletin | undefined }
  | { readonly kind: 'memberNews'; readonly news: MemberNews }
  | Refusal;

export function groupRowRanges(): readonly CellRange[] {
  return groupHeadRanges(groupDedupMax / 2);
}

/** One input on a draft: pure, cannot wait. */
export function stepGroup(
  draft: GroupDraft,
  input: GroupInput,
  loaded: LoadedRanges,
  limits: GroupLimits,
): Step<GroupResult> {
  switch (input.kind) {
    case 'create':
      return done(stepCreate(draft, input, limits));
    case 'send':
      return stepGroupSend(draft, input, loaded, limits);
    case 'marks':
      return done(stepMarks(draft, input, limits));
    case 'operate':
      return stepGroupOperate(draft, input, loaded, limits);
    case 'add':
      return done(stepAdd(draft, input, limits));
    case 'remove':
      return done(stepRemove(draft, input));
    case 'leave':
      return done(stepLeave(draft, input));
    case 'rename':
      return done(stepRename(draft, input));
    case 'setRole':
      return done(stepSetRole(draft, input));
    case 'settle':
      draft.isSettling = true;
      return done({ kind: 'done' });
    case 'claim':
      draft.isClaim = true;
      return done({ kind: 'done' });
  }
}

function queryRange(
  state: GroupState,
  { from, above, upTo }: Extract<GroupQuery, { kind: 'range' }>,
  loaded: LoadedRanges,
): Step<GroupAnswer> {
  const floor = visibleAbove(state, from);
  if (floor === undefined) return done(noSuchGroup());
  const below = Math.min(upTo, above + groupReadMax) + 1;
  const step = groupMessagesBetween(state, Math.max(floor, above), below, loaded);
  if (step.kind === 'need') return step;
  const messages = fittingNews(step.result).map((message) => wireGroupMessage(state.groupId, message));
  return done({ kind: 'range', messages });
}

/** In the order in which they came. */
function queryRoster(
  state: GroupState,
  { from, limit, offset }: Extract<GroupQuery, { kind: 'roster' }>,
): GroupAnswer {
  const { members } = state;
  if (!members.has(from)) return noSuchGroup();
  state.roster ??= [...members].sort(([, a], [, b]) => a.joinEvent - b.joinEvent).map(([userId]) => userId);
  const page = state.roster
    .slice(offset, offset + limit)
    .map((userId): RosterEntry => ({ userId, role: members.get(userId)?.role ?? 'member' }));
  return { kind: 'roster', members: page, hasMore: members.size > offset + page.length && page.length > 0 };
}

function queryNewcomers(
  { members, large }: GroupState,
  query: Extract<GroupQuery, { kind: 'newcomers' }>,
  { fanOutMembersMax }: GroupLimits,
): GroupAnswer {
  const member = members.get(query.from);
  if (member === undefined) return noSuchGroup();
  if (!mayManage(member)) return notAllowed();
  const fresh = [...new Set(query.members)].filter((userId) => !members.has(userId));
  const isGrowing = large === undefined && members.size + fresh.length > fanOutMembersMax;
  const growing = isGrowing ? [...members.keys()] : [];
  return { kind: 'newcomers', members: fresh, isLarge: isGrowing || large !== undefined, growing };
}

/** One read of the durable state: pure, cannot wait. */
export function queryGroup(
  state: GroupState,
  query: GroupQuery,
  loaded: LoadedRanges,
  limits: GroupLimits,
): Step<GroupAnswer> {
  switch (query.kind) {
    case 'messages': {
      const step = queryGroupMessages(state, query.from, query.params, loaded);
      if (step.kind === 'need' || 'kind' in step.result) return step as Step<Refusal>;
      return done({ kind: 'page', page: step.result });
    }
    case 'range':
      return queryRange(state, query, loaded);
    case 'roster':
      return done(queryRoster(state, query));
    case 'made': {
      if (state.info === undefined) return done({ kind: 'made', isMade: false });
      return done(isMadeBy(state.info, query) ? { kind: 'made', isMade: true } : otherGroup());
    }
    case 'newcomers':
      return done(queryNewcomers(state, query, limits));
    case 'bulletin': {
      const step = queryBulletin(state, query.above, loaded, limits);
      return step.kind === 'need' ? step : done({ kind: 'bulletin', bulletin: step.result });
    }
    case 'memberNews': {
      const step = queryMemberNews(state, query, loaded, limits);
      if (step.kind === 'need') return step;
      return done(step.result === undefined ? noSuchGroup() : { kind: 'memberNews', news: step.result });
    }
  }
}
