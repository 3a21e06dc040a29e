import type { Planted } from './planted-violations.ts';
import {
  done,
  edit,
  found,
  group,
  refusal,
  sendToGroup,
  unavailable,
  viewsInGroup,
  viewsWithoutBob,
} from './planting-steps.ts';
import { chat } from './small-history.ts';

const refusals: readonly Planted[] = [
  {
    what: 'a mark cannot be set when all is well again',
    rule: 'G4',
    plant: (small) => {
      small.call('markRead', 'bob', { conversationId: chat, seq: 1 }, unavailable);
      small.history.stuck.push('bob');
    },
  },
  ...[
    refusal('not_found'),
    refusal('stale_message_id'),
    refusal('undefined'),
    refusal('unavailable'),
    refusal('forbidden', true),
  ].map((outcome): Planted => ({
    what: `a message is refused as ${outcome.error}`,
    rule: 'refusals',
    plant: (small) =>
      small.call(
        'sendMessage',
        'ann',
        { conversationId: chat, text: 'text of m3', messageId: 'm3' },
        outcome,
      ),
  })),
  {
    what: 'a conversation with messages is not found',
    rule: 'refusals',
    plant: (small) =>
      small.call('getMessages', 'bob', { conversationId: chat, limit: 5 }, refusal('not_found')),
  },
  {
    what: 'who made a group may not name it',
    rule: 'refusals',
    plant: (small) => {
      found(small);
      small.call('renameGroup', 'ann', { conversationId: group, name: 'y' }, refusal('forbidden'));
    },
    views: (small) => viewsInGroup(small, [], 0),
  },
];

const others: readonly Planted[] = [
  {
    what: 'a repeat is new though the first one was acknowledged as a repeat',
    rule: 'G2',
    plant: (small) => {
      small.acknowledge('ann', 'm3', 3, { duplicate: true });
      small.send('ann', 'm3', 3);
    },
  },
  {
    what: 'a message is answered as another one',
    rule: 'G2',
    plant: (small) => {
      const call = small.acknowledge('ann', 'm3', 3);
      if (call.outcome.kind === 'ok')
        call.outcome = { kind: 'ok', result: { ...call.outcome.result, messageId: 'm4' } };
      small.arrive('ann', 'm3', 3);
    },
  },
  {
    what: 'a message that was repeated later overtook another one of its connection',
    rule: 'G3',
    plant: (small) => {
      const first = small.acknowledge('ann', 'm4', 4);
      const second = small.acknowledge('ann', 'm3', 3);
      first.endMs = second.endMs;
      small.arrive('ann', 'm4', 4);
      small.arrive('ann', 'm3', 3);
      small.acknowledge('ann', 'm4', 4, { duplicate: true });
    },
  },
  {
    what: 'a group leaves out a seq',
    rule: 'G3',
    plant: found,
    views: (small) => viewsInGroup(small, [sendToGroup(small, 'ann', 2)], 1),
  },
  {
    what: 'unread is wrong in a group for who was in it when added once more',
    rule: 'G9',
    plant: (small) => {
      found(small);
      small.call(
        'addMembers',
        'ann',
        { conversationId: group, members: ['bob'] },
        { kind: 'ok', result: { members: 2 } },
      );
    },
    views: (small) => viewsInGroup(small, [sendToGroup(small, 'ann', 1)], 0),
  },
  {
    what: 'who has gone is told what was written since',
    rule: 'members',
    plant: (small) => {
      found(small);
      small.call('leaveGroup', 'bob', { conversationId: group }, done);
      const message = sendToGroup(small, 'ann', 1);
      small.push('bob', { kind: 'message', message, cursor: small.nextCursor() });
    },
    views: viewsWithoutBob,
  },
  {
    what: 'who has gone writes',
    rule: 'members',
    plant: (small) => {
      found(small);
      small.call('leaveGroup', 'bob', { conversationId: group }, done);
      sendToGroup(small, 'bob', 1);
    },
    views: viewsWithoutBob,
  },
  {
    what: 'who has gone long after somebody tried to bring them in again has the group in the list',
    rule: 'members',
    plant: (small) => {
      found(small);
      const members = { conversationId: group, members: ['bob'] };
      small.call('addMembers', 'ann', members, { kind: 'unknown' }, { startMs: 1_000 });
      const late = { startMs: 100_000, endMs: 100_001 };
      small.call('leaveGroup', 'bob', { conversationId: group }, done, late);
    },
    views: (small) => viewsInGroup(small, [], 0),
  },
  {
    what: 'two members know a group by different names',
    rule: 'members',
    plant: found,
    views: (small) =>
      viewsInGroup(small, [], 0).map((view) => ({
        ...view,
        conversations: view.conversations.map((one) =>
          view.userId === 'ann' && one.type === 'group' ? { ...one, name: 'y' } : one,
        ),
      })),
  },
  {
    what: 'an edit is taken from who is blocked',
    rule: 'blocks',
    plant: (small) => {
      small.call('blockUser', 'bob', { userId: 'ann' }, done);
      edit(small, 'better');
    },
    views: (small) =>
      small.views().map((view) => ({ ...view, blocked: view.userId === 'bob' ? ['ann'] : [] })),
  },
  {
    what: 'nobody is told who is there',
    rule: 'presence',
    plant: (small) => {
      small.call('watchPresence', 'ann', { userIds: ['bob'] }, unavailable);
      const atMs = small.nowMs;
      const all = { present: new Set(['ann', 'bob']), connections: new Set([1]) };
      small.history.attendance = { sinceMs: atMs - 3, atMs, ...all };
    },
  },
  {
    what: 'typing always fails when all is well',
    rule: 'typing',
    plant: (small) => {
      small.call('typing', 'bob', { conversationId: chat, on: true }, unavailable);
      const atMs = small.nowMs;
      const all = { present: new Set(['ann', 'bob']), connections: new Set([1, 2]) };
      small.history.attendance = { sinceMs: atMs - 3, atMs, ...all };
    },
  },
];

/** What is refused, taken, or said to whom it should not be. */
export const plantedRefusals: readonly Planted[] = [...refusals, ...others];
