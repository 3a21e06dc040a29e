import type { Planted } from './planted-violations.ts';
import { chat, type SmallHistory } from './small-history.ts';

const done = { kind: 'ok', result: {} } as const;
const group = 'grp:x';

function block(small: SmallHistory): void {
  small.call('blockUser', 'bob', { userId: 'ann' }, done);
}

/** From here on all is well, and those are there. */
function rollCall(small: SmallHistory, present: readonly string[]): void {
  const atMs = small.nowMs;
  small.history.attendance = {
    ...{ sinceMs: atMs - 100, atMs, present: new Set(present), connections: new Set([1, 2]) },
  };
}

function watch(
  small: SmallHistory,
  userId: string,
  online: boolean,
  times: { readonly startMs?: number; readonly endMs?: number } = {},
): void {
  const presence = [{ userId, online, lastSeen: 1 }];
  small.call('watchPresence', 'ann', { userIds: [userId] }, { kind: 'ok', result: { presence } }, times);
}

/** Long after a block of hers ann sees bob in an answer that takes from 100 s to 101 s. */
export function watchBlocked(small: SmallHistory): void {
  small.call('blockUser', 'ann', { userId: 'bob' }, done);
  watch(small, 'bob', true, { startMs: 100_000, endMs: 101_000 });
}

/** A group of ann and bob that is large. */
function largeGroup(small: SmallHistory): void {
  const params = { name: 'x', members: ['bob'], requestId: 'r1', history: 'all' } as const;
  small.call('createGroup', 'ann', params, { kind: 'ok', result: { conversationId: group } });
}

/** What blocks, receipts, presence, typing and large groups can have wrong. */
export const plantedSocial: readonly Planted[] = [
  {
    what: 'a message is taken from who is blocked',
    rule: 'blocks',
    plant: (small) => {
      block(small);
      small.send('ann', 'm3', 3);
    },
    views: (small) =>
      small.views().map((view) => ({ ...view, blocked: view.userId === 'bob' ? ['ann'] : [] })),
  },
  {
    what: 'a message is refused without a block',
    rule: 'blocks',
    plant: (small) =>
      small.call(
        'sendMessage',
        'ann',
        { conversationId: chat, text: 'text of m3', messageId: 'm3' },
        { kind: 'error', error: 'forbidden', retryable: false },
      ),
  },
  {
    what: 'the list of blocks lacks a block',
    rule: 'blocks',
    plant: block,
  },
  {
    what: 'a receipt goes back',
    rule: 'receipts',
    plant: (small) => {
      small.call(
        'markRead',
        'bob',
        { conversationId: chat, seq: 2 },
        { kind: 'ok', result: { seq: 2, unread: 0 } },
      );
      for (const readSeq of [2, 1]) small.receipt('ann', 'bob', readSeq);
    },
  },
  {
    what: 'a receipt tells of what was not read',
    rule: 'receipts',
    plant: (small) => small.receipt('ann', 'bob', 2),
  },
  {
    what: 'a receipt is never told',
    rule: 'receipts',
    plant: (small) => small.read('ann', 2, 0, false),
  },
  {
    what: 'who is connected is shown as away',
    rule: 'presence',
    plant: (small) => {
      watch(small, 'bob', false);
      rollCall(small, ['ann', 'bob']);
    },
  },
  {
    what: 'who has gone is shown as connected',
    rule: 'presence',
    plant: (small) => {
      watch(small, 'bob', true);
      rollCall(small, ['ann']);
    },
  },
  {
    what: 'a stranger is shown',
    rule: 'presence',
    plant: (small) => watch(small, 'cid', true),
  },
  {
    what: 'who is blocked is shown',
    rule: 'presence',
    plant: watchBlocked,
  },
  {
    what: 'typing is told that nobody did',
    rule: 'typing',
    plant: (small) => small.note('ann', { method: 'typing', conversationId: chat, userId: 'bob', on: true }),
  },
  {
    what: 'typing is told to who is not in the conversation',
    rule: 'typing',
    plant: (small) => {
      small.call('typing', 'bob', { conversationId: 'dm:bob:cid', on: true }, done);
      small.note('ann', { method: 'typing', conversationId: 'dm:bob:cid', userId: 'bob', on: true });
    },
  },
  {
    what: 'typing is not heard when all is well',
    rule: 'typing',
    plant: (small) => {
      small.call('typing', 'bob', { conversationId: chat, on: true }, done);
      rollCall(small, ['ann', 'bob']);
    },
  },
  {
    what: 'a message of a large group is passed over',
    rule: 'G8',
    plant: (small) => {
      largeGroup(small);
      for (const seq of [1, 3]) small.tellOfGroup('bob', group, seq);
    },
  },
  {
    what: 'the last message of a large group is not pushed to who is connected',
    rule: 'G8',
    plant: (small) => {
      largeGroup(small);
      for (const seq of [1, 2]) small.tellOfGroup('bob', group, seq);
      small.history.pushes.pop();
    },
  },
  {
    what: 'the list is behind a large group',
    rule: 'G7',
    plant: (small) => {
      largeGroup(small);
      const params = { conversationId: group, text: 'hello', messageId: 'g1' };
      const result = { ...params, seq: 1, timestamp: 10, duplicate: false };
      small.call('sendMessage', 'ann', params, { kind: 'ok', result });
      const [entry] = small.views()[1]!.conversations;
      const conversations = [{ ...entry!, conversationId: group, lastSeq: 0 }];
      small.call(
        'getConversations',
        'bob',
        { limit: 100, offset: 0 },
        {
          ...{ kind: 'ok', result: { conversations, hasMore: false } },
        },
      );
    },
  },
  {
    what: 'two members have different lists of members',
    rule: 'members',
    views: (small) =>
      small.views().map((view) => {
        const owner = { userId: 'ann', role: 'owner', deliveredSeq: 0, readSeq: 0 } as const;
        const bob = { ...owner, userId: 'bob', role: 'member' } as const;
        return { ...view, members: new Map([[group, view.userId === 'ann' ? [owner] : [owner, bob]]]) };
      }),
  },
];
