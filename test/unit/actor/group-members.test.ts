import { describe, expect, test } from 'vitest';
import type { Group } from '../../../src/actor/group.ts';
import type { GroupRole } from '../../../src/protocol/calls.ts';
import { GroupRig } from '../../support/group-rig.ts';
import { allChanges } from '../../support/mailbox-audit.ts';

const trio = ['ann', 'bob', 'cat'] as const;

function act<T>(
  rig: GroupRig,
  groupId: string,
  call: (group: Group, deadline: number) => Promise<T>,
): Promise<T> {
  return rig.time.drive(call(rig.group(groupId), rig.deadline()));
}

const add = (rig: GroupRig, conversationId: string, from: string, ...members: readonly string[]) =>
  act(rig, conversationId, (group, deadline) => group.add(from, { conversationId, members }, deadline));
const remove = (rig: GroupRig, conversationId: string, from: string, ...members: readonly string[]) =>
  act(rig, conversationId, (group, deadline) => group.remove(from, { conversationId, members }, deadline));
const leave = (rig: GroupRig, conversationId: string, from: string) =>
  act(rig, conversationId, (group, deadline) => group.leaveGroup(from, { conversationId }, deadline));
const setRole = (rig: GroupRig, conversationId: string, from: string, userId: string, role: GroupRole) =>
  act(rig, conversationId, (group, deadline) =>
    group.setRole(from, { conversationId, userId, role }, deadline),
  );
const rename = (rig: GroupRig, conversationId: string, from: string, name: string) =>
  act(rig, conversationId, (group, deadline) => group.rename(from, { conversationId, name }, deadline));

async function roles(rig: GroupRig, conversationId: string, from: string): Promise<Record<string, string>> {
  const params = { conversationId, limit: 100, offset: 0 };
  const { members } = await act(rig, conversationId, (group, deadline) =>
    group.members(from, params, deadline),
  );
  return Object.fromEntries(members.map(({ userId, role }) => [userId, role]));
}

const forbidden = { kind: 'forbidden' };
const notFound = { kind: 'not_found' };

describe('making a group', () => {
  test('G2: the same requestId makes the same group, also after a crash and by two at once', async () => {
    const rig = new GroupRig();
    await rig.users(...trio);
    const [one, other] = await Promise.all([rig.made('ann', ['bob']), rig.made('ann', ['bob'])]);
    expect(other).toBe(one);
    rig.restart();
    expect(await rig.made('ann', ['bob'])).toBe(one);
    expect(await rig.made('ann', ['bob'], { requestId: 'r2' })).not.toBe(one);
    expect(await rig.made('bob', ['ann'])).not.toBe(one);
    expect(await roles(rig, one, 'bob')).toEqual({ ann: 'owner', bob: 'member' });
  });

  test('it is in the lists of its members when the call is answered', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    for (const userId of trio) {
      expect(await rig.entry(userId, groupId)).toMatchObject({ lastSeq: 0, unread: 0, lastFrom: '' });
    }
  });

  test('nobody unknown comes in, and no more than there may be', async () => {
    const rig = new GroupRig({ groupLimits: { membersMax: 2 } });
    await rig.users(...trio);
    await expect(rig.made('ann', ['zoe'])).rejects.toMatchObject(notFound);
    await expect(rig.made('ann', ['bob', 'cat'])).rejects.toMatchObject({ kind: 'too_large' });
    const groupId = await rig.made('ann', ['bob', 'bob', 'ann']);
    await expect(add(rig, groupId, 'ann', 'cat')).rejects.toMatchObject({ kind: 'too_large' });
    await expect(add(rig, groupId, 'ann', 'zoe')).rejects.toMatchObject(notFound);
    expect(await add(rig, groupId, 'ann', 'bob')).toEqual({ members: 2 });
  });

  test('G10: a user with as many conversations as there may be takes no group', async () => {
    const rig = new GroupRig({ mailboxLimits: { conversationsMax: 1 } });
    await rig.users('ann', 'bob');
    await rig.made('ann', ['bob']);
    await expect(rig.made('ann', ['bob'], { requestId: 'r2' })).rejects.toMatchObject(forbidden);
  });
});

describe('members', () => {
  test('owner and admins add, remove and rename; only the owner sets roles', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.users('dan');
    for (const attempt of [
      () => add(rig, groupId, 'bob', 'dan'),
      () => remove(rig, groupId, 'bob', 'cat'),
      () => rename(rig, groupId, 'bob', 'x'),
      () => setRole(rig, groupId, 'bob', 'bob', 'admin'),
    ]) {
      await expect(attempt()).rejects.toMatchObject(forbidden);
    }
    await setRole(rig, groupId, 'ann', 'bob', 'admin');
    expect(await add(rig, groupId, 'bob', 'dan')).toEqual({ members: 4 });
    expect(await remove(rig, groupId, 'bob', 'dan', 'cat')).toEqual({ members: 2 });
    await rename(rig, groupId, 'bob', 'New');
    await expect(setRole(rig, groupId, 'bob', 'bob', 'owner')).rejects.toMatchObject(forbidden);
    await expect(remove(rig, groupId, 'bob', 'ann')).rejects.toMatchObject(forbidden);
    expect(await roles(rig, groupId, 'ann')).toEqual({ ann: 'owner', bob: 'admin' });
    await rig.settle();
    expect((await rig.entry('ann', groupId))?.name).toBe('New');
  });

  test('an owner hands over, and is followed by the oldest admin, else the oldest member', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob', 'cat', 'dan']);
    await setRole(rig, groupId, 'ann', 'dan', 'owner');
    expect(await roles(rig, groupId, 'ann')).toMatchObject({ ann: 'admin', dan: 'owner' });
    await setRole(rig, groupId, 'dan', 'cat', 'admin');
    rig.restart();
    // Only who has handed over may have to ask again.
    expect(await setRole(rig, groupId, 'ann', 'dan', 'owner')).toEqual({});
    await expect(setRole(rig, groupId, 'cat', 'dan', 'owner')).rejects.toMatchObject(forbidden);
    await setRole(rig, groupId, 'dan', 'cat', 'member');
    await setRole(rig, groupId, 'dan', 'cat', 'admin');
    await leave(rig, groupId, 'dan');
    expect(await roles(rig, groupId, 'ann')).toEqual({ ann: 'owner', bob: 'member', cat: 'admin' });
    await leave(rig, groupId, 'ann');
    expect(await roles(rig, groupId, 'bob')).toEqual({ bob: 'member', cat: 'owner' });
    await leave(rig, groupId, 'cat');
    expect(await roles(rig, groupId, 'bob')).toEqual({ bob: 'owner' });
    await leave(rig, groupId, 'bob');
    await expect(roles(rig, groupId, 'bob')).rejects.toMatchObject(notFound);
    await rig.settle(30_000);
    const rows = { fromHash: 0, toHash: 0x10000 };
    const owed = await rig.time.drive(rig.node.store.scanOutbox(rows, undefined, 10, rig.deadline()));
    expect(owed.entityIds).toEqual([]);
  });

  test('whoever is out has no access from the answer on, hears `left`, and nothing that comes late brings it back', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.say('ann', groupId, 'before');
    await rig.settle();
    const late = await act(rig, groupId, (group, deadline) => group.news('cat', { seq: 0, op: 0 }, deadline));
    await remove(rig, groupId, 'ann', 'cat');
    expect(await rig.entry('cat', groupId)).toBeUndefined();
    await expect(rig.texts('cat', groupId)).rejects.toMatchObject(notFound);
    await expect(rig.say('cat', groupId, 'x')).rejects.toMatchObject(notFound);
    const mark = rig.mailbox('cat').call('markRead', { conversationId: groupId, seq: 1 }, rig.deadline());
    await expect(rig.time.drive(mark)).rejects.toMatchObject(notFound);
    await rig.say('ann', groupId, 'after');
    await rig.time.drive(rig.node.registry.mailbox('cat').submit(late, rig.deadline()));
    await rig.settle();
    expect(await rig.entry('cat', groupId)).toBeUndefined();
    // What was there before shows no more; that it was left does, without what was said last.
    expect(await rig.feed('cat')).toEqual(['left']);
    const changes = await rig.time.drive(allChanges(rig.mailbox('cat'), '0', 9, rig.deadline()));
    expect(changes).toMatchObject([{ conversation: { name: 'Group', snippet: '', lastFrom: '' } }]);
    expect(await remove(rig, groupId, 'ann', 'cat')).toEqual({ members: 2 });
  });

  test('with history `all` a new member reads everything and has nothing unread; own counters begin anew', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob']);
    await rig.users('cat');
    for (const text of ['a', 'b']) await rig.say('ann', groupId, text);
    expect(await add(rig, groupId, 'ann', 'cat')).toEqual({ members: 3 });
    expect(await rig.texts('cat', groupId)).toEqual(['a', 'b']);
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 2, unread: 0, snippet: 'b' });
    await rig.say('ann', groupId, 'c');
    await rig.say('cat', groupId, 'd');
    await rig.mark('cat', groupId, 3);
    await remove(rig, groupId, 'ann', 'cat');
    await rig.say('ann', groupId, 'e');
    await add(rig, groupId, 'ann', 'cat');
    await rig.say('bob', groupId, 'f');
    await rig.settle();
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 6, unread: 1, readSeq: 3 });
    expect(await rig.feed('cat')).toEqual(['=Group', 'c', 'd', 'read 3', 'left', '=Group', 'f']);
  });

  test('with history `sinceJoin` nothing from before shows, anywhere', async () => {
    const rig = new GroupRig();
    await rig.users(...trio);
    const groupId = await rig.made('ann', ['bob'], { history: 'sinceJoin' });
    for (const text of ['a', 'b']) await rig.say('ann', groupId, text);
    await add(rig, groupId, 'ann', 'cat');
    expect(await rig.texts('cat', groupId)).toEqual([]);
    expect(await rig.entry('cat', groupId)).toMatchObject({ unread: 0, snippet: '', lastFrom: '' });
    for (const text of ['c', 'd', 'e']) await rig.say('bob', groupId, text);
    await rig.settle();
    expect(await rig.texts('cat', groupId)).toEqual(['c', 'd', 'e']);
    const page = await act(rig, groupId, (group, deadline) =>
      group.messages('cat', { conversationId: groupId, limit: 2, before: 5 }, deadline),
    );
    expect(page).toMatchObject({ messages: [{ text: 'd' }, { text: 'c' }], hasMore: false });
    expect(await rig.feed('cat')).toEqual(['=Group', 'c', 'd', 'e']);
    expect(await rig.texts('bob', groupId)).toHaveLength(5);
  });

  test('coming and going while mailboxes are out of reach ends in what was last', async () => {
    const [rig, groupId] = await GroupRig.with(trio, { fanOutTiming: { enrolmentWaitMs: 50 } });
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'cat' ? { kind: 'unavailable' } : undefined;
    await remove(rig, groupId, 'ann', 'cat');
    await rig.say('ann', groupId, 'unseen');
    await add(rig, groupId, 'ann', 'cat');
    await rig.say('ann', groupId, 'seen');
    await setRole(rig, groupId, 'ann', 'bob', 'admin');
    await remove(rig, groupId, 'ann', 'bob');
    rig.restart().sweeper.start();
    rig.faultOf = () => undefined;
    await rig.settle(60_000);
    expect(await rig.entry('cat', groupId)).toMatchObject({ unread: 1, lastSeq: 2 });
    expect(await rig.entry('bob', groupId)).toBeUndefined();
    // Out and in again was told as one: what was said between is no hole in what is there.
    expect(await rig.feed('cat')).toEqual(['=Group', 'left', 'seen', '=Group']);
  });

  test('members are listed in the order in which they came, whoever came and went in between', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'cat', 'bob']);
    await rig.users('dan', 'eve');
    const listed = async (): Promise<readonly string[]> => {
      const params = { conversationId: groupId, limit: 9, offset: 0 };
      const page = await rig.time.drive(rig.group(groupId).members('ann', params, rig.deadline()));
      return page.members.map(({ userId }) => userId);
    };
    const call = (name: 'addMembers' | 'removeMembers', ...members: readonly string[]): Promise<object> => {
      const params = { conversationId: groupId, members };
      return rig.time.drive(rig.group(groupId).call(name, 'ann', params, rig.deadline()));
    };
    expect(await listed()).toEqual(['ann', 'cat', 'bob']);
    await call('addMembers', 'eve', 'dan');
    expect(await listed()).toEqual(['ann', 'cat', 'bob', 'eve', 'dan']);
    await call('removeMembers', 'cat', 'eve');
    expect(await listed()).toEqual(['ann', 'bob', 'dan']);
    // In one commit.
    await Promise.all([call('removeMembers', 'bob'), call('addMembers', 'cat'), call('addMembers', 'bob')]);
    const order = ['ann', 'dan', 'bob', 'cat'];
    expect(await listed()).toEqual(order);
    rig.restart();
    expect(await listed()).toEqual(order);
  });

  test('names and read marks of members come from their mailboxes', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.say('ann', groupId, 'a');
    await rig.time.drive(
      rig.mailbox('bob').call('markRead', { conversationId: groupId, seq: 1 }, rig.deadline()),
    );
    const page = (limit: number, offset: number) =>
      act(rig, groupId, (group, deadline) =>
        group.members('cat', { conversationId: groupId, limit, offset }, deadline),
      );
    expect(await page(2, 0)).toEqual({
      members: [
        { userId: 'ann', name: 'ANN', role: 'owner', deliveredSeq: 0, readSeq: 0 },
        { userId: 'bob', name: 'BOB', role: 'member', deliveredSeq: 1, readSeq: 1 },
      ],
      hasMore: true,
    });
    expect(await page(2, 2)).toMatchObject({ members: [{ userId: 'cat' }], hasMore: false });
  });
});
