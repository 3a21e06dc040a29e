import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import type { GroupInfo, GroupMember } from './group-state.ts';

/** The one answer to whoever is not a member: whether there is such a group is nobody else's business. */
export function noSuchGroup(): Refusal {
  return refusal('not_found', 'no such conversation');
}

/** Owner and admins add, remove and rename. */
export function mayManage(member: GroupMember): boolean {
  return member.role !== 'member';
}

export function notAllowed(): Refusal {
  return refusal('forbidden', 'only the owner and admins of the group may do that');
}

export const notCaughtUp = refusal(
  'overloaded',
  'the mailboxes of members have not caught up with this group',
  {
    retryAfterMs: 1_000,
  },
);

/** The group of somebody else, whose id came out the same. */
export function otherGroup(): Refusal {
  return refusal('conflict', 'another group has this id');
}

/** Is it the group that this user has asked for with this request? */
export function isMadeBy(
  { creator, requestId }: GroupInfo,
  asked: { readonly from: string; readonly requestId: string },
): boolean {
  return creator === asked.from && requestId === asked.requestId;
}
