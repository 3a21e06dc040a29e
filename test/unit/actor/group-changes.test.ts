import { describe, expect, test } from 'vitest';
import type { Cell } from '../../../src/row/cell.ts';
import type { RowCopy } from '../../../src/row/row-snapshot.ts';
import { FeedListener } from '../../support/feed-listener.ts';
import { GroupRig } from '../../support/group-rig.ts';
import { allChanges } from '../../support/mailbox-audit.ts';

const trio = ['ann', 'bob', 'cat'] as const;
const refused = (kind: string): { readonly kind: string } => ({ kind });

describe('edits and deletions in a group', () => {
  test('G1, G7: one commit changes it for everybody, the snippets and the feeds', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.say('ann', groupId, 'first');
    await rig.say('ann', groupId, 'helo');
    await rig.settle();
    const { editedAt } = await rig.edit('ann', groupId, 2, 'hello');
    expect(await rig.texts('bob', groupId)).toEqual(['first', 'hello']);
    await rig.settle();
    const before = await rig.entry('cat', groupId);
    expect(before).toMatchObject({ snippet: 'hello', lastSeq: 2, unread: 2 });
    const { deletedAt } = await rig.remove('ann', groupId, 1);
    await rig.settle();
    const params = { conversationId: groupId, limit: 9 };
    const page = await rig.time.drive(rig.group(groupId).messages('cat', params, rig.deadline()));
    expect(page.messages[0]).toMatchObject({ text: 'hello', editedAt });
    expect(page.messages[1]).toMatchObject({ text: '', deletedAt });
    // Whatever was first, and was changed: the feed shows what has become of it.
    for (const userId of trio) {
      expect(await rig.feed(userId)).toEqual(['=Group', '', 'hello', '~hello', '~']);
    }
    const after = await rig.entry('cat', groupId);
    expect(after).toMatchObject({ snippet: 'hello', unread: 2 });
    expect(after?.updatedAt).toBeGreaterThan(before?.updatedAt ?? 0);
    await rig.remove('ann', groupId, 2);
    await rig.settle();
    expect(await rig.entry('bob', groupId)).toMatchObject({ snippet: '', lastFrom: 'ann', unread: 2 });
  });

  test('G2: an id has one effect, also after a crash; another change under it is a conflict', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.say('ann', groupId, 'a');
    const messageId = rig.messageId('ann');
    const first = await rig.edit('ann', groupId, 1, 'b', messageId);
    await rig.edit('ann', groupId, 1, 'c');
    await rig.settle(5_000);
    expect(await rig.edit('ann', groupId, 1, 'b', messageId)).toEqual(first);
    rig.restart();
    expect(await rig.edit('ann', groupId, 1, 'b', messageId)).toEqual(first);
    expect(await rig.texts('bob', groupId)).toEqual(['c']);
    await expect(rig.edit('ann', groupId, 1, 'x', messageId)).rejects.toMatchObject(refused('conflict'));
    await expect(rig.remove('ann', groupId, 1, messageId)).rejects.toMatchObject(refused('conflict'));
    const old = `${rig.time.wallMs() - 90_000_000}.ann.d1`;
    await expect(rig.edit('ann', groupId, 1, 'x', old)).rejects.toMatchObject(refused('stale_message_id'));
  });

  test('a deletion wins, and is there once', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.say('ann', groupId, 'a');
    const { deletedAt } = await rig.remove('ann', groupId, 1);
    await rig.settle(5_000);
    expect(await rig.remove('ann', groupId, 1)).toEqual({ seq: 1, deletedAt });
    await expect(rig.edit('ann', groupId, 1, 'b')).rejects.toMatchObject(refused('not_found'));
    await rig.settle();
    expect(await rig.feed('bob')).toEqual(['=Group', '', '~']);
  });

  test('a text that was deleted is not left in what the feed tells of the group', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.say('ann', groupId, 'a secret');
    await rig.settle();
    const name = { conversationId: groupId, name: 'New' };
    await rig.time.drive(rig.group(groupId).rename('ann', name, rig.deadline()));
    await rig.settle();
    const told = async () => {
      const changes = await rig.time.drive(allChanges(rig.mailbox('bob'), '0', 9, rig.deadline()));
      const change = changes?.findLast(({ kind }) => kind === 'conversation');
      return change?.kind === 'conversation' ? change.conversation : undefined;
    };
    expect(await told()).toMatchObject({ name: 'New', lastSeq: 1, snippet: 'a secret' });
    await rig.remove('ann', groupId, 1);
    await rig.settle();
    expect(await told()).toMatchObject({ name: 'New', lastSeq: 1, snippet: '', lastFrom: 'ann' });
    const { cells = [] } = rig.node.registry.mailbox('bob').snapshot(1_000_000) ?? {};
    const row = Buffer.concat(cells.map(({ value }) => value));
    expect([row.includes('New'), row.includes('secret')]).toEqual([true, false]);
  });

  test('only the author, a member, of a message that is there and shown; with a text', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.users('eve');
    await rig.say('ann', groupId, 'a');
    await expect(rig.edit('bob', groupId, 1, 'x')).rejects.toMatchObject(refused('forbidden'));
    await expect(rig.remove('bob', groupId, 1)).rejects.toMatchObject(refused('forbidden'));
    await expect(rig.edit('eve', groupId, 1, 'x')).rejects.toMatchObject(refused('not_found'));
    await expect(rig.edit('ann', groupId, 2, 'x')).rejects.toMatchObject(refused('not_found'));
    await expect(rig.edit('ann', groupId, 1, '')).rejects.toMatchObject(refused('invalid_params'));
    await expect(rig.edit('ann', 'grp:none', 1, 'x')).rejects.toMatchObject(refused('not_found'));
    expect(await rig.texts('ann', groupId)).toEqual(['a']);
  });

  test('who sees only what came after joining is shown no change of what was before', async () => {
    const rig = new GroupRig();
    await rig.users('ann', 'bob', 'cat');
    const groupId = await rig.made('ann', ['bob'], { history: 'sinceJoin' });
    for (const text of ['a', 'b']) await rig.say('bob', groupId, text);
    const add = { conversationId: groupId, members: ['cat'] };
    await rig.time.drive(rig.group(groupId).add('ann', add, rig.deadline()));
    const listener = new FeedListener('0', { mailbox: rig.mailbox('cat'), time: rig.time, limit: 2 });
    await rig.say('bob', groupId, 'c');
    await rig.settle();
    await rig.edit('bob', groupId, 2, 'B');
    await rig.edit('bob', groupId, 3, 'C');
    await rig.settle();
    expect(await rig.feed('cat')).toEqual(['=Group', 'C', '~C']);
    expect(listener.changes.map((change) => 'message' in change && change.message.text)).toContain('C');
    expect(listener.changes.some((change) => 'message' in change && change.message.text === 'B')).toBe(false);
    // An author who came back does not see it either.
    for (const call of ['remove', 'add'] as const) {
      const params = { conversationId: groupId, members: ['bob'] };
      await rig.time.drive(rig.group(groupId)[call]('ann', params, rig.deadline()));
    }
    await expect(rig.edit('bob', groupId, 2, 'x')).rejects.toMatchObject(refused('not_found'));
  });
});

describe('what members are told of changes', () => {
  test('G8: what is pushed is what is read later, and a burst on one message comes as its last state', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    for (const text of ['a', 'b', 'c']) await rig.say('ann', groupId, text);
    await rig.settle();
    const listener = new FeedListener('0', { mailbox: rig.mailbox('cat'), time: rig.time, limit: 2 });
    await rig.settle();
    const deadline = rig.deadline();
    const edits = Array.from({ length: 20 }, (_, index) => {
      const params = { conversationId: groupId, seq: 1 + (index % 2), text: `e${index}` };
      return rig.group(groupId).edit('ann', { ...params, messageId: rig.messageId('ann') }, deadline);
    });
    await rig.time.drive(Promise.all(edits));
    await rig.settle();
    const read = await rig.time.drive(allChanges(rig.mailbox('cat'), '0', 7, rig.deadline()));
    expect(listener.changes.map(({ cursor }) => cursor)).toEqual(read?.map(({ cursor }) => cursor));
    expect(listener.changes.slice(-2)).toEqual(read?.slice(-2));
    expect(listener.changes.slice(-2)).toMatchObject([
      { message: { text: 'e18' } },
      { message: { text: 'e19' } },
    ]);
    expect(read).toHaveLength(6);
  });

  test('G5: all of it comes after a crash between the commit of the group and the members', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    for (let index = 0; index < 250; index++) await rig.say('ann', groupId, `m${index}`);
    await rig.settle(30_000);
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId !== groupId ? { kind: 'unavailable' } : undefined;
    // More than one bulletin has, and more than is read with the row.
    for (let seq = 1; seq <= 230; seq++) await rig.edit('ann', groupId, seq, `e${seq}`);
    await rig.remove('ann', groupId, 7);
    rig.faultOf = () => undefined;
    rig.restart().sweeper.start();
    await rig.settle(30_000);
    for (const userId of trio) {
      const changes = (await rig.feed(userId, 500)).filter((change) => change.startsWith('~'));
      expect(new Set(changes).size).toBe(230);
      expect(changes).toHaveLength(230);
      expect(changes.at(-1)).toBe('~');
    }
    await rig.settle(30_000);
    expect(rig.group(groupId).state).toMatchObject({ mark: undefined, confirmed: { seq: 250, op: 231 } });
    expect(rig.alarms).toEqual([]);
  });

  test('G10: changes that cannot be told have a limit, and a member that fails does not hold up the others', async () => {
    const [rig, groupId] = await GroupRig.with([...trio, 'dan'], { groupLimits: { pendingMax: 3 } });
    await rig.say('ann', groupId, 'a');
    await rig.settle();
    const failing = new Set<string | undefined>(['cat']);
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && failing.has(entityId) ? { kind: 'unavailable' } : undefined;
    for (let index = 0; index < 8; index++) {
      await rig.edit('ann', groupId, 1, `e${index}`);
      await rig.settle(20_000);
      expect(await rig.entry('dan', groupId)).toMatchObject({ snippet: `e${index}` });
    }
    for (const userId of ['ann', 'bob', 'dan']) failing.add(userId);
    for (let index = 0; index < 3; index++) await rig.edit('ann', groupId, 1, `f${index}`);
    await expect(rig.edit('ann', groupId, 1, 'x')).rejects.toMatchObject(refused('overloaded'));
    failing.clear();
    await rig.settle(60_000);
    await rig.edit('ann', groupId, 1, 'last');
    await rig.settle();
    for (const userId of [...trio, 'dan']) {
      expect(await rig.entry(userId, groupId)).toMatchObject({ snippet: 'last' });
    }
  });

  test('a change of a message that is no longer in memory, and a group that has moved', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    for (let index = 0; index < 300; index++) await rig.say('ann', groupId, `m${index}`);
    await rig.settle();
    rig.restart();
    await rig.edit('ann', groupId, 1, 'changed');
    await rig.settle();
    const params = { conversationId: groupId, limit: 1, after: 0 };
    const page = await rig.time.drive(rig.group(groupId).messages('bob', params, rig.deadline()));
    expect(page.messages).toMatchObject([{ seq: 1, text: 'changed' }]);
    expect((await rig.feed('bob', 500)).at(-1)).toBe('~changed');
  });
});

test('G3: a group that moves takes changes of messages that its copy left behind', async () => {
  const copies = new Map<string, RowCopy>();
  const rig = new GroupRig({
    copies,
    committed: (entityId, version, cells) => {
      const copy = copies.get(entityId);
      if (copy === undefined) return;
      const isKept = ({ family, qualifier }: Cell): boolean =>
        !cells.some((cell) => cell.family === family && cell.qualifier.equals(qualifier));
      copies.set(entityId, { ...copy, version, cells: [...copy.cells.filter(isKept), ...cells] });
    },
  });
  await rig.users(...trio);
  const groupId = await rig.made('ann', ['bob', 'cat']);
  for (const text of ['a', 'b', 'c']) await rig.say('ann', groupId, text + 'x'.repeat(500));
  await rig.settle(30_000);
  const copy = rig.group(groupId).snapshot(1_500);
  expect(copy?.cells.filter(({ family }) => family === 'm')).toHaveLength(1);
  if (copy === undefined) return;
  copies.set(groupId, copy);
  const other = rig.startNode();
  expect(await rig.edit('ann', groupId, 1, 'A')).toBeDefined();
  await rig.time.drive(rig.group(groupId, other).revive());
  expect(other.tally.revivals).toBe(1);
  const params = { conversationId: groupId, limit: 9 };
  const page = await rig.time.drive(rig.group(groupId, other).messages('cat', params, rig.deadline()));
  expect(page.messages.map(({ text }) => text.slice(0, 1))).toEqual(['c', 'b', 'A']);
});
