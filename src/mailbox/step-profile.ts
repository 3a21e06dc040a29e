import type { ProfileResult, RevokeTokensParams, UpdateProfileParams } from '../protocol/calls.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import { done, type Step } from '../row/step.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import { keepTokens } from './step-devices.ts';

const gone = refusal('unauthenticated', 'this user does not exist any more');

export function stepUpdateProfile(
  draft: MailboxDraft,
  { name }: UpdateProfileParams,
): Step<ProfileResult | Refusal> {
  const profile = draft.profile ?? draft.state.profile;
  if (profile === undefined) return done(gone);
  if (profile.name !== name) draft.profile = { ...profile, name };
  return done({ userId: draft.state.userId, name, createdAt: profile.createdAt });
}

/** Never back: what was refused once stays refused. */
export function stepRevokeTokens(
  draft: MailboxDraft,
  { before }: RevokeTokensParams,
): Step<object | Refusal> {
  const profile = draft.profile ?? draft.state.profile;
  if (profile === undefined) return done(gone);
  if (before > profile.tokensValidFrom) draft.profile = { ...profile, tokensValidFrom: before };
  keepTokens(draft, ({ issuedAt }) => issuedAt >= before);
  return done({});
}
