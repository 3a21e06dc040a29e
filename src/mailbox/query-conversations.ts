import type { GetConversationsParams, GetConversationsResult } from '../protocol/calls.ts';
import { done, type Step } from '../row/step.ts';
import { wireGroup, type GroupEntry } from './group-entry.ts';
import type { ConversationState, MailboxState } from './mailbox-state.ts';
import { wireConversation } from './wire-view.ts';

type Listed = ConversationState | GroupEntry;

function headOf(listed: Listed): { lastTimestamp: number; updatedAt: number; local: number } {
  return 'head' in listed ? listed.head : listed;
}

function mostRecentFirst(one: Listed, other: Listed): number {
  const [a, b] = [headOf(one), headOf(other)];
  return b.lastTimestamp - a.lastTimestamp || b.local - a.local;
}

function sorted({ conversations, groups }: MailboxState): Listed[] {
  const present = [...groups.values()].filter(({ isIn }) => isIn);
  return [...conversations.values(), ...present].sort(mostRecentFirst);
}

/** `getConversations`: most recent first; with `since` those that changed then or later. */
export function queryConversations(
  state: MailboxState,
  { limit, offset, since }: GetConversationsParams,
): Step<GetConversationsResult> {
  const recent = (state.recent ??= sorted(state));
  const listed = since === undefined ? recent : recent.filter((one) => headOf(one).updatedAt >= since);
  return done({
    conversations: listed
      .slice(offset, offset + limit)
      .map((one) => ('head' in one ? wireConversation(state.userId, one) : wireGroup(one))),
    hasMore: listed.length > offset + limit,
    // All times in the list come from one clock that never runs back: the mailbox's own.
    serverTime: recent.reduce((latest, one) => Math.max(latest, headOf(one).updatedAt), 0),
  });
}
