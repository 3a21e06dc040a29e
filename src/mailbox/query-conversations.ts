import type { GetConversationsParams, GetConversationsResult } from '../protocol/calls.ts';
import { done, type Step } from '../row/step.ts';
import type { ConversationState, MailboxState } from './mailbox-state.ts';
import { wireConversation } from './wire-view.ts';

function mostRecentFirst(a: ConversationState, b: ConversationState): number {
  return b.head.lastTimestamp - a.head.lastTimestamp || b.head.local - a.head.local;
}

/** `getConversations`: most recent first; with `since` those that changed then or later. */
export function queryConversations(
  state: MailboxState,
  { limit, offset, since }: GetConversationsParams,
): Step<GetConversationsResult> {
  state.recent ??= [...state.conversations.values()].sort(mostRecentFirst);
  const listed =
    since === undefined ? state.recent : state.recent.filter(({ head }) => head.updatedAt >= since);
  return done({
    conversations: listed
      .slice(offset, offset + limit)
      .map((conversation) => wireConversation(state.userId, conversation)),
    hasMore: listed.length > offset + limit,
    // All times in the list come from one clock that never runs back: the mailbox's own.
    serverTime: state.recent.reduce((latest, { head }) => Math.max(latest, head.updatedAt), 0),
  });
}
