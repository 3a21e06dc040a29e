import { describe, expect, test } from 'vitest';
import { FeedListener } from '../../support/feed-listener.ts';
import { GroupRig } from '../../support/group-rig.ts';
import { allChanges } from '../../support/mailbox-audit.ts';

const trio = ['ann', 'bob', 'cat'] as const;

describe('sending to a group', () => {
  test('G1, G3: messages get contiguous seqs, and every member reads them all', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    const seqs: number[] = [];
    for (const [index, from] of [...trio, ...trio].entries())
      seqs.push((await rig.say(from, groupId, `m${index}`)).seq);
    expect(seqs).toEqual([1, 2, 3, 4, 5, 6]);
    for (const userId of trio) expect(await rig.texts(userId, groupId)).toHaveLength(6);
    await rig.settle();
    expect(await rig.entry('bob', groupId)).toMatchObject({
      ...{ type: 'group', name: 'Group', lastSeq: 6, snippet: 'm5', lastFrom: 'cat', unread: 4, readSeq: 0 },
    });
    expect(rig.alarms).toEqual([]);
  });

  test('G2: a repeat has the first answer, another content is a conflict, an old id is stale', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    const messageId = rig.messageId('ann');
    const first = await rig.say('ann', groupId, 'hello', { messageId });
    await rig.settle(5_000);
    expect(await rig.say('ann', groupId, 'hello', { messageId })).toEqual({ ...first, duplicate: true });
    await expect(rig.say('ann', groupId, 'other', { messageId })).rejects.toMatchObject({ kind: 'conflict' });
    rig.restart();
    expect(await rig.say('ann', groupId, 'hello', { messageId })).toEqual({ ...first, duplicate: true });
    const old = `${rig.time.wallMs() - 90_000_000}.ann.d1`;
    await expect(rig.say('ann', groupId, 'x', { messageId: old })).rejects.toMatchObject({
      kind: 'stale_message_id',
    });
  });

  test('G3: `after` has to be there already', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    const after = rig.messageId('ann');
    await expect(rig.say('ann', groupId, 'second', { after })).rejects.toMatchObject({
      kind: 'out_of_order',
    });
    await rig.say('ann', groupId, 'first', { messageId: after });
    expect(await rig.say('ann', groupId, 'second', { after })).toMatchObject({ seq: 2 });
  });

  test('whoever is no member, and any group that is not there, gets not_found', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob']);
    await rig.users('eve');
    for (const id of [groupId, 'grp:none']) {
      await expect(rig.say('eve', id, 'hi')).rejects.toMatchObject({ kind: 'not_found' });
      await expect(rig.texts('eve', id)).rejects.toMatchObject({ kind: 'not_found' });
      const mark = rig.mailbox('eve').call('markRead', { conversationId: id, seq: 1 }, rig.deadline());
      await expect(rig.time.drive(mark)).rejects.toMatchObject({ kind: 'not_found' });
    }
  });

  test('G10: a group whose members cannot be told takes no more than its limit, and goes on later', async () => {
    const [rig, groupId] = await GroupRig.with(trio, { groupLimits: { pendingMax: 3 } });
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId !== groupId ? { kind: 'unavailable' } : undefined;
    for (const text of ['a', 'b', 'c']) await rig.say('ann', groupId, text);
    await expect(rig.say('ann', groupId, 'd')).rejects.toMatchObject({ kind: 'overloaded' });
    rig.faultOf = () => undefined;
    await rig.settle(30_000);
    expect(await rig.say('ann', groupId, 'd')).toMatchObject({ seq: 4 });
    await rig.settle();
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 4, unread: 4 });
  });
});

describe('a member whose mailbox cannot be written', () => {
  test('G10: holds up neither the other members nor the sends, and catches up in the end', async () => {
    const [rig, groupId] = await GroupRig.with([...trio, 'dan'], { groupLimits: { pendingMax: 3 } });
    await rig.settle();
    let isAway = true;
    rig.faultOf = ({ kind, entityId }) =>
      isAway && kind === 'compareAndPut' && entityId === 'cat' ? { kind: 'unavailable' } : undefined;
    for (let index = 1; index <= 12; index++) {
      expect(await rig.say('ann', groupId, `m${index}`)).toMatchObject({ seq: index });
      await rig.settle(20_000);
      expect(await rig.entry('dan', groupId)).toMatchObject({ lastSeq: index, unread: index });
    }
    // The row says still that somebody lacks all of it.
    expect(rig.group(groupId).state).toMatchObject({ confirmed: { seq: 0 }, mark: { seq: 0 } });
    isAway = false;
    await rig.settle(60_000);
    await rig.say('cat', groupId, 'back');
    await rig.settle();
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 13, unread: 12 });
    expect(await rig.feed('cat')).toHaveLength(14);
    await rig.settle(60_000);
    expect(rig.group(groupId).isIdle).toBe(true);
    expect(rig.group(groupId).state).toMatchObject({ confirmed: { seq: 13 }, mark: undefined });
  });

  test('G9: who is told alone, and is the last one left, counts no message of its own as unread', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob']);
    await rig.settle();
    let isAway = true;
    rig.faultOf = ({ kind, entityId }) =>
      isAway && kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
    await rig.say('ann', groupId, 'to bob');
    await rig.settle(20_000);
    const params = { conversationId: groupId, members: ['bob'] };
    await rig.time.drive(rig.group(groupId).remove('ann', params, rig.deadline()));
    // The commit of this one says that bob knows; when the next event comes, nobody is left but ann.
    await rig.say('ann', groupId, 'to nobody');
    const alone = { conversationId: groupId, name: 'Alone' };
    await rig.time.drive(rig.group(groupId).rename('ann', alone, rig.deadline()));
    await rig.settle(60_000);
    isAway = false;
    rig.restart().sweeper.start();
    await rig.settle(60_000);
    expect(await rig.entry('ann', groupId)).toMatchObject({ lastSeq: 2, unread: 0, name: 'Alone' });
  });

  test('G5: who joined or left is told though another one cannot be', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.users('dan');
    await rig.settle();
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'cat' ? { kind: 'unavailable' } : undefined;
    await rig.say('ann', groupId, 'a');
    await rig.settle(20_000);
    const params = { conversationId: groupId, members: ['dan'] };
    await rig.time.drive(rig.group(groupId).add('ann', params, rig.deadline()));
    expect(await rig.entry('dan', groupId)).toMatchObject({ lastSeq: 1 });
    await rig.time.drive(rig.group(groupId).remove('ann', { ...params, members: ['cat'] }, rig.deadline()));
    rig.restart().sweeper.start();
    rig.faultOf = () => undefined;
    await rig.settle(60_000);
    expect(await rig.entry('cat', groupId)).toBeUndefined();
    expect(rig.group(groupId).state?.owed.size).toBe(0);
  });
});

describe('the feed of a member', () => {
  test('G8: has every message once, in order, whatever the size of a page', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    const sent: string[] = [];
    for (let index = 0; index < 9; index++) {
      sent.push(`m${index}`);
      await rig.say(index % 2 === 0 ? 'ann' : 'bob', groupId, `m${index}`);
    }
    await rig.settle();
    const read = { conversationId: groupId, seq: 4 };
    await rig.time.drive(rig.mailbox('cat').call('markRead', read, rig.deadline()));
    for (const limit of [1, 2, 3, 50]) {
      expect(await rig.feed('cat', limit)).toEqual(['=Group', ...sent, 'read 4']);
    }
    rig.restart();
    expect(await rig.feed('cat', 2)).toEqual(['=Group', ...sent, 'read 4']);
  });

  test('G8: what is pushed is what is read later, and a burst comes as one range', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    const listener = new FeedListener('0', { mailbox: rig.mailbox('cat'), time: rig.time, limit: 2 });
    const deadline = rig.deadline();
    const sends = Array.from({ length: 20 }, (_, index) => {
      const messageId = rig.messageId('ann');
      const params = { conversationId: groupId, text: `m${index}`, messageId };
      return rig.group(groupId).send('ann', params, deadline);
    });
    await rig.time.drive(Promise.all(sends));
    await rig.settle();
    const read = await rig.time.drive(allChanges(rig.mailbox('cat'), '0', 7, rig.deadline()));
    expect(listener.changes).toEqual(read);
    expect(read).toHaveLength(21);
    expect(new Set(read?.map(({ cursor }) => cursor)).size).toBe(21);
    const commits = new Set(read?.map(({ cursor }) => cursor.split('.')[0]));
    expect(commits.size).toBeLessThan(5);
  });

  test('G9: unread counts messages of others after the read mark, and marks clamp', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    for (const from of ['ann', 'bob', 'ann', 'ann', 'cat', 'bob', 'cat']) await rig.say(from, groupId, from);
    const mark = (seq: number): Promise<unknown> =>
      rig.time.drive(rig.mailbox('cat').call('markRead', { conversationId: groupId, seq }, rig.deadline()));
    // At once: the mark itself asks the group how far it is.
    expect(await mark(3)).toEqual({ seq: 3, unread: 2 });
    expect(await mark(1)).toEqual({ seq: 3, unread: 2 });
    expect(await mark(5)).toEqual({ seq: 5, unread: 1 });
    expect(await mark(99)).toEqual({ seq: 7, unread: 0 });
    await rig.settle();
    expect(await rig.entry('cat', groupId)).toMatchObject({ unread: 0, readSeq: 7 });
    expect(await rig.entry('ann', groupId)).toMatchObject({ unread: 4 });
  });

  test('G9: after marking, late news changes nothing', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob']);
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'bob' ? { kind: 'unavailable' } : undefined;
    for (const text of ['a', 'b']) await rig.say('bob', groupId, text);
    await rig.say('ann', groupId, 'c');
    rig.faultOf = () => undefined;
    const asked = rig.mailbox('bob').call('markRead', { conversationId: groupId, seq: 1 }, rig.deadline());
    expect(await rig.time.drive(asked)).toEqual({ seq: 1, unread: 1 });
    await rig.settle(30_000);
    expect(await rig.entry('bob', groupId)).toMatchObject({ unread: 1, lastSeq: 3 });
    expect(await rig.feed('bob')).toEqual(['=Group', 'a', 'b', 'c', 'read 1']);
  });
});

describe('after a crash', () => {
  test('the mark in the row drives what members were not told, though nobody comes back', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.settle(30_000);
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId !== groupId ? { kind: 'unavailable' } : undefined;
    await rig.say('ann', groupId, 'a');
    await rig.time.drive(
      rig.group(groupId).rename('ann', { conversationId: groupId, name: 'New' }, rig.deadline()),
    );
    rig.faultOf = () => undefined;
    rig.restart().sweeper.start();
    await rig.settle(30_000);
    for (const userId of trio) {
      expect(await rig.feed(userId)).toEqual(['=Group', 'a', '=New']);
    }
    const rows = { fromHash: 0, toHash: 0x10000 };
    const owed = await rig.time.drive(rig.node.store.scanOutbox(rows, undefined, 10, rig.deadline()));
    expect(owed.entityIds).toEqual([]);
  });

  test('G9: own messages that were told before are not told again, and are still not counted', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob']);
    for (let index = 0; index < 300; index++) await rig.say(index % 3 === 0 ? 'bob' : 'ann', groupId, 'x');
    rig.restart();
    await rig.say('bob', groupId, 'y');
    await rig.settle(30_000);
    expect(await rig.entry('bob', groupId)).toMatchObject({ unread: 200, lastSeq: 301 });
  });
});
