import type { Message } from '../../scripts/torture/client/protocol-shapes.ts';
import type { FinalView } from '../../scripts/torture/history.ts';
import { chat, type SmallHistory } from './small-history.ts';

export const group = 'grp:x';
export const done = { kind: 'ok', result: {} } as const;
export const unavailable = { kind: 'error', error: 'unavailable', retryable: true } as const;

export function refusal(error: string, retryable = false) {
  return { kind: 'error', error, retryable } as const;
}

export function markRead(small: SmallHistory, userId: string, seq: number, unread: number): void {
  small.call('markRead', userId, { conversationId: chat, seq }, { kind: 'ok', result: { seq, unread } });
}

/** The list as it is in the end of what came before, with that read mark. */
export function list(small: SmallHistory, userId: string, readSeq: number, unread: number): void {
  const view = small.views().find((one) => one.userId === userId);
  const conversations = (view?.conversations ?? []).map((one) => ({ ...one, readSeq, unread }));
  const params = { limit: 100, offset: 0 };
  small.call('getConversations', userId, params, { kind: 'ok', result: { conversations, hasMore: false } });
}

export function edit(small: SmallHistory, text: string, isAnswered = true) {
  const params = { conversationId: chat, seq: 1, text, messageId: `id of ${text}` };
  const outcome = isAnswered
    ? ({ kind: 'ok', result: { seq: 1, editedAt: 11 } } as const)
    : ({ kind: 'unknown' } as const);
  return small.call('editMessage', 'ann', params, outcome);
}

export function page(small: SmallHistory, userId: string, change: Partial<Message>): void {
  const [view] = small.views();
  const messages = (view?.messages.get(chat) ?? [])
    .map((message) => (message.seq === 1 ? { ...message, ...change } : message))
    .toReversed();
  const params = { conversationId: chat, limit: 50 };
  small.call('getMessages', userId, params, { kind: 'ok', result: { messages, hasMore: false } });
}

/** How both see their first message in the end. */
export function viewsWithFirst(small: SmallHistory, change: Partial<Message>): FinalView[] {
  return small.views().map((view) => ({
    ...view,
    messages: new Map(
      [...view.messages].map(([id, messages]) => [
        id,
        messages.map((message) => (message.seq === 1 ? { ...message, ...change } : message)),
      ]),
    ),
  }));
}

export function found(small: SmallHistory): void {
  const params = { name: 'x', members: ['bob'], requestId: 'r1', history: 'all' } as const;
  small.call('createGroup', 'ann', params, { kind: 'ok', result: { conversationId: group } });
}

export function sendToGroup(small: SmallHistory, from: string, seq: number): Message {
  const params = { conversationId: group, text: `text of g${seq}`, messageId: `g${seq}` };
  const result = { conversationId: group, messageId: `g${seq}`, seq, timestamp: seq, duplicate: false };
  small.call('sendMessage', from, params, { kind: 'ok', result });
  return { ...params, seq, from, timestamp: seq };
}

/** Both are in the group, and have these messages. */
export function viewsInGroup(small: SmallHistory, messages: readonly Message[], unread: number): FinalView[] {
  return small.views().map((view) => {
    const of = { conversationId: group, type: 'group', name: 'x', readSeq: 0 } as const;
    const count = view.userId === 'ann' ? 0 : unread;
    const last = { lastSeq: messages.at(-1)?.seq ?? 0, lastTimestamp: 1, unread: count };
    return {
      ...view,
      conversations: [...view.conversations, { ...of, ...last }],
      messages: new Map([...view.messages, [group, messages]]),
    };
  });
}

/** Only ann is still in the group. */
export function viewsWithoutBob(small: SmallHistory): FinalView[] {
  return small
    .views()
    .map((view) => (view.userId === 'ann' ? (viewsInGroup(small, [], 0)[0] ?? view) : view));
}
