import type { Planted } from './planted-violations.ts';
import { edit, list, markRead, page, viewsWithFirst } from './planting-steps.ts';
import { chat } from './small-history.ts';

const marks: readonly Planted[] = [
  {
    what: 'an acknowledged read mark is gone',
    rule: 'G7',
    plant: (small) => {
      small.send('ann', 'm3', 3);
      markRead(small, 'bob', 3, 0);
      list(small, 'bob', 1, 1);
    },
  },
  {
    what: 'a delivered mark goes back',
    rule: 'G7',
    plant: (small) => {
      for (const seq of [2, 1])
        small.call(
          'markDelivered',
          'bob',
          { conversationId: chat, seq },
          { kind: 'ok', result: { seq, unread: 0 } },
        );
    },
  },
  {
    what: 'a read mark is never told in the own feed',
    rule: 'G8',
    views: (small) =>
      small.views().map((view) => ({
        ...view,
        conversations: view.conversations.map((one) =>
          view.userId === 'ann' ? { ...one, readSeq: 2, unread: 0 } : { ...one, peerReadSeq: 2 },
        ),
      })),
  },
  {
    what: 'a delivered mark is never told in the feed of the other one',
    rule: 'receipts',
    plant: (small) =>
      small.call(
        'markDelivered',
        'ann',
        { conversationId: chat, seq: 2 },
        { kind: 'ok', result: { seq: 2, unread: 0 } },
      ),
  },
];

const copies: readonly Planted[] = [
  {
    what: 'a conversation is not in a list',
    rule: 'G7',
    plant: (small) =>
      small.call(
        'getConversations',
        'bob',
        { limit: 100, offset: 0 },
        { kind: 'ok', result: { conversations: [], hasMore: false } },
      ),
  },
  {
    what: 'a conversation is not in the list in the end',
    rule: 'G5',
    views: (small) =>
      small.views().map((view) => (view.userId === 'ann' ? { ...view, conversations: [] } : view)),
  },
  {
    what: 'the sender is told that there is no such conversation',
    rule: 'G5',
    views: (small) =>
      small
        .views()
        .map((view) => (view.userId === 'ann' ? { ...view, conversations: [], messages: new Map() } : view)),
  },
  {
    what: 'the feed says last of a message what it is not',
    rule: 'G8',
    plant: (small) => edit(small, 'better'),
    views: (small) => viewsWithFirst(small, { text: 'better', editedAt: 11 }),
  },
  {
    what: 'the feed has a message that nobody can read',
    rule: 'G8',
    views: (small) =>
      small.views().map((view) => ({
        ...view,
        messages: new Map([[chat, (view.messages.get(chat) ?? []).slice(0, 1)]]),
      })),
  },
  {
    what: 'a first change is not pushed to who began at a cursor of no change',
    rule: 'G8',
    plant: (small) => {
      const listening = { connection: 3, startMs: -2, endMs: -1 };
      const begun = { kind: 'ok', result: { cursor: 'c00', nodeId: 'n1' } } as const;
      small.call('session.open', 'bob', { token: '', deviceId: 'd2' }, begun, listening);
      small.history.closed.add(3);
      const heard = small.history.pushes.findLast(({ userId }) => userId === 'bob');
      small.history.pushes.push({ ...heard!, connection: 3 });
    },
  },
  {
    what: 'a change is not pushed to who goes on from the end of a poll',
    rule: 'G8',
    plant: (small) => {
      small.history.sameCursors.set('bob p1', 'c0');
      const begun = { kind: 'ok', result: { cursor: 'p1' } } as const;
      small.call('GET /v1/changes', 'bob', { since: 'p1' }, begun, { connection: 3 });
      small.history.closed.add(3);
      const heard = small.history.pushes.findLast(({ userId }) => userId === 'bob');
      small.history.pushes.push({ ...heard!, connection: 3 });
    },
  },
  {
    what: 'the feed begins anew without need',
    rule: 'G8',
    plant: (small) =>
      small.call(
        'getChanges',
        'bob',
        { since: 'c2', limit: 10 },
        { kind: 'ok', result: { reset: true, cursor: 'c9' } },
      ),
  },
  {
    what: 'a stream begins anew without need',
    rule: 'G8',
    plant: (small) => small.note('bob', { method: 'reset', since: 'c2' }),
  },
];

const changes: readonly Planted[] = [
  {
    what: 'an edit that was first answered when it was repeated takes the place of a later one',
    rule: 'edits',
    plant: (small) => {
      edit(small, 'first', false);
      edit(small, 'first');
      edit(small, 'second');
    },
    views: (small) => viewsWithFirst(small, { text: 'first', editedAt: 11 }),
  },
  {
    what: 'a page lacks an acknowledged edit',
    rule: 'G7',
    plant: (small) => {
      edit(small, 'better');
      page(small, 'bob', {});
    },
  },
  {
    what: 'a page has an edit that was replaced',
    rule: 'G7',
    plant: (small) => {
      for (const text of ['first', 'second']) edit(small, text);
      page(small, 'bob', { text: 'first', editedAt: 11 });
    },
  },
  {
    what: 'a page has what was deleted',
    rule: 'G7',
    plant: (small) => {
      small.call(
        'deleteMessage',
        'ann',
        { conversationId: chat, seq: 1, messageId: 'e1' },
        { kind: 'ok', result: { seq: 1, deletedAt: 11 } },
      );
      page(small, 'bob', {});
    },
  },
  {
    what: 'a page goes back behind a page with an edit',
    rule: 'G7',
    plant: (small) => {
      edit(small, 'better', false);
      page(small, 'ann', { text: 'better', editedAt: 11 });
      page(small, 'ann', {});
    },
  },
];

/** What is missing, goes back, or says last what is not so. */
export const plantedLosses: readonly Planted[] = [...marks, ...copies, ...changes];
