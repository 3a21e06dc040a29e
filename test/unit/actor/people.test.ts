import { describe, expect, test } from 'vitest';
import type { CallName, ParamsOf, ResultOf } from '../../../src/mailbox/mailbox-calls.ts';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import { allChanges } from '../../support/mailbox-audit.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');

async function rigWithUsers(): Promise<MailboxRig> {
  const rig = new MailboxRig();
  await rig.users('ann', 'bob', 'cat');
  return rig;
}

function call<Name extends CallName>(
  rig: MailboxRig,
  userId: string,
  name: Name,
  params: ParamsOf<Name>,
): Promise<ResultOf<Name>> {
  return rig.time.drive(rig.mailbox(userId).call(name, params, rig.deadline()));
}

const kindOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error as { kind: string }).kind,
  );

async function entryOf(rig: MailboxRig, userId: string) {
  const { conversations } = await call(rig, userId, 'getConversations', { limit: 9, offset: 0 });
  return conversations.find((entry) => entry.conversationId === conversationId);
}

async function receiptsOf(rig: MailboxRig, userId: string): Promise<number[]> {
  const changes = await rig.time.drive(allChanges(rig.mailbox(userId), '0', 50, rig.deadline()));
  return (changes ?? []).flatMap((change) => (change.kind === 'receipt' ? [change.readSeq] : []));
}

const page = { limit: 10, offset: 0 };

describe('contacts', () => {
  test('are kept, listed and told to the other devices, once for each change', async () => {
    const rig = await rigWithUsers();
    for (const userId of ['cat', 'bob', 'bob'])
      await call(rig, 'ann', 'addContact', { userId, name: userId });
    await call(rig, 'ann', 'removeContact', { userId: 'cat' });
    await call(rig, 'ann', 'removeContact', { userId: 'dan' });
    const bob = { userId: 'bob', name: 'bob' };
    for (const _ of ['before', 'after a restart']) {
      expect(await call(rig, 'ann', 'getContacts', page)).toEqual({ contacts: [bob], hasMore: false });
      const changes = await rig.time.drive(allChanges(rig.mailbox('ann'), '0', 50, rig.deadline()));
      expect(changes).toMatchObject([
        { kind: 'contact', userId: 'cat' },
        { kind: 'contact', userId: 'bob' },
        { kind: 'contact', userId: 'cat', removed: true },
      ]);
      rig.restart();
    }
    await call(rig, 'ann', 'addContact', { userId: 'cat', name: 'cat' });
    const first = { limit: 1, offset: 0 };
    expect(await call(rig, 'ann', 'getContacts', first)).toEqual({ contacts: [bob], hasMore: true });
  });
});

describe('blocks', () => {
  test('a blocked sender is refused in the words for anybody who is not taken; copies are not', async () => {
    const rig = await rigWithUsers();
    const kept = await rig.sent('ann', 'bob', 'before');
    await call(rig, 'bob', 'blockUser', { userId: 'ann' });
    expect(await kindOf(rig.sent('ann', 'bob', 'during'))).toBe('forbidden');
    // A repeat gets its first answer, and the blocker's own messages go out and are copied.
    const again = await rig.sent('ann', 'bob', 'before', { messageId: kept.messageId });
    expect(again).toEqual({ ...kept, duplicate: true });
    await rig.sent('bob', 'ann', 'from bob');
    await rig.time.run(1_000);
    const messages = await call(rig, 'bob', 'getMessages', { conversationId, limit: 9 });
    expect(messages.messages.map(({ text }) => text)).toEqual(['from bob', 'before']);
    rig.restart();
    expect(await kindOf(rig.sent('ann', 'bob', 'still'))).toBe('forbidden');
    expect(await call(rig, 'bob', 'getBlocked', page)).toMatchObject({ users: [{ userId: 'ann' }] });
    await call(rig, 'bob', 'unblockUser', { userId: 'ann' });
    expect(await kindOf(rig.sent('ann', 'bob', 'after'))).toBe('done');
    expect(await call(rig, 'bob', 'getBlocked', page)).toEqual({ users: [], hasMore: false });
  });

  test('listeners on the feed are told of them, also where there are changes in the same commit', async () => {
    const rig = await rigWithUsers();
    await rig.sent('ann', 'bob', 'one');
    await rig.time.run(60_000);
    const heard: string[] = [];
    rig.node.registry.subscribe('bob', ({ changes, hasUnlisted }) => {
      heard.push(`${changes.map(({ kind }) => kind).join()}${hasUnlisted ? ' and more' : ''}`);
    });
    const contact = call(rig, 'bob', 'addContact', { userId: 'cat' });
    const block = call(rig, 'bob', 'blockUser', { userId: 'dan' });
    await Promise.all([contact, block]);
    const { seq } = await rig.sent('ann', 'bob', 'two');
    await call(rig, 'bob', 'markRead', { conversationId, seq });
    expect(heard).toEqual(['contact and more', 'message', 'read']);
  });

  test('a stranger who is blocked opens no conversation', async () => {
    const rig = await rigWithUsers();
    await call(rig, 'bob', 'blockUser', { userId: 'ann' });
    expect(await kindOf(rig.sent('ann', 'bob', 'hello'))).toBe('forbidden');
    expect(await entryOf(rig, 'bob')).toBeUndefined();
    await rig.sent('bob', 'ann', 'i begin');
    await rig.time.run(1_000);
    expect(await kindOf(rig.sent('ann', 'bob', 'hello again'))).toBe('forbidden');
  });

  test('deletions pass, edits do not', async () => {
    const rig = await rigWithUsers();
    const { seq } = await rig.sent('ann', 'bob', 'secret');
    await rig.time.run(1_000);
    await call(rig, 'bob', 'blockUser', { userId: 'ann' });
    const id = (name: string): string => `${rig.time.wallMs()}.ann.d1.${name}`;
    const edit = { conversationId, seq, text: 'new', messageId: id('e') };
    expect(await kindOf(call(rig, 'ann', 'editMessage', edit))).toBe('forbidden');
    const deletion = { conversationId, seq, messageId: id('d') };
    expect(await kindOf(call(rig, 'ann', 'deleteMessage', deletion))).toBe('done');
    expect(await entryOf(rig, 'bob')).toMatchObject({ snippet: '' });
  });

  test.each(['in memory', 'after restarts'])(
    'receipts between the two stop, and are exact when the block ends, %s',
    async (where) => {
      const rig = await rigWithUsers();
      const pause = async (): Promise<void> => {
        await rig.time.run(40_000);
        if (where === 'after restarts') rig.restart();
      };
      const { seq: a } = await rig.sent('ann', 'bob', 'to bob');
      const { seq: b } = await rig.sent('bob', 'ann', 'to ann');
      await pause();
      await call(rig, 'bob', 'blockUser', { userId: 'ann' });
      await call(rig, 'bob', 'markRead', { conversationId, seq: a });
      await call(rig, 'ann', 'markRead', { conversationId, seq: b });
      await pause();
      expect(await receiptsOf(rig, 'ann')).toEqual([]);
      expect(await receiptsOf(rig, 'bob')).toEqual([]);
      expect(await entryOf(rig, 'ann')).toMatchObject({ peerReadSeq: 0, readSeq: b });
      expect(await entryOf(rig, 'bob')).not.toHaveProperty('peerReadSeq');
      await pause();
      await call(rig, 'bob', 'unblockUser', { userId: 'ann' });
      await pause();
      expect(await receiptsOf(rig, 'ann')).toEqual([a]);
      expect(await receiptsOf(rig, 'bob')).toEqual([b]);
      expect(await entryOf(rig, 'ann')).toMatchObject({ peerReadSeq: a });
      expect(await entryOf(rig, 'bob')).toMatchObject({ peerReadSeq: b });
    },
  );
});

describe('names', () => {
  test('another name reaches the lists of those with a conversation, without a message', async () => {
    const rig = await rigWithUsers();
    await rig.sent('ann', 'bob', 'hello');
    await rig.time.run(5_000);
    expect(await entryOf(rig, 'bob')).toMatchObject({ name: 'ANN' });
    const { serverTime } = await call(rig, 'bob', 'getConversations', page);
    await rig.time.run(1_000);
    expect(await call(rig, 'ann', 'updateProfile', { name: 'Anna' })).toEqual({
      ...{ userId: 'ann', name: 'Anna', createdAt: 1 },
    });
    await rig.time.run(1_000);
    expect(await entryOf(rig, 'bob')).toMatchObject({ name: 'Anna' });
    const later = await call(rig, 'bob', 'getConversations', { ...page, since: serverTime + 1 });
    expect(later.conversations).toMatchObject([{ name: 'Anna' }]);
    expect(await call(rig, 'ann', 'getProfile', null)).toMatchObject({ name: 'Anna' });
    expect(await kindOf(call(rig, 'nobody', 'getProfile', null))).toBe('not_found');
  });

  test('whoever is blocked changes nothing of what the blocker sees, not even by another name', async () => {
    const rig = await rigWithUsers();
    await rig.sent('bob', 'ann', 'hi');
    await rig.time.run(5_000);
    await call(rig, 'ann', 'blockUser', { userId: 'bob' });
    const before = await entryOf(rig, 'ann');
    await call(rig, 'bob', 'updateProfile', { name: 'Read me' });
    await rig.time.run(5_000);
    expect(await kindOf(rig.sent('bob', 'ann', 'still here'))).toBe('forbidden');
    expect(await entryOf(rig, 'ann')).toEqual(before);
    await call(rig, 'ann', 'unblockUser', { userId: 'bob' });
    await rig.sent('bob', 'ann', 'again');
    expect(await entryOf(rig, 'ann')).toMatchObject({ name: 'Read me' });
  });
});
