import { describe, expect, test } from 'vitest';
import { GroupRig } from '../../support/group-rig.ts';
import { groupCalls } from '../../../src/session/group-calls.ts';
import type { Caller } from '../../../src/session/call-table.ts';

const trio = ['ann', 'bob', 'cat'] as const;

function list(rig: GroupRig, userId: string) {
  const asked = rig.mailbox(userId).call('getConversations', { limit: 99, offset: 0 }, rig.deadline());
  return rig.time.drive(asked);
}

/** The same rows under other limits. */
function over(rig: GroupRig, options: ConstructorParameters<typeof GroupRig>[0]): GroupRig {
  return new GroupRig({ ...options, table: () => rig.table });
}

describe('limits of groups', () => {
  test('G10: who has as many conversations as there may be makes no group, and groups count', async () => {
    const rig = new GroupRig({ mailboxLimits: { conversationsMax: 1 } });
    await rig.users(...trio);
    const groupId = await rig.made('ann', []);
    await expect(rig.made('ann', [], { requestId: 'r2' })).rejects.toMatchObject({ kind: 'forbidden' });
    await expect(rig.sent('ann', 'bob', 'hi')).rejects.toMatchObject({ kind: 'forbidden' });
    expect((await list(rig, 'ann')).conversations).toMatchObject([{ conversationId: groupId }]);
  });

  test('G1: a limit that was lowered makes nothing unreadable', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    const others = Array.from({ length: 100 }, (_, index) => `user${index}`);
    await rig.users(...others);
    const params = { conversationId: groupId, members: others };
    await rig.time.drive(rig.group(groupId).add('ann', params, rig.deadline()));
    await rig.sent('ann', 'bob', 'hi');
    await rig.say('ann', groupId, 'before');
    await rig.settle();
    const narrow = over(rig, {
      groupLimits: { membersMax: 2 },
      mailboxLimits: { conversationsMax: 1 },
    });
    expect((await list(narrow, 'ann')).conversations).toHaveLength(2);
    expect(await narrow.texts('cat', groupId)).toEqual(['before']);
    expect(await narrow.say('user99', groupId, 'after')).toMatchObject({ seq: 2 });
  });

  test('G2: a repeat finds the group, whatever has become of those who were to be in it', async () => {
    const rig = new GroupRig({ mailboxLimits: { conversationsMax: 1 } });
    await rig.users(...trio);
    const groupId = await rig.made('ann', ['bob']);
    expect(await rig.made('ann', ['bob', 'zoe'])).toBe(groupId);
    const params = { conversationId: groupId, members: ['bob'] };
    await rig.time.drive(rig.group(groupId).remove('ann', params, rig.deadline()));
    await rig.settle();
    expect(await rig.made('ann', ['bob'])).toBe(groupId);
  });

  test('G10: naming a thousand who do not exist makes nobody look for all of them, or keep them', async () => {
    const rig = new GroupRig();
    await rig.users('ann');
    const before = rig.node.registry.stats.mailboxes;
    let reads = 0;
    rig.faultOf = ({ kind }) => {
      if (kind === 'read') reads++;
      return undefined;
    };
    const nobody = Array.from({ length: 900 }, (_, index) => `nobody${index}`);
    await expect(rig.made('ann', nobody)).rejects.toMatchObject({ kind: 'not_found' });
    expect(reads).toBeLessThan(100);
    // And the group that was asked for.
    expect(rig.node.registry.stats.mailboxes).toBeLessThanOrEqual(before + 1);
  });

  test('G10: one call names so many members; more of them come by further calls', async () => {
    const rig = new GroupRig({ groupLimits: { membersPerCallMax: 2 } });
    await rig.users(...trio, 'dan', 'eve');
    await expect(rig.made('ann', ['bob', 'cat', 'dan'])).rejects.toMatchObject({ kind: 'too_large' });
    const conversationId = await rig.made('ann', ['bob', 'cat']);
    const call = (name: 'addMembers' | 'removeMembers', members: readonly string[]): Promise<object> => {
      const asked = rig.group(conversationId).call(name, 'ann', { conversationId, members }, rig.deadline());
      return rig.time.drive(asked);
    };
    expect(await call('addMembers', ['dan', 'eve'])).toEqual({ members: 5 });
    const three = ['bob', 'dan', 'eve'];
    await expect(call('addMembers', three)).rejects.toMatchObject({ kind: 'too_large' });
    await expect(call('removeMembers', three)).rejects.toMatchObject({ kind: 'too_large' });
    expect(await call('removeMembers', ['dan', 'eve'])).toEqual({ members: 3 });
  });

  test('G10: nobody gets into more large groups than a user may be in, named or not', async () => {
    const rig = new GroupRig({ groupLimits: { fanOutMembersMax: 2 }, mailboxLimits: { largeGroupsMax: 1 } });
    await rig.users(...trio, 'dan', 'eve', 'fay');
    const large = await rig.made('ann', ['bob', 'cat']);
    const refused = { kind: 'forbidden', message: 'cat takes no new conversations' };
    await expect(rig.made('dan', ['eve', 'cat'], { requestId: 'r2' })).rejects.toMatchObject(refused);
    const small = await rig.made('dan', ['cat'], { requestId: 'r3' });
    const add = (groupId: string, from: string, userId: string): Promise<object> => {
      const params = { conversationId: groupId, members: [userId] };
      return rig.time.drive(rig.group(groupId).call('addMembers', from, params, rig.deadline()));
    };
    // It would become a large one for `cat` too.
    await expect(add(small, 'dan', 'eve')).rejects.toMatchObject(refused);
    expect(await add(large, 'ann', 'dan')).toEqual({ members: 4 });
    const out = { conversationId: large, members: ['cat', 'dan'] };
    await rig.time.drive(rig.group(large).call('removeMembers', 'ann', out, rig.deadline()));
    expect(await add(small, 'dan', 'eve')).toEqual({ members: 3 });
    await expect(add(large, 'ann', 'cat')).rejects.toMatchObject(refused);
    expect(await add(large, 'ann', 'fay')).toEqual({ members: 3 });
  });

  test('the request is well-formed before an id is made of it', async () => {
    const asked: string[] = [];
    const mailbox = {
      createGroup: ({ requestId }: { requestId: string }) => {
        asked.push(requestId);
        return Promise.resolve({});
      },
    };
    const create = groupCalls().find(({ name }) => name === 'createGroup');
    const params = { name: 'G', members: ['bob'], requestId: 'r\ud800' };
    await create?.start({ mailbox } as unknown as Caller, params, 1_000);
    expect(asked).toEqual(['r\ufffd']);
  });
});

describe('a group that cannot be loaded for a while', () => {
  test('G5: what it owes is told when it can be again, also if nobody asks for it', async () => {
    const [rig, groupId] = await GroupRig.with(trio, { isLeaseCurrent: false });
    await rig.settle(30_000);
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'cat' ? { kind: 'unavailable' } : undefined;
    await rig.say('ann', groupId, 'first');
    const other = rig.startNode();
    const params = { conversationId: groupId, text: 'second', messageId: rig.messageId('bob') };
    await rig.time.drive(rig.group(groupId, other).send('bob', params, rig.deadline()));
    other.process.kill();
    rig.faultOf = ({ kind, entityId }) => {
      const isAway = entityId === groupId || (kind === 'compareAndPut' && entityId === 'cat');
      return isAway ? { kind: 'unavailable' } : undefined;
    };
    await expect(rig.texts('ann', groupId)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(rig.group(groupId).state).toBeUndefined();
    expect(rig.group(groupId).isIdle).toBe(false);
    await rig.settle(60_000);
    rig.faultOf = () => undefined;
    await rig.settle(60_000);
    expect(rig.group(groupId).isIdle).toBe(true);
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 2, unread: 2 });
  });
});
