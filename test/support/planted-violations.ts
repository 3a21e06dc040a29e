import type { RuleName } from '../../scripts/torture/checker/violation.ts';
import type { FinalView } from '../../scripts/torture/history.ts';
import { chat, SmallHistory } from './small-history.ts';

const refused = { kind: 'error', error: 'forbidden', retryable: false } as const;
const page = (messages: readonly object[]): never =>
  ({ kind: 'ok', result: { messages, hasMore: false } }) as never;

/** One thing that is wrong, and the rule that has to say so. */
export interface Planted {
  readonly what: string;
  readonly rule: RuleName;
  readonly plant?: (small: SmallHistory) => unknown;
  /** Where they are not those of a good end. */
  readonly views?: (small: SmallHistory) => FinalView[];
}

export const planted: readonly Planted[] = [
  {
    what: 'an acknowledged message is in no copy',
    rule: 'G1',
    plant: (small) => small.acknowledge('ann', 'lost', 3),
  },
  {
    what: 'the recipient has another time than was acknowledged',
    rule: 'G1',
    plant: (small) => {
      small.acknowledge('ann', 'm3', 3, { timestamp: 31 });
      small.arrive('ann', 'm3', 3);
    },
  },
  {
    what: 'a repeat gets another seq',
    rule: 'G2',
    plant: (small) => small.acknowledge('ann', 'm1', 3, { duplicate: true }),
  },
  {
    what: 'a repeat counts as new',
    rule: 'G2',
    plant: (small) => small.acknowledge('ann', 'm1', 1),
  },
  {
    what: 'a message is there twice',
    rule: 'G2',
    plant: (small) => small.arrive('ann', 'm1', 3),
  },
  {
    what: 'a message is below one that was acknowledged before it was sent',
    rule: 'G3',
    plant: (small) => {
      small.send('ann', 'm4', 4);
      small.send('bob', 'm3', 3);
    },
  },
  {
    what: 'a message overtakes another one of its connection',
    rule: 'G3',
    plant: (small) => {
      const first = small.acknowledge('ann', 'm4', 4);
      const second = small.acknowledge('ann', 'm3', 3);
      // Both were under way at once.
      first.endMs = second.endMs;
      small.arrive('ann', 'm4', 4);
      small.arrive('ann', 'm3', 3);
    },
  },
  {
    what: 'a message is below one that its author had received',
    rule: 'G3',
    plant: (small) => {
      const unanswered = { conversationId: chat, text: 'text of m4', messageId: 'm4' };
      small.call('sendMessage', 'ann', unanswered, { kind: 'unknown' });
      small.arrive('ann', 'm4', 4);
      small.send('bob', 'm3', 3);
    },
  },
  {
    what: 'a message is there that was refused for good',
    rule: 'G4',
    plant: (small) => {
      small.call(
        'sendMessage',
        'ann',
        { conversationId: chat, text: 'text of m3', messageId: 'm3' },
        refused,
      );
      small.arrive('ann', 'm3', 3);
    },
  },
  {
    what: 'a message cannot be sent when all is well again',
    rule: 'G4',
    plant: (small) => {
      small.call(
        'sendMessage',
        'ann',
        { conversationId: chat, text: 'text of m3', messageId: 'm3' },
        { kind: 'error', error: 'unavailable', retryable: true },
      );
      small.history.stuck.push('ann');
    },
  },
  {
    what: 'the sender has no copy',
    rule: 'G5',
    views: (small) =>
      small.viewsWith(({ conversation, messages }) => ({
        conversation,
        messages: messages.filter(({ from }) => from !== 'bob'),
      })),
  },
  {
    what: 'the other side does not know a read mark',
    rule: 'G5',
    plant: (small) => {
      small.read('ann', 2, 0);
    },
    views: (small) =>
      small.viewsWith(({ conversation, messages }) => ({
        conversation: { ...conversation, peerReadSeq: 1 },
        messages,
      })),
  },
  {
    what: 'a seq was shown as that of another message',
    rule: 'G6',
    plant: (small) => {
      const params = { conversationId: chat, text: 'text of m3', messageId: 'm3' };
      small.call('sendMessage', 'ann', params, { kind: 'unknown' });
      const message = {
        conversationId: chat,
        seq: 2,
        messageId: 'm3',
        from: 'ann',
        text: 'text of m3',
        timestamp: 20,
      };
      small.call('getMessages', 'ann', { conversationId: chat, limit: 1 }, page([message]));
    },
  },
  {
    what: 'a page lacks what was acknowledged before',
    rule: 'G7',
    plant: (small) => small.call('getMessages', 'bob', { conversationId: chat, limit: 5 }, page([])),
  },
  {
    what: 'a list lacks what was acknowledged before',
    rule: 'G7',
    plant: (small) => {
      const [, bob] = small.views();
      small.send('ann', 'm3', 3);
      small.call(
        'getConversations',
        'bob',
        { limit: 100, offset: 0 },
        { kind: 'ok', result: { conversations: bob!.conversations, hasMore: false } },
      );
    },
  },
  {
    what: 'changes lack what was acknowledged before',
    rule: 'G7',
    plant: (small) =>
      small.call(
        'getChanges',
        'bob',
        { since: 'c0', limit: 100 },
        { kind: 'ok', result: { changes: [], cursor: 'c0', hasMore: false } },
      ),
  },
  {
    what: 'a read goes back behind what was pushed',
    rule: 'G7',
    plant: (small) => {
      small.send('bob', 'm3', 3);
      const [ann] = new SmallHistory().views();
      const old = { ...ann!.conversations[0]!, lastSeq: 2 };
      small.call(
        'getConversations',
        'bob',
        { limit: 100, offset: 0 },
        { kind: 'ok', result: { conversations: [{ ...old, readSeq: 1 }], hasMore: false } },
      );
    },
  },
  {
    what: 'a change is not pushed',
    rule: 'G8',
    plant: (small) => {
      const message = small.send('ann', 'm3', 3);
      const missing = small.history.pushes.findIndex(
        ({ userId, change }) => userId === 'bob' && change.kind === 'message' && change.message === message,
      );
      small.history.pushes.splice(missing, 1);
      small.send('ann', 'm4', 4);
    },
  },
  {
    what: 'the last change is not pushed to who is connected',
    rule: 'G8',
    plant: (small) => {
      small.send('ann', 'm3', 3);
      small.history.pushes.pop();
    },
  },
  {
    what: 'a change is pushed twice',
    rule: 'G8',
    plant: (small) => small.push('bob', small.history.feedOf('bob').changes.at(-1)!),
  },
  {
    what: 'something is pushed that is not in the feed',
    rule: 'G8',
    plant: (small) => small.push('bob', { kind: 'contact', userId: 'ann', cursor: 'c99' }),
  },
  {
    what: 'the feed lacks a message',
    rule: 'G8',
    plant: (small) => {
      small.send('ann', 'm3', 3);
      small.history.feedOf('bob').changes.pop();
      small.history.pushes.pop();
    },
  },
  {
    what: 'unread is wrong in the end',
    rule: 'G9',
    views: (small) =>
      small.viewsWith(({ conversation, messages }) => ({
        conversation: { ...conversation, unread: 7 },
        messages,
      })),
  },
  {
    what: 'unread was too high on the way',
    rule: 'G9',
    plant: (small) => small.read('bob', 1, 3),
  },
  {
    what: 'unread was too low on the way',
    rule: 'G9',
    plant: (small) => {
      small.send('ann', 'm3', 3);
      small.call(
        'markRead',
        'bob',
        { conversationId: chat, seq: 1 },
        { kind: 'ok', result: { seq: 1, unread: 0 } },
      );
    },
  },
  {
    what: 'a mark is answered with a smaller one',
    rule: 'G9',
    plant: (small) =>
      small.call(
        'markRead',
        'bob',
        { conversationId: chat, seq: 1 },
        { kind: 'ok', result: { seq: 0, unread: 1 } },
      ),
  },
  {
    what: 'a message that nobody sent',
    rule: 'nowhere',
    plant: (small) => small.arrive('ann', 'ghost', 3),
  },
  {
    what: 'a text that nobody wrote',
    rule: 'nowhere',
    views: (small) =>
      small.viewsWith(({ conversation, messages }) => ({
        conversation,
        messages: messages.map((message) => ({ ...message, text: 'something else' })),
      })),
  },
  {
    what: 'an acknowledged edit is gone',
    rule: 'edits',
    plant: (small) =>
      small.call(
        'editMessage',
        'ann',
        { conversationId: chat, seq: 1, text: 'better', messageId: 'e1' },
        { kind: 'ok', result: { seq: 1, editedAt: 11 } },
      ),
  },
  {
    what: 'a deleted message is still there',
    rule: 'edits',
    plant: (small) =>
      small.call(
        'deleteMessage',
        'ann',
        { conversationId: chat, seq: 1, messageId: 'e1' },
        { kind: 'ok', result: { seq: 1, deletedAt: 11 } },
      ),
  },
  {
    what: 'who has left a group has it in the list',
    rule: 'members',
    plant: (small) => {
      small.call('leaveGroup', 'bob', { conversationId: 'grp:x' }, { kind: 'ok', result: {} });
    },
    views: (small) => {
      const [ann, bob] = small.views();
      const group = {
        ...bob!.conversations[0]!,
        conversationId: 'grp:x',
        type: 'group',
        lastSeq: 0,
        unread: 0,
      } as const;
      return [ann!, { ...bob!, conversations: [...bob!.conversations, group] }];
    },
  },
  {
    what: 'who has left a group reads its messages',
    rule: 'members',
    plant: (small) => {
      small.call('leaveGroup', 'bob', { conversationId: 'grp:x' }, { kind: 'ok', result: {} });
      small.call('getMessages', 'bob', { conversationId: 'grp:x', limit: 5 }, page([]));
    },
  },
];
