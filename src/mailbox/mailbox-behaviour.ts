import type { Bulletin, MemberCard, MemberNews } from '../conversation/bulletin.ts';
import type { GetChangesParams } from '../protocol/calls.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import type { CellRange } from '../row/cell.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, type Step } from '../row/step.ts';
import type { CopyReply, DeliverReply, Envelope, MissingReply, OperateReply } from './envelope.ts';
import {
  reads,
  writes,
  type CallName,
  type ParamsOf,
  type ReadCalls,
  type ResultOf,
  type WriteCalls,
} from './mailbox-calls.ts';
import { headRanges } from './mailbox-cells.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import { dedupEntriesMax, type MailboxLimits, type MailboxState } from './mailbox-state.ts';
import { queryChanges, type FeedPage } from './query-changes.ts';
import { queryMeeting, type Other } from './query-meeting.ts';
import { queryMissing } from './query-missing.ts';
import { queryOperable, type Operable } from './query-operable.ts';
import { nothing, owedBy, reaches, standingOf, type Standing } from './standing.ts';
import { stepCopy } from './step-copy.ts';
import { stepDeliver } from './step-deliver.ts';
import { stepOperate } from './step-operate.ts';
import { stepGroupNews, stepLiveNews } from './step-group-news.ts';

/** A call of its user, with params that fit its name. */
type CallOf<Calls> = {
  [Name in keyof Calls & CallName]: {
    readonly kind: 'call';
    readonly name: Name;
    readonly params: ParamsOf<Name>;
  };
}[keyof Calls & CallName];

/** What changes a mailbox. Every input is idempotent against a state that was loaded anew. */
export type MailboxInput =
  | CallOf<WriteCalls>
  | MemberNews
  /** What a large group tells members that have a device. */
  | { readonly kind: 'liveNews'; readonly bulletin: Bulletin }
  /** Writes what was pushed behind the last commit. */
  | { readonly kind: 'flush' }
  | Extract<Envelope, { kind: 'deliver' | 'operate' | 'copy' }>
  /** Clears the outbox cells of conversations in which nothing is owed any more. */
  | { readonly kind: 'clearOutbox' }
  /** Commits the row though nothing in it changes: from then on it is this node's. */
  | { readonly kind: 'claim' };

export type MailboxResult =
  | ResultOf<keyof WriteCalls>
  | { readonly kind: 'cleared' }
  /** `isBehind`: the group has news that did not come along. */
  | { readonly kind: 'noted'; readonly isBehind?: boolean }
  | { readonly kind: 'claimed' }
  | DeliverReply
  | OperateReply
  | CopyReply
  | Refusal;

export type MailboxQuery =
  | CallOf<ReadCalls>
  | { readonly kind: 'feed'; readonly params: GetChangesParams }
  /** What a group wants to know of a user who is in, or is to come in. */
  | { readonly kind: 'card'; readonly groupId: string; readonly about: readonly string[] }
  /** Who of these may be told of the user? */
  | { readonly kind: 'meeting'; readonly others: readonly Other[] }
  /** The greatest stamp seen in a conversation and how far own copies are durable: what an envelope carries. */
  | { readonly kind: 'sending'; readonly conversationId: string }
  /** May the user change these messages? */
  | { readonly kind: 'operable'; readonly conversationId: string; readonly seqs: readonly number[] }
  | Extract<Envelope, { kind: 'missing' }>;

export interface Sending {
  readonly kind: 'sending';
  readonly name: string;
  readonly floor: number;
  readonly confirmed: Standing;
}

export type MailboxAnswer =
  | ResultOf<keyof ReadCalls>
  | { readonly kind: 'feed'; readonly page: FeedPage }
  | { readonly kind: 'card'; readonly card: MemberCard | undefined }
  | { readonly kind: 'meeting'; readonly may: readonly boolean[] }
  | Sending
  | Operable
  | MissingReply
  | Refusal;

export function mailboxHeadRanges(): readonly CellRange[] {
  return headRanges(dedupEntriesMax / 2);
}

function clearOutbox(draft: MailboxDraft): MailboxResult {
  for (const { conversationId, outbox, head } of draft.state.outboxOpen) {
    if (!reaches(outbox.confirmed, owedBy(head))) continue;
    const conversation = draft.conversation(conversationId);
    // What else this batch does may make something owed again: then it stays.
    if (conversation !== undefined) conversation.isClearing = true;
  }
  for (const groupId of draft.state.owedMarks.keys()) draft.clearedMarks.add(groupId);
  return { kind: 'cleared' };
}

function stepCall<Name extends keyof WriteCalls>(
  draft: MailboxDraft,
  { name, params }: { readonly name: Name; readonly params: ParamsOf<Name> },
  loaded: LoadedRanges,
): Step<ResultOf<Name> | Refusal> {
  return writes[name](draft, params, loaded);
}

function answerCall<Name extends keyof ReadCalls>(
  state: MailboxState,
  { name, params }: { readonly name: Name; readonly params: ParamsOf<Name> },
  loaded: LoadedRanges,
): Step<ResultOf<Name> | Refusal> {
  return reads[name](state, params, loaded);
}

/** One input on a draft: pure, cannot wait. */
export function stepMailbox(
  draft: MailboxDraft,
  input: MailboxInput,
  loaded: LoadedRanges,
  limits: MailboxLimits,
): Step<MailboxResult> {
  switch (input.kind) {
    case 'call':
      return stepCall(draft, input, loaded);
    case 'deliver':
      return stepDeliver(draft, input, loaded, limits);
    case 'operate':
      return stepOperate(draft, input, loaded, limits);
    case 'copy':
      return stepCopy(draft, input, loaded);
    case 'groupNews':
      stepGroupNews(draft, input);
      return done({ kind: 'noted' });
    case 'liveNews':
      return done({ kind: 'noted', isBehind: stepLiveNews(draft, input.bulletin) });
    case 'flush':
      draft.isFlushing = true;
      return done({ kind: 'noted' });
    case 'clearOutbox':
      return done(clearOutbox(draft));
    case 'claim':
      draft.profile ??= draft.state.profile;
      return done({ kind: 'claimed' });
  }
}

function querySending(state: MailboxState, conversationId: string): Sending | Refusal {
  if (state.profile === undefined) return refusal('unauthenticated', 'this user does not exist any more');
  const head = state.conversations.get(conversationId)?.head;
  return {
    kind: 'sending',
    name: state.profile.name,
    floor: Math.floor((head?.lastSeq ?? 0) / 2),
    confirmed: head === undefined ? nothing : standingOf(head),
  };
}

function cardOf(
  state: MailboxState,
  { groupId, about }: Extract<MailboxQuery, { kind: 'card' }>,
  limits: MailboxLimits,
): MemberCard | undefined {
  if (state.profile === undefined) return undefined;
  const { conversations, groups, large } = state;
  const { deliveredSeq = 0, readSeq = 0 } = groups.get(groupId) ?? {};
  const isFull = !groups.has(groupId) && conversations.size + groups.size >= limits.conversationsMax;
  const blocks = about.filter((userId) => state.people.get(userId)?.isBlocked === true);
  const isInManyLarge = !large.has(groupId) && large.size >= limits.largeGroupsMax;
  return { name: state.profile.name, deliveredSeq, readSeq, isFull, isInManyLarge, blocks };
}

/** One read of the durable state: pure, cannot wait. */
export function queryMailbox(
  state: MailboxState,
  query: MailboxQuery,
  loaded: LoadedRanges,
  limits: MailboxLimits,
): Step<MailboxAnswer> {
  switch (query.kind) {
    case 'call':
      return answerCall(state, query, loaded);
    case 'feed': {
      const step = queryChanges(state, query.params, loaded);
      return step.kind === 'need' ? step : done({ kind: 'feed', page: step.result });
    }
    case 'card':
      return done({ kind: 'card', card: cardOf(state, query, limits) });
    case 'meeting':
      return done({ kind: 'meeting', may: queryMeeting(state, query.others) });
    case 'sending':
      return done(querySending(state, query.conversationId));
    case 'operable':
      return queryOperable(state, query, loaded);
    case 'missing':
      return queryMissing(state, query, loaded);
  }
}
