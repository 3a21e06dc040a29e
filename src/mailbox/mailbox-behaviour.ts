import type {
  GetChangesParams,
  GetChangesResult,
  GetConversationsParams,
  GetConversationsResult,
  GetMessagesParams,
  GetMessagesResult,
  MarkParams,
  MarkReadResult,
} from '../protocol/calls.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import type { CellRange } from '../row/cell.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { done, type Step } from '../row/step.ts';
import type { CopyReply, DeliverReply, Envelope, MissingReply } from './envelope.ts';
import { headRanges } from './mailbox-cells.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import { dedupEntriesMax, type MailboxLimits, type MailboxState, type Profile } from './mailbox-state.ts';
import { queryChanges } from './query-changes.ts';
import { queryConversations } from './query-conversations.ts';
import { queryMessages } from './query-messages.ts';
import { queryMissing } from './query-missing.ts';
import { stepCopy } from './step-copy.ts';
import { stepDeliver } from './step-deliver.ts';
import { stepMarkRead } from './step-mark-read.ts';

/** What changes a mailbox. Every input is idempotent against a state that was loaded anew. */
export type MailboxInput =
  | { readonly kind: 'createAccount'; readonly profile: Profile }
  | { readonly kind: 'markRead'; readonly params: MarkParams }
  | Extract<Envelope, { kind: 'deliver' | 'copy' }>
  /** Clears the outbox cells of conversations in which nothing is owed any more. */
  | { readonly kind: 'clearOutbox' }
  /** Commits the row though nothing in it changes: from then on it is this node's. */
  | { readonly kind: 'claim' };

export type MailboxResult =
  | { readonly kind: 'created' }
  | { readonly kind: 'marked'; readonly mark: MarkReadResult }
  | { readonly kind: 'cleared' }
  | { readonly kind: 'claimed' }
  | DeliverReply
  | CopyReply
  | Refusal;

export type MailboxQuery =
  | { readonly kind: 'messages'; readonly params: GetMessagesParams }
  | { readonly kind: 'conversations'; readonly params: GetConversationsParams }
  | { readonly kind: 'changes'; readonly params: GetChangesParams }
  | { readonly kind: 'profile' }
  /** The greatest stamp seen in a conversation and how far own copies are durable: what an envelope carries. */
  | { readonly kind: 'sending'; readonly conversationId: string }
  | Extract<Envelope, { kind: 'missing' }>;

export interface Sending {
  readonly kind: 'sending';
  readonly name: string;
  readonly floor: number;
  readonly confirmed: number;
}

export type MailboxAnswer =
  | { readonly kind: 'page'; readonly page: GetMessagesResult }
  | { readonly kind: 'list'; readonly list: GetConversationsResult }
  | { readonly kind: 'changes'; readonly changes: GetChangesResult }
  | { readonly kind: 'profile'; readonly profile: Profile | undefined }
  | Sending
  | MissingReply
  | Refusal;

export function mailboxHeadRanges(limits: MailboxLimits): readonly CellRange[] {
  return headRanges(limits.conversationsMax, dedupEntriesMax / 2);
}

function createAccount(draft: MailboxDraft, profile: Profile): MailboxResult {
  const present = draft.profile ?? draft.state.profile;
  if (present === undefined) draft.profile = profile;
  // The same again is this very input, after a try that was applied and did not hear of it: its hash is salted.
  else if (!isSameProfile(present, profile)) return refusal('conflict', 'this user exists already');
  return { kind: 'created' };
}

function isSameProfile(a: Profile, b: Profile): boolean {
  return (
    a.name === b.name &&
    a.createdAt === b.createdAt &&
    a.passwordHash === b.passwordHash &&
    a.tokensValidFrom === b.tokensValidFrom
  );
}

function clearOutbox(draft: MailboxDraft): MailboxResult {
  for (const { conversationId, outbox, head } of draft.state.outboxOpen) {
    if (outbox.confirmed < head.peerSeq) continue;
    const conversation = draft.conversation(conversationId);
    // A message of this same batch opened it again.
    if (conversation === undefined || conversation.head.peerSeq > conversation.confirmed) continue;
    conversation.outbox = 'clear';
  }
  return { kind: 'cleared' };
}

/** One input on a draft: pure, cannot wait. */
export function stepMailbox(
  draft: MailboxDraft,
  input: MailboxInput,
  loaded: LoadedRanges,
  limits: MailboxLimits,
): Step<MailboxResult> {
  switch (input.kind) {
    case 'deliver':
      return stepDeliver(draft, input, loaded, limits);
    case 'copy':
      return stepCopy(draft, input, loaded);
    case 'markRead': {
      const step = stepMarkRead(draft, input.params, loaded);
      if (step.kind === 'need' || 'kind' in step.result) return step as Step<Refusal>;
      return done({ kind: 'marked', mark: step.result });
    }
    case 'createAccount':
      return done(createAccount(draft, input.profile));
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
    confirmed: head?.ownSeq ?? 0,
  };
}

/** One read of the durable state: pure, cannot wait. */
export function queryMailbox(
  state: MailboxState,
  query: MailboxQuery,
  loaded: LoadedRanges,
): Step<MailboxAnswer> {
  switch (query.kind) {
    case 'messages': {
      const step = queryMessages(state, query.params, loaded);
      if (step.kind === 'need' || 'kind' in step.result) return step as Step<Refusal>;
      return done({ kind: 'page', page: step.result });
    }
    case 'conversations':
      return done({ kind: 'list', list: queryConversations(state, query.params) });
    case 'changes': {
      const step = queryChanges(state, query.params, loaded);
      return step.kind === 'need' ? step : done({ kind: 'changes', changes: step.result });
    }
    case 'profile':
      return done({ kind: 'profile', profile: state.profile });
    case 'sending':
      return done(querySending(state, query.conversationId));
    case 'missing':
      return queryMissing(state, query, loaded);
  }
}
