import type { GetContactsResult, GetBlockedResult, ListParams, ProfileResult } from '../protocol/calls.ts';
import { dmIdOf } from '../protocol/conversation-id.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import { done, type Step } from '../row/step.ts';
import type { MailboxState } from './mailbox-state.ts';
import type { Person } from './people.ts';

/** What everybody may see of this user. */
export function queryProfile({ userId, profile }: MailboxState): Step<ProfileResult | Refusal> {
  if (profile === undefined) return done(refusal('not_found', 'no such user'));
  return done({ userId, name: profile.name, createdAt: profile.createdAt });
}

/** By user id; the name is the one in the conversation with them, which is kept fresh, where there is one. */
function listed(
  state: MailboxState,
  { limit, offset }: ListParams,
  isListed: (person: Person) => boolean,
): { readonly page: { userId: string; name: string }[]; readonly hasMore: boolean } {
  const all = [...state.people.values()].filter(isListed).sort((a, b) => (a.userId < b.userId ? -1 : 1));
  const page = all.slice(offset, offset + limit).map(({ userId, name }) => {
    const conversation = state.conversations.get(dmIdOf(state.userId, userId));
    return { userId, name: conversation?.head.name ?? name };
  });
  return { page, hasMore: all.length > offset + limit };
}

export function queryContacts(state: MailboxState, params: ListParams): Step<GetContactsResult> {
  const { page, hasMore } = listed(state, params, ({ isContact }) => isContact);
  return done({ contacts: page, hasMore });
}

export function queryBlocked(state: MailboxState, params: ListParams): Step<GetBlockedResult> {
  const { page, hasMore } = listed(state, params, ({ isBlocked }) => isBlocked);
  return done({ users: page, hasMore });
}
