import { describe, expect, test } from 'vitest';
import type { GetMembersResult } from '../../../src/protocol/calls.ts';
import { GroupRig } from '../../support/group-rig.ts';

const trio = ['ann', 'bob', 'cat'] as const;

function deliver(rig: GroupRig, userId: string, conversationId: string, seq: number): Promise<object> {
  const asked = rig.mailbox(userId).call('markDelivered', { conversationId, seq }, rig.deadline());
  return rig.time.drive(asked);
}

function block(rig: GroupRig, userId: string, other: string): Promise<object> {
  return rig.time.drive(rig.mailbox(userId).call('blockUser', { userId: other, name: '' }, rig.deadline()));
}

/** `delivered read` of each member, in their order. */
async function marksOf(rig: GroupRig, from: string, groupId: string): Promise<readonly string[]> {
  const params = { conversationId: groupId, limit: 50, offset: 0 };
  const asked: Promise<GetMembersResult> = rig.group(groupId).members(from, params, rig.deadline());
  const { members } = await rig.time.drive(asked);
  return members.map(({ deliveredSeq, readSeq }) => `${deliveredSeq} ${readSeq}`);
}

async function receiptsOf(rig: GroupRig, userId: string): Promise<readonly string[]> {
  return (await rig.feed(userId)).filter((change) => /^\w+ \d+ \d+$/.test(change));
}

async function owing(rig: GroupRig): Promise<readonly string[]> {
  const rows = { fromHash: 0, toHash: 0x10000 };
  return (await rig.time.drive(rig.node.store.scanOutbox(rows, undefined, 10, rig.deadline()))).entityIds;
}

describe('receipts in a group', () => {
  test('others hear how far a member has got and read, the member itself of its own mark only', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    for (const text of ['a', 'b', 'c']) await rig.say('ann', groupId, text);
    await deliver(rig, 'bob', groupId, 3);
    await rig.mark('bob', groupId, 2);
    await rig.settle(3_000);
    for (const userId of ['ann', 'cat']) expect(await receiptsOf(rig, userId)).toEqual(['bob 3 2']);
    expect(await receiptsOf(rig, 'bob')).toEqual([]);
    expect(await marksOf(rig, 'cat', groupId)).toEqual(['0 0', '3 2', '0 0']);
    // Marks of others do not make a conversation newer in the list.
    const { updatedAt } = (await rig.entry('ann', groupId)) ?? {};
    await rig.mark('bob', groupId, 3);
    await rig.settle(3_000);
    expect(await receiptsOf(rig, 'ann')).toEqual(['bob 3 2', 'bob 3 3']);
    expect((await rig.entry('ann', groupId))?.updatedAt).toBe(updatedAt);
    await rig.settle(60_000);
    expect(await owing(rig)).toEqual([]);
    expect(rig.node.registry.mailbox('bob').isIdle && rig.group(groupId).isIdle).toBe(true);
    expect(rig.alarms).toEqual([]);
  });

  test('G10: marks that move fast are told as few', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    for (let index = 0; index < 40; index++) await rig.say('ann', groupId, 'x');
    for (let seq = 1; seq <= 40; seq++) await rig.mark('bob', groupId, seq);
    await rig.settle(5_000);
    const told = await receiptsOf(rig, 'cat');
    expect(told.length).toBeLessThan(5);
    expect(told.at(-1)).toBe('bob 40 40');
  });

  test('G5: they come though the member crashes before it has told, and the group before its members know', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.say('ann', groupId, 'a');
    await rig.settle(60_000);
    await rig.mark('bob', groupId, 1);
    rig.restart().sweeper.start();
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && ['ann', 'cat'].includes(entityId ?? '')
        ? { kind: 'unavailable' }
        : undefined;
    await rig.settle(5_000);
    expect(rig.group(groupId).state?.members.get('bob')).toMatchObject({ readSeq: 1, receipt: 1 });
    expect(await receiptsOf(rig, 'cat')).toEqual([]);
    rig.faultOf = () => undefined;
    rig.restart().sweeper.start();
    await rig.settle(60_000);
    for (const userId of ['ann', 'cat']) expect(await receiptsOf(rig, userId)).toEqual(['bob 1 1']);
    expect(await owing(rig)).toEqual([]);
  });

  test('who comes later hears of what moves from then on; who comes back is told again', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.users('dan');
    await rig.say('ann', groupId, 'a');
    await rig.mark('bob', groupId, 1);
    await rig.settle(3_000);
    const group = rig.group(groupId);
    const change = (call: 'add' | 'remove', userId: string): Promise<object> =>
      rig.time.drive(group[call]('ann', { conversationId: groupId, members: [userId] }, rig.deadline()));
    await change('add', 'dan');
    await change('remove', 'bob');
    await change('add', 'bob');
    await rig.settle(3_000);
    expect(await receiptsOf(rig, 'dan')).toEqual(['bob 1 1']);
    await rig.say('ann', groupId, 'b');
    await rig.mark('bob', groupId, 2);
    await rig.settle(3_000);
    expect(await receiptsOf(rig, 'dan')).toEqual(['bob 1 1', 'bob 2 2']);
    await change('remove', 'dan');
    expect(await receiptsOf(rig, 'dan')).toEqual([]);
  });

  test('G10: a large group does not tell, and getMembers still shows it', async () => {
    const [rig, groupId] = await GroupRig.with(trio, { groupLimits: { receiptMembersMax: 2 } });
    await rig.say('ann', groupId, 'a');
    await rig.mark('bob', groupId, 1);
    await rig.settle(3_000);
    expect(await receiptsOf(rig, 'cat')).toEqual([]);
    expect(await marksOf(rig, 'cat', groupId)).toEqual(['0 0', '1 1', '0 0']);
    // One that has become small tells what there is.
    const params = { conversationId: groupId, members: ['cat'] };
    await rig.time.drive(rig.group(groupId).remove('ann', params, rig.deadline()));
    await rig.settle(3_000);
    expect(await receiptsOf(rig, 'ann')).toEqual(['bob 1 1']);
  });

  test('between two of whom one has blocked the other there are none', async () => {
    const [rig, groupId] = await GroupRig.with(trio);
    await rig.say('ann', groupId, 'a');
    await rig.settle();
    await block(rig, 'bob', 'cat');
    for (const userId of trio) await rig.mark(userId, groupId, 1);
    await rig.settle(5_000);
    expect(await receiptsOf(rig, 'ann')).toEqual(expect.arrayContaining(['bob 1 1', 'cat 1 1']));
    expect(await receiptsOf(rig, 'bob')).toEqual(['ann 1 1']);
    expect(await receiptsOf(rig, 'cat')).toEqual(['ann 1 1']);
    expect(await marksOf(rig, 'ann', groupId)).toEqual(['1 1', '1 1', '1 1']);
    expect(await marksOf(rig, 'bob', groupId)).toEqual(['1 1', '1 1', '0 0']);
    expect(await marksOf(rig, 'cat', groupId)).toEqual(['1 1', '0 0', '1 1']);
  });
});

describe('blocks and groups', () => {
  test('nobody is brought into a group by somebody whom they have blocked, and nobody else is then either', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob']);
    await rig.users('cat', 'dan');
    await block(rig, 'cat', 'ann');
    const params = { conversationId: groupId, members: ['dan', 'cat'] };
    const adding = rig.group(groupId).add('ann', params, rig.deadline());
    await expect(rig.time.drive(adding)).rejects.toMatchObject({ kind: 'forbidden' });
    expect(await marksOf(rig, 'ann', groupId)).toHaveLength(2);
    await expect(rig.made('ann', ['cat'], { requestId: 'r2' })).rejects.toMatchObject({ kind: 'forbidden' });
    await rig.made('bob', ['cat'], { requestId: 'r3' });
  });
});
