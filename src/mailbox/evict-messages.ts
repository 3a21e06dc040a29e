import { forgetMessages, type ConversationState, type MailboxState } from './mailbox-state.ts';

/** Conversations whose messages go at once. */
const conversationsPerTier = 15;

function leastRecentFirst(a: ConversationState, b: ConversationState): number {
  return a.head.lastTimestamp - b.head.lastTimestamp;
}

function forgetOlderThan(state: MailboxState, conversation: ConversationState, timestamp: number): void {
  const { messages } = conversation;
  let cut = 0;
  while (cut < messages.length && (messages[cut]?.timestamp ?? 0) < timestamp) cut++;
  const last = messages[cut - 1];
  if (last !== undefined) forgetMessages(state, conversation, last.seq);
}

/**
 * Drops one tier of a mailbox's messages from memory; they stay in the store. Step 0: what is older than
 * `recentSince` (epoch ms); step n: all messages of the n-th fifteen conversations, least recent first.
 * @returns false where no messages are left to drop, so that the mailbox itself is next
 */
export function evictMessages(state: MailboxState, step: number, recentSince: number): boolean {
  if (step === 0) {
    for (const conversation of state.conversations.values()) {
      forgetOlderThan(state, conversation, recentSince);
    }
    return true;
  }
  const loaded = [...state.conversations.values()].filter(({ messages }) => messages.length > 0);
  // Earlier steps have emptied the least recent ones already, so the next fifteen are the first that are left.
  const tier = loaded.sort(leastRecentFirst).slice(0, conversationsPerTier);
  for (const conversation of tier) forgetMessages(state, conversation, conversation.head.lastSeq);
  return tier.length > 0;
}
