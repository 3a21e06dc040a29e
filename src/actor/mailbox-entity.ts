import { applyDraft, passDraft } from '../mailbox/apply-draft.ts';
import {
  mailboxHeadRanges,
  queryMailbox,
  stepMailbox,
  type MailboxAnswer,
  type MailboxInput,
  type MailboxQuery,
  type MailboxResult,
} from '../mailbox/mailbox-behaviour.ts';
import { passLiveNews } from '../mailbox/live-news.ts';
import { MailboxDraft } from '../mailbox/mailbox-draft.ts';
import type { CommittedChanges, MailboxLimits, MailboxState } from '../mailbox/mailbox-state.ts';
import { restoreMailbox } from '../mailbox/restore-mailbox.ts';
import { snapshotMailbox } from '../mailbox/warm-mailbox.ts';
import type { Behaviour } from './behaviour.ts';

export interface MailboxTypes {
  state: MailboxState;
  draft: MailboxDraft;
  input: MailboxInput;
  result: MailboxResult;
  query: MailboxQuery;
  answer: MailboxAnswer;
  effects: CommittedChanges;
}

/** The mailbox's pure rooms in the shape that the actor shell runs. */
export function mailboxBehaviour(limits: MailboxLimits): Behaviour<MailboxTypes> {
  const headRanges = mailboxHeadRanges();
  return {
    headRanges,
    restore: (userId, image) => restoreMailbox(userId, image, headRanges),
    draft: (state, wallMs) => new MailboxDraft(state, wallMs),
    step: (draft, input, loaded) => stepMailbox(draft, input, loaded, limits),
    apply: applyDraft,
    pass: passDraft,
    passAtOnce: (state, input, wallMs) => {
      const passed = input.kind === 'liveNews' ? passLiveNews(state, input.bulletin, wallMs) : undefined;
      return passed && { result: { kind: 'noted', isBehind: passed.isBehind }, effects: passed.changes };
    },
    query: (state, query, loaded) => queryMailbox(state, query, loaded, limits),
    snapshot: snapshotMailbox,
    lane: (input) => ('from' in input ? input.from : ''),
  };
}
