import { describe, expect, test } from 'vitest';
import { LocalMembers } from '../../../src/actor/local-members.ts';
import type { GroupPort } from '../../../src/actor/mailbox-host.ts';
import { FeedListener } from '../../support/feed-listener.ts';
import { GroupRig } from '../../support/group-rig.ts';

/** Groups of more than two are large. */
const tiny = { groupLimits: { fanOutMembersMax: 2 } };

function listener(rig: GroupRig, userId: string): FeedListener {
  return new FeedListener('0', { mailbox: rig.mailbox(userId), time: rig.time, limit: 500 });
}

function textsOf({ changes }: FeedListener): readonly string[] {
  return changes.flatMap((change) => ('message' in change ? [change.message.text] : []));
}

function later(rig: GroupRig, ms: number): Promise<void> {
  return new Promise((resolve) => {
    rig.time.after(ms, resolve);
  });
}

/** Nothing can be written into this mailbox. */
function cutOff(rig: GroupRig, userId: string): void {
  rig.faultOf = ({ kind, entityId }) =>
    kind === 'compareAndPut' && entityId === userId ? { kind: 'unavailable' } : undefined;
}

function change(
  rig: GroupRig,
  name: 'addMembers' | 'removeMembers',
  conversationId: string,
  userId: string,
): Promise<object> {
  const params = { conversationId, members: [userId] };
  return rig.time.drive(rig.group(conversationId).call(name, 'ann', params, rig.deadline()));
}

describe('a mailbox that could not be written for long', () => {
  test('who was put out and came back is not told of what was said in between', async () => {
    const rig = new GroupRig();
    await rig.users('ann', 'bob', 'cat');
    const groupId = await rig.made('ann', ['bob', 'cat'], { history: 'sinceJoin' });
    await rig.say('ann', groupId, 'before');
    await rig.settle(30_000);
    const bob = listener(rig, 'bob');
    await rig.settle();
    cutOff(rig, 'bob');
    await rig.say('ann', groupId, 'still in');
    await rig.settle(20_000);
    await change(rig, 'removeMembers', groupId, 'bob');
    for (let index = 0; index < 300; index++) await rig.say('ann', groupId, `secret ${index}`);
    await change(rig, 'addMembers', groupId, 'bob');
    await rig.say('ann', groupId, 'after');
    rig.faultOf = () => undefined;
    await rig.settle(120_000);
    expect(textsOf(bob).filter((text) => text.startsWith('secret'))).toEqual([]);
    expect(textsOf(bob).at(-1)).toBe('after');
    expect(await rig.entry('bob', groupId)).toMatchObject({ lastSeq: 303, unread: 1 });
    expect(rig.alarms).toEqual([]);
  });

  test('does not keep who asks from hearing of the others, though it never says', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob', 'cat']);
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'bob' ? { kind: 'lost' } : undefined;
    // Its commits fail one after the other, each after as long as a commit may take.
    for (let index = 0; index < 5; index++) {
      const text = `hi ${index}`;
      void rig.send('ann', 'bob', text).catch(() => undefined);
      await rig.settle(100);
    }
    const { bulletin } = await rig.time.drive(
      rig.group(groupId).news('bob', { seq: 0, op: 0 }, rig.deadline()),
    );
    const local = new LocalMembers(rig.node.registry, rig.time, () => undefined);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    rig.time.after(5_000, () => resolve(undefined));
    const circular = {
      bulletin: { ...bulletin, name: 'Another', event: 99 },
      userIds: ['bob', 'cat'],
      enrolments: new Map(),
    };
    const told = local.tell(circular, rig.deadline(5_000));
    expect(await rig.time.drive(Promise.race([told, promise]))).toEqual(['bob']);
  });

  test('does not keep others from hearing that they are in a group that has become large', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob'], tiny);
    await rig.users('cat', 'dan');
    await rig.settle(30_000);
    cutOff(rig, 'cat');
    await change(rig, 'addMembers', groupId, 'cat');
    for (let index = 0; index < 300; index++) await rig.say('ann', groupId, `m${index}`);
    await change(rig, 'addMembers', groupId, 'dan');
    await rig.say('ann', groupId, 'hello');
    await rig.settle(60_000);
    expect(await rig.entry('dan', groupId)).toMatchObject({ lastSeq: 301, unread: 1 });
    const { commits } = rig.node.tally;
    await change(rig, 'removeMembers', groupId, 'dan');
    await rig.settle();
    // Of the group, and of who was put out.
    expect(rig.node.tally.commits - commits).toBe(2);
    rig.faultOf = () => undefined;
    await rig.settle(120_000);
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 301, unread: 301 });
    expect(rig.group(groupId).isIdle).toBe(true);
    expect(rig.alarms).toEqual([]);
  });
});

describe('a large group and a member who listens', () => {
  test('G8: the last of many edits in a row is pushed like the first', async () => {
    let asked = 0;
    let onAsked = (): Promise<void> => Promise.resolve();
    const groups = (port: GroupPort): GroupPort => ({
      ...port,
      newsOfAll: async (...args) => {
        const news = await port.newsOfAll(...args);
        asked++;
        await onAsked();
        return news;
      },
    });
    const [rig, groupId] = await GroupRig.with(['ann', 'bob', 'cat'], { ...tiny, groups });
    await rig.say('ann', groupId, 'typing');
    await rig.settle(30_000);
    const bob = listener(rig, 'bob');
    await rig.settle();
    asked = 0;
    onAsked = async () => {
      if (asked > 6) return;
      const text = `edit ${asked}`;
      const params = { conversationId: groupId, seq: 1, text, messageId: rig.messageId('ann') };
      await rig.group(groupId).edit('ann', params, rig.deadline());
      await later(rig, 100);
    };
    await rig.edit('ann', groupId, 1, 'edit 0');
    await rig.settle(5_000);
    expect(textsOf(bob).at(-1)).toBe('edit 6');
  });
});

test('G9: a list is exact in a large group too that its user came into at another node meanwhile', async () => {
  const [rig, first] = await GroupRig.with(['ann', 'bob', 'cat'], { ...tiny, isLeaseCurrent: false });
  await rig.say('ann', first, 'hello');
  await rig.settle(30_000);
  expect(await rig.entry('cat', first)).toMatchObject({ lastSeq: 1 });
  const { node } = rig;
  rig.node = rig.startNode();
  const second = await rig.made('ann', ['bob', 'cat'], { requestId: 'r2' });
  await rig.say('ann', second, 'and here');
  await rig.settle(30_000);
  rig.node.process.kill();
  rig.node = node;
  expect(await rig.entry('cat', second)).toMatchObject({ lastSeq: 1, unread: 1 });
});
