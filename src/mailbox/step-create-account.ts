import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import { done, type Step } from '../row/step.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import type { Profile } from './mailbox-state.ts';

export function stepCreateAccount(draft: MailboxDraft, profile: Profile): Step<object | Refusal> {
  const present = draft.profile ?? draft.state.profile;
  if (present === undefined) draft.profile = profile;
  // The same again is this very input, after a try that was applied and did not hear of it: its hash is salted.
  else if (!isSame(present, profile)) return done(refusal('conflict', 'this user exists already'));
  return done({});
}

function isSame(a: Profile, b: Profile): boolean {
  return (
    a.name === b.name &&
    a.createdAt === b.createdAt &&
    a.passwordHash === b.passwordHash &&
    a.tokensValidFrom === b.tokensValidFrom
  );
}
