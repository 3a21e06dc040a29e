import type { CallName } from '../../src/protocol/call-list.ts';
import type { ErrorKind } from '../../src/protocol/protocol-error.ts';
import { deviceId, membersMax } from '../support/protocol-stand.ts';
import type { ProtocolStand } from '../support/protocol-stand.ts';
import type { Json } from '../support/wire-client.ts';

/** One call of ann's and what comes of it, in every transport. */
export interface ProtocolCase {
  readonly call: CallName;
  readonly outcome: 'good' | ErrorKind;
  /** Which of several with the same outcome. */
  readonly name: string;
  readonly params: (stand: ProtocolStand) => object | Promise<object>;
  /** The result has to match it, where it is a good one. */
  readonly expected?: (stand: ProtocolStand, params: Json) => object;
}

type Rest = Partial<Pick<ProtocolCase, 'name' | 'expected'>>;
const row = (
  call: CallName,
  outcome: ProtocolCase['outcome'],
  params: ProtocolCase['params'],
  { name = '', expected }: Rest = {},
): ProtocolCase => ({ call, outcome, name, params, ...(expected !== undefined && { expected }) });

const hourMs = 3_600_000;
const tooOld = (stand: ProtocolStand): string => stand.id(stand.ann, Date.now() - 25 * hourMs);
const tooLong = 'x'.repeat(8_193);
const tooMany = Array.from({ length: membersMax + 1 }, (_, index) => `nobody-${index}`);
const notThere = (stand: ProtocolStand): object => ({ conversationId: `dm:${stand.ann.userId}:zzz` });
const foreign = (stand: ProtocolStand): { conversationId: string } => ({
  conversationId: stand.foreignGroup,
});

const messages: readonly ProtocolCase[] = [
  row('sendMessage', 'good', (stand) => ({ to: stand.bob.userId, text: 'new', messageId: stand.id() }), {
    expected: (stand) => ({ conversationId: stand.dm, duplicate: false }),
  }),
  row(
    'sendMessage',
    'good',
    (stand) => stand.sent().then(({ seq: _, ...again }) => ({ to: stand.bob.userId, ...again })),
    {
      name: 'again',
      expected: () => ({ duplicate: true }),
    },
  ),
  row(
    'sendMessage',
    'good',
    async (stand) => ({
      ...{ conversationId: stand.dm, text: '', messageId: stand.id(), replyTo: stand.bobSeq },
      after: (await stand.sent()).messageId,
      mediaRef: { ref: 'https://media.example/1', type: 'image/png', size: 5 },
    }),
    { name: 'with mediaRef, replyTo and after' },
  ),
  row(
    'sendMessage',
    'good',
    (stand) => ({ conversationId: stand.bobsGroup, text: 'to all', messageId: stand.id() }),
    { name: 'into a group' },
  ),
  row('sendMessage', 'forbidden', (stand) => ({ to: stand.dave.userId, text: 'hi', messageId: stand.id() }), {
    name: 'to one who has blocked',
  }),
  row('sendMessage', 'not_found', (stand) => ({ to: 'nobody', text: 'hi', messageId: stand.id() })),
  row('sendMessage', 'not_found', (stand) => ({ ...foreign(stand), text: 'hi', messageId: stand.id() }), {
    name: 'into the group of others',
  }),
  row('sendMessage', 'conflict', async (stand) => {
    const { messageId } = await stand.sent();
    return { to: stand.bob.userId, text: 'something else', messageId };
  }),
  row('sendMessage', 'too_large', (stand) => ({
    to: stand.bob.userId,
    text: tooLong,
    messageId: stand.id(),
  })),
  row('sendMessage', 'stale_message_id', (stand) => ({
    ...{ to: stand.bob.userId, text: 'hi', messageId: tooOld(stand) },
  })),
  row('sendMessage', 'out_of_order', (stand) => ({
    ...{ to: stand.bob.userId, text: 'hi', messageId: stand.id(), after: stand.id() },
  })),

  row('getMessages', 'good', (stand) => ({ conversationId: stand.dm, before: stand.annSeq + 1, limit: 1 }), {
    expected: (stand) => ({ messages: [{ seq: stand.annSeq, from: stand.ann.userId, text: 'hello' }] }),
  }),
  row('getMessages', 'good', (stand) => ({ conversationId: stand.bobsGroup, after: 0 }), {
    name: 'of a group',
  }),
  row('getMessages', 'not_found', notThere),
  row('getMessages', 'not_found', foreign, { name: 'of the group of others' }),

  row(
    'editMessage',
    'good',
    async (stand) => {
      const { seq } = await stand.sent();
      return { conversationId: stand.dm, seq, text: 'changed', messageId: stand.id() };
    },
    { expected: (_stand, { seq }) => ({ seq }) },
  ),
  row('editMessage', 'forbidden', (stand) => ({
    ...{ conversationId: stand.dm, seq: stand.bobSeq, text: 'changed', messageId: stand.id() },
  })),
  row('editMessage', 'not_found', (stand) => ({
    ...{ conversationId: stand.dm, seq: 1_000_000, text: 'changed', messageId: stand.id() },
  })),
  row('editMessage', 'conflict', async (stand) => {
    const params = { conversationId: stand.dm, seq: stand.annSeq, messageId: stand.id() };
    await stand.result(stand.ann, 'editMessage', { ...params, text: 'hello' });
    return { ...params, text: 'something else' };
  }),
  row('editMessage', 'too_large', (stand) => ({
    ...{ conversationId: stand.dm, seq: stand.annSeq, text: tooLong, messageId: stand.id() },
  })),
  row('editMessage', 'stale_message_id', (stand) => ({
    ...{ conversationId: stand.dm, seq: stand.annSeq, text: 'hello', messageId: tooOld(stand) },
  })),

  row(
    'deleteMessage',
    'good',
    async (stand) => {
      const { seq } = await stand.sent();
      return { conversationId: stand.dm, seq, messageId: stand.id() };
    },
    { expected: (_stand, { seq }) => ({ seq }) },
  ),
  row('deleteMessage', 'forbidden', (stand) => ({
    ...{ conversationId: stand.dm, seq: stand.bobSeq, messageId: stand.id() },
  })),
  row('deleteMessage', 'not_found', (stand) => ({
    ...{ conversationId: stand.dm, seq: 1_000_000, messageId: stand.id() },
  })),
  row('deleteMessage', 'conflict', async (stand) => {
    const params = { conversationId: stand.dm, messageId: stand.id() };
    await stand.result(stand.ann, 'deleteMessage', { ...params, seq: (await stand.sent()).seq });
    return { ...params, seq: (await stand.sent()).seq };
  }),
  row('deleteMessage', 'stale_message_id', (stand) => ({
    ...{ conversationId: stand.dm, seq: stand.annSeq, messageId: tooOld(stand) },
  })),
];

const lists: readonly ProtocolCase[] = [
  row('getConversations', 'good', () => ({ limit: 100 })),
  row('getChanges', 'good', () => ({})),
  row(
    'getChanges',
    'good',
    async (stand) => {
      const { cursor } = await stand.result(stand.ann, 'getChanges', {});
      await stand.sent();
      return { since: cursor };
    },
    { name: 'since a cursor' },
  ),
  row('getChanges', 'good', () => ({ since: 'never-was' }), {
    name: 'since what never was',
    expected: () => ({ reset: true }),
  }),
  row('markDelivered', 'good', (stand) => ({ conversationId: stand.dm, seq: stand.bobSeq })),
  row('markDelivered', 'not_found', (stand) => ({ ...notThere(stand), seq: 1 })),
  row('markRead', 'good', (stand) => ({ conversationId: stand.dm, seq: stand.bobSeq }), {
    expected: () => ({ unread: 0 }),
  }),
  row('markRead', 'not_found', (stand) => ({ ...notThere(stand), seq: 1 })),
];

const groups: readonly ProtocolCase[] = [
  row('createGroup', 'good', (stand) => ({
    name: 'New',
    members: [stand.bob.userId],
    requestId: stand.id(),
  })),
  row('createGroup', 'forbidden', (stand) => ({
    name: 'New',
    members: [stand.fullId],
    requestId: stand.id(),
  })),
  row('createGroup', 'not_found', (stand) => ({ name: 'New', members: ['nobody'], requestId: stand.id() })),
  row('createGroup', 'too_large', (stand) => ({ name: 'New', members: tooMany, requestId: stand.id() })),

  row(
    'addMembers',
    'good',
    async (stand) => ({
      conversationId: await stand.group(stand.ann, []),
      members: [stand.bob.userId],
    }),
    { expected: () => ({ members: 2 }) },
  ),
  row('addMembers', 'forbidden', (stand) => ({
    ...{ conversationId: stand.bobsGroup, members: [stand.dave.userId] },
  })),
  row('addMembers', 'not_found', (stand) => ({ ...foreign(stand), members: [stand.ann.userId] })),
  row('addMembers', 'too_large', async (stand) => ({
    conversationId: await stand.group(stand.ann, []),
    members: tooMany,
  })),

  row(
    'removeMembers',
    'good',
    async (stand) => ({
      conversationId: await stand.group(stand.ann, [stand.bob]),
      members: [stand.bob.userId],
    }),
    { expected: () => ({ members: 1 }) },
  ),
  row('removeMembers', 'forbidden', (stand) => ({
    ...{ conversationId: stand.bobsGroup, members: [stand.dave.userId] },
  })),
  row('removeMembers', 'not_found', (stand) => ({ ...foreign(stand), members: [stand.dave.userId] })),

  row('leaveGroup', 'good', async (stand) => ({ conversationId: await stand.group(stand.ann, [stand.bob]) })),
  row('leaveGroup', 'not_found', foreign),

  row('renameGroup', 'good', async (stand) => ({
    conversationId: await stand.group(stand.ann, [stand.bob]),
    name: 'Renamed',
  })),
  row('renameGroup', 'forbidden', (stand) => ({ conversationId: stand.bobsGroup, name: 'Mine' })),
  row('renameGroup', 'not_found', (stand) => ({ ...foreign(stand), name: 'Mine' })),

  row('setRole', 'good', async (stand) => ({
    conversationId: await stand.group(stand.ann, [stand.bob]),
    ...{ userId: stand.bob.userId, role: 'admin' },
  })),
  row('setRole', 'forbidden', (stand) => ({
    ...{ conversationId: stand.bobsGroup, userId: stand.ann.userId, role: 'owner' },
  })),
  row('setRole', 'not_found', (stand) => ({ ...foreign(stand), userId: stand.ann.userId, role: 'owner' })),

  row('getMembers', 'good', (stand) => ({ conversationId: stand.bobsGroup }), {
    expected: (stand) => ({ members: [{ userId: stand.bob.userId, role: 'owner' }, {}, {}], hasMore: false }),
  }),
  row('getMembers', 'not_found', foreign),
];

const people: readonly ProtocolCase[] = [
  row('getProfile', 'good', (stand) => ({ userId: stand.bob.userId }), {
    expected: (stand) => ({ userId: stand.bob.userId }),
  }),
  row('getProfile', 'not_found', () => ({ userId: 'nobody' })),
  row('updateProfile', 'good', () => ({ name: 'Anna' }), { expected: () => ({ name: 'Anna' }) }),
  row('addContact', 'good', (stand) => ({ userId: stand.bob.userId })),
  row('addContact', 'not_found', () => ({ userId: 'nobody' })),
  row('getContacts', 'good', () => ({}), {
    expected: (stand) => ({ contacts: [{ userId: stand.bob.userId }], hasMore: false }),
  }),
  row('removeContact', 'good', (stand) => ({ userId: stand.bob.userId })),
  row('blockUser', 'good', (stand) => ({ userId: stand.dave.userId })),
  row('blockUser', 'not_found', () => ({ userId: 'nobody' })),
  row('getBlocked', 'good', () => ({}), {
    expected: (stand) => ({ users: [{ userId: stand.dave.userId }] }),
  }),
  row('unblockUser', 'good', (stand) => ({ userId: stand.dave.userId })),
  row('typing', 'good', (stand) => ({ conversationId: stand.dm, on: true })),
  row('typing', 'good', (stand) => ({ conversationId: stand.bobsGroup, on: true }), { name: 'in a group' }),
  row('typing', 'not_found', () => ({ conversationId: 'dm:x:y', on: true })),
  row('typing', 'not_found', (stand) => ({ ...foreign(stand), on: true }), {
    name: 'in the group of others',
  }),
  row('watchPresence', 'good', (stand) => ({ userIds: [stand.bob.userId, 'nobody'] }), {
    expected: (stand) => ({
      presence: [{ userId: stand.bob.userId }, { userId: 'nobody', online: false, lastSeen: 0 }],
    }),
  }),
  row('getDevices', 'good', () => ({}), {
    expected: () => ({ devices: [{ deviceId }] }),
  }),
  row('renameDevice', 'good', () => ({ deviceId, name: 'Phone' })),
  row('renameDevice', 'not_found', () => ({ deviceId: 'never-was', name: 'Phone' })),
  row('logOutDevice', 'good', () => ({ deviceId: 'never-was' })),
  row('revokeTokens', 'good', () => ({ before: 1 })),
];

/**
 * Every call of the protocol: the good case and each error of its own. What any call may fail with is tried with all
 * of them beside this. In this order, one after the other.
 */
export const protocolCases: readonly ProtocolCase[] = [...messages, ...lists, ...groups, ...people];
