import { describe, expect, test } from 'vitest';
import type { MemberPort } from '../../../src/actor/group-host.ts';
import { FeedListener } from '../../support/feed-listener.ts';
import { GroupRig } from '../../support/group-rig.ts';

const trio = ['ann', 'bob', 'cat'] as const;
/** Groups of more than two are large. */
const tiny = { groupLimits: { fanOutMembersMax: 2 } };

describe('a group with more members than are told of messages', () => {
  test('G10: is large for good; a message is one write, whoever is in', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    await rig.settle(30_000);
    expect(rig.group(groupId).state).toMatchObject({ large: { seq: 0, event: 4, op: 0 }, mark: undefined });
    const { commits } = rig.node.tally;
    for (let index = 0; index < 5; index++) await rig.say('ann', groupId, 'x');
    await rig.settle(60_000);
    expect(rig.node.tally.commits - commits).toBe(5);
    const members = { conversationId: groupId, members: ['cat'] };
    await rig.time.drive(rig.group(groupId).remove('ann', members, rig.deadline()));
    expect(rig.restart().registry.group(groupId).state).toBeUndefined();
    await rig.say('ann', groupId, 'y');
    expect(rig.group(groupId).state?.large).toEqual({ seq: 0, event: 4, op: 0, receipt: 0 });
    expect(rig.alarms).toEqual([]);
  });

  test('G9: a mark is exact, also for who has written in between, and across a restart', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    for (const from of ['ann', 'bob', 'ann', 'ann', 'cat', 'bob', 'cat']) await rig.say(from, groupId, from);
    expect(await rig.mark('cat', groupId, 3)).toEqual({ seq: 3, unread: 2 });
    rig.restart();
    for (const from of ['cat', 'bob', 'cat']) await rig.say(from, groupId, from);
    expect(await rig.mark('cat', groupId, 4)).toEqual({ seq: 4, unread: 2 });
    expect(await rig.mark('ann', groupId, 1)).toEqual({ seq: 1, unread: 7 });
    expect(await rig.mark('bob', groupId, 99)).toEqual({ seq: 10, unread: 0 });
  });

  test('G9, G10: own messages that nobody asked for are told, so that the group need not keep them', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    for (let index = 0; index < 200; index++) {
      await rig.say('ann', groupId, 'x');
      await rig.say('bob', groupId, 'y');
    }
    await rig.settle(30_000);
    expect(rig.group(groupId).state?.members.get('ann')?.own?.length).toBeLessThan(100);
    expect(await rig.mark('ann', groupId, 10)).toEqual({ seq: 10, unread: 195 });
  });

  test('tells nobody how far others have read, also those who have heard of others before', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob'], tiny);
    const receiptsOf = async (userId: string): Promise<readonly string[]> =>
      (await rig.feed(userId)).filter((change) => /^\w+ \d+ \d+$/.test(change));
    for (const text of ['a', 'b', 'c']) await rig.say('ann', groupId, text);
    await rig.mark('bob', groupId, 1);
    await rig.settle(5_000);
    expect(await receiptsOf('ann')).toEqual(['bob 1 1']);
    await rig.users('cat');
    const members = { conversationId: groupId, members: ['cat'] };
    await rig.time.drive(rig.group(groupId).add('ann', members, rig.deadline()));
    await rig.mark('bob', groupId, 3);
    await rig.settle(60_000);
    expect(await receiptsOf('ann')).toEqual(['bob 1 1']);
    const { readSeq } = rig.group(groupId).state?.members.get('bob') ?? {};
    expect(readSeq).toBe(1);
    expect(rig.group(groupId).isIdle && rig.node.registry.mailbox('bob').isIdle).toBe(true);
    expect(rig.alarms).toEqual([]);
  });

  test('G5: all members are told again where the row was loaded anew, with an older mark', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    const members = { conversationId: groupId, members: ['cat'] };
    await rig.time.drive(rig.group(groupId).remove('ann', members, rig.deadline()));
    await rig.say('ann', groupId, 'one');
    await rig.settle(700);
    const { state } = rig.group(groupId);
    expect([state?.mark?.event, state?.confirmed.event, state?.owed.size]).toEqual([0, 4, 0]);
    const other = rig.startNode();
    const params = { conversationId: groupId, text: 'two', messageId: rig.messageId('bob') };
    await rig.time.drive(rig.group(groupId, other).send('bob', params, rig.deadline()));
    other.process.kill();
    await rig.say('ann', groupId, 'three');
    await rig.settle(60_000);
    const after = rig.group(groupId).state;
    expect(after?.mark).toBeUndefined();
    // Of what came later mailboxes take nothing that they have not asked for.
    expect(after?.confirmed).toEqual(after?.large);
    expect(rig.group(groupId).isIdle).toBe(true);
    expect(rig.alarms).toEqual([]);
  });

  test('G9: becomes large while messages are on their way to its members', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob'], tiny);
    await rig.users('cat', 'dan');
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'bob' ? { kind: 'unavailable' } : undefined;
    for (const from of ['ann', 'bob', 'ann', 'bob']) await rig.say(from, groupId, from);
    const members = { conversationId: groupId, members: ['cat', 'dan'] };
    await rig.time.drive(rig.group(groupId).add('ann', members, rig.deadline()));
    for (const from of ['ann', 'bob', 'dan']) await rig.say(from, groupId, from);
    rig.faultOf = () => undefined;
    rig.restart().sweeper.start();
    await rig.settle(60_000);
    for (const from of ['ann', 'bob']) await rig.say(from, groupId, from);
    expect(rig.group(groupId).state).toMatchObject({ large: { seq: 4 }, mark: undefined });
    expect(await rig.mark('bob', groupId, 1)).toEqual({ seq: 1, unread: 4 });
    expect(await rig.mark('dan', groupId, 1)).toEqual({ seq: 1, unread: 4 });
    const texts = ['ann', 'bob', 'ann', 'bob', 'ann', 'bob', 'dan', 'ann', 'bob'];
    expect((await rig.feed('bob')).filter((line) => texts.includes(line))).toEqual(texts);
  });
});

describe('reading a large group', () => {
  test('G9: the list and the feed have everything, though nothing was written for the member', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    for (const from of ['ann', 'bob', 'cat', 'ann']) await rig.say(from, groupId, from);
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 4, unread: 3, lastFrom: 'ann' });
    rig.restart();
    for (const from of ['cat', 'bob']) await rig.say(from, groupId, from);
    expect(await rig.feed('cat', 2)).toEqual(['=Group', 'ann', 'bob', 'cat', 'ann', 'cat', 'bob']);
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 6, unread: 4, snippet: 'bob' });
    expect(await rig.entry('bob', groupId)).toMatchObject({ lastSeq: 6, unread: 4 });
  });

  test('G8: who listens gets each message once, in order, without a write; cursors stand a crash', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    const listen = () => new FeedListener('0', { mailbox: rig.mailbox('cat'), time: rig.time, limit: 2 });
    const listener = listen();
    await rig.settle(30_000);
    const { commits } = rig.node.tally;
    for (let index = 1; index <= 9; index++) await rig.say('ann', groupId, `m${index}`);
    await rig.settle();
    expect(rig.node.tally.commits - commits).toBe(9);
    const texts = Array.from({ length: 9 }, (_, index) => `m${index + 1}`);
    const pushed = listener.changes.flatMap((change) => ('message' in change ? [change] : []));
    expect(pushed.map(({ message }) => message.text)).toEqual(texts);
    expect(new Set(pushed.map(({ cursor }) => cursor)).size).toBe(9);
    rig.restart();
    await rig.say('bob', groupId, 'later');
    for (const [index, { cursor }] of pushed.entries()) {
      const asked = rig.mailbox('cat').call('getChanges', { since: cursor, limit: 100 }, rig.deadline());
      const page = await rig.time.drive(asked);
      const rest = 'changes' in page ? page.changes : [];
      const told = rest.map((change) => ('message' in change ? change.message.text : change.kind));
      expect(told).toEqual([...texts.slice(index + 1), 'later']);
    }
    expect(rig.alarms).toEqual([]);
  });

  test('G8: pushes and what is read later are one feed, with marks and other changes in between', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    await rig.users('dan');
    const listener = new FeedListener('0', { mailbox: rig.mailbox('cat'), time: rig.time, limit: 2 });
    for (let index = 1; index <= 12; index++) {
      await rig.say('ann', groupId, `m${index}`);
      if (index % 3 === 0) await rig.mark('cat', groupId, index - 1);
      if (index % 4 === 0) await rig.sent('dan', 'cat', `d${index}`);
      if (index % 5 === 0) await rig.settle();
    }
    await rig.settle();
    const read = new FeedListener('0', { mailbox: rig.mailbox('cat'), time: rig.time, limit: 3 });
    await rig.settle();
    expect(listener.changes).toHaveLength(20);
    const shown = (one: FeedListener): unknown[] =>
      one.changes.map(({ cursor: _cursor, ...change }) => change);
    expect(shown(listener)).toEqual(shown(read));
  });

  test('who is put out is shown nothing that comes after, on a device that listens either', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    const listener = new FeedListener('0', { mailbox: rig.mailbox('cat'), time: rig.time, limit: 2 });
    await rig.settle();
    await rig.say('ann', groupId, 'before');
    await rig.settle();
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'cat' ? { kind: 'unavailable' } : undefined;
    const members = { conversationId: groupId, members: ['cat'] };
    await rig.time.drive(rig.group(groupId).remove('ann', members, rig.deadline()));
    await rig.say('ann', groupId, 'after');
    await rig.settle(2_000);
    rig.faultOf = () => undefined;
    await rig.settle(60_000);
    const told = listener.changes.map((change) => ('message' in change ? change.message.text : change.kind));
    expect(told).toEqual(['conversation', 'before', 'conversation']);
    expect(await rig.entry('cat', groupId)).toBeUndefined();
  });

  test('who is put out, and cannot be told, is shown nothing at whatever time it comes', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    const listener = new FeedListener('0', { mailbox: rig.mailbox('cat'), time: rig.time, limit: 2 });
    await rig.settle();
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'cat' ? { kind: 'unavailable' } : undefined;
    const members = { conversationId: groupId, members: ['cat'] };
    await rig.time.drive(rig.group(groupId).remove('ann', members, rig.deadline()));
    // Between two tries to tell it, too.
    for (let index = 0; index < 100; index++) {
      await rig.say('ann', groupId, `after ${index}`);
      await rig.settle(400);
    }
    rig.faultOf = () => undefined;
    await rig.settle(60_000);
    expect(listener.changes.map(({ kind }) => kind)).toEqual(['conversation', 'conversation']);
  });

  test('who is put out is shown nothing that comes after, though no word of it has come to their mailbox', async () => {
    let isCut = false;
    const members = (port: MemberPort): MemberPort => ({
      ...port,
      tell: (nodeId, circular, deadline) =>
        isCut ? Promise.resolve(circular.userIds) : port.tell(nodeId, circular, deadline),
    });
    const [rig, groupId] = await GroupRig.with(trio, { ...tiny, members });
    const listeners = ['bob', 'cat'].map((userId) => {
      return new FeedListener('0', { mailbox: rig.mailbox(userId), time: rig.time, limit: 2 });
    });
    await rig.settle(30_000);
    await rig.say('ann', groupId, 'before');
    await rig.settle();
    isCut = true;
    const params = { conversationId: groupId, members: ['cat'] };
    await rig.time.drive(rig.group(groupId).remove('ann', params, rig.deadline()));
    await rig.say('ann', groupId, 'after');
    await rig.settle(5_000);
    expect(rig.node.registry.mailbox('cat').state?.groups.get(groupId)).toMatchObject({ isIn: true });
    isCut = false;
    await rig.settle(60_000);
    const told = listeners.map(({ changes }) =>
      changes.map((change) => ('message' in change ? change.message.text : change.kind)),
    );
    expect(told).toEqual([
      ['conversation', 'before', 'after'],
      ['conversation', 'before', 'conversation'],
    ]);
    expect(rig.alarms).toEqual([]);
  });

  test('G7: those who listen share one look at the store; a mailbox that is not as the store has it tells nothing', async () => {
    const [rig, groupId] = await GroupRig.with(trio, { ...tiny, isLeaseCurrent: false });
    const listeners = trio.map((userId) => {
      return new FeedListener('0', { mailbox: rig.mailbox(userId), time: rig.time, limit: 2 });
    });
    await rig.settle(30_000);
    let looks = 0;
    rig.faultOf = ({ kind }) => {
      if (kind === 'versions') looks++;
      return undefined;
    };
    await rig.say('ann', groupId, 'one');
    await rig.settle();
    // One for the group's bulletin, one for all three mailboxes.
    expect(looks).toBeLessThanOrEqual(2);
    // Another node has put `cat` out.
    const other = rig.startNode();
    const members = { conversationId: groupId, members: ['cat'] };
    await rig.time.drive(rig.group(groupId, other).remove('ann', members, rig.deadline()));
    // So that the group's row says nothing of it any more.
    other.registry.group(groupId).settleSoon();
    await rig.settle();
    expect(other.registry.group(groupId).state?.owed.size).toBe(0);
    await rig.say('ann', groupId, 'two');
    await rig.settle(60_000);
    const told = listeners.map(({ changes }) =>
      changes.flatMap((change) => ('message' in change ? change.message.text : [])),
    );
    expect(told).toEqual([['one', 'two'], ['one', 'two'], ['one']]);
    expect(rig.alarms).toEqual([]);
  });

  test('G9: away for 10,000 messages: the list and the first page take two reads of the store', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    await rig.settle(30_000);
    for (let round = 0; round < 50; round++) {
      const deadline = rig.deadline();
      const sends = Array.from({ length: 200 }, (_, index) => {
        const from = index % 10 === 0 ? 'cat' : 'ann';
        const params = { conversationId: groupId, text: `m${index}`, messageId: rig.messageId(from) };
        return rig.group(groupId).send(from, params, deadline);
      });
      await rig.time.drive(Promise.all(sends));
    }
    await rig.settle(60_000);
    rig.restart();
    let reads = 0;
    rig.faultOf = ({ kind }) => {
      if (kind === 'read') reads++;
      return undefined;
    };
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 10_000, unread: 9_000 });
    expect(await rig.texts('cat', groupId)).toHaveLength(200);
    expect(reads).toBeLessThanOrEqual(2);
  });

  test('an edit is told as it is in a small group', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    const listener = new FeedListener('0', { mailbox: rig.mailbox('cat'), time: rig.time, limit: 2 });
    await rig.settle();
    await rig.say('ann', groupId, 'first');
    const params = { conversationId: groupId, seq: 1, text: 'second', messageId: rig.messageId('ann') };
    await rig.time.drive(rig.group(groupId).call('editMessage', 'ann', params, rig.deadline()));
    await rig.settle();
    const told = listener.changes.map(({ kind }) => kind);
    expect(told).toEqual(['conversation', 'message', 'edited']);
    expect(await rig.entry('bob', groupId)).toMatchObject({ snippet: 'second' });
    expect((await rig.feed('bob')).slice(0, 2)).toEqual(['=Group', 'second']);
    rig.restart();
    const again = { ...params, text: 'third', messageId: rig.messageId('ann') };
    await rig.time.drive(rig.group(groupId).call('editMessage', 'ann', again, rig.deadline()));
    rig.restart();
    expect((await rig.feed('bob')).at(-1)).toBe('~third');
    expect(await rig.entry('cat', groupId)).toMatchObject({ snippet: 'third' });
  });
});
