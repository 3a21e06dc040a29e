import { done, type Step } from '../row/step.ts';
import type { MailboxState } from './mailbox-state.ts';

/** Somebody who wants to be told of this user, and the conversations that they may share. */
export interface Other {
  readonly userId: string;
  readonly conversationIds: readonly string[];
}

/** Groups of a user that are named to others; the most recent ones. */
const groupsMax = 200;

function isBlocked({ people }: MailboxState, userId: string): boolean {
  return people.get(userId)?.isBlocked ?? false;
}

function isIn({ conversations, groups }: MailboxState, conversationId: string): boolean {
  return conversations.has(conversationId) || groups.get(conversationId)?.isIn === true;
}

/** Of each, in order: does this user share one of the conversations with them, and has not blocked them? */
export function queryMeeting(state: MailboxState, others: readonly Other[]): readonly boolean[] {
  return others.map(({ userId, conversationIds }) => {
    return !isBlocked(state, userId) && conversationIds.some((id) => isIn(state, id));
  });
}

export interface Acquaintances {
  /** Of those asked for: whom this user has not blocked. */
  readonly userIds: readonly string[];
  /** Groups that this user is in. */
  readonly groupIds: readonly string[];
}

export function queryAcquaintances(
  state: MailboxState,
  { userIds }: { readonly userIds: readonly string[] },
): Step<Acquaintances> {
  const groups = [...state.groups.values()].filter(({ isIn: isMember }) => isMember);
  const recentFirst = groups.sort((a, b) => b.lastTimestamp - a.lastTimestamp);
  return done({
    userIds: userIds.filter((userId) => !isBlocked(state, userId)),
    groupIds: recentFirst.slice(0, groupsMax).map(({ conversationId }) => conversationId),
  });
}
