import { describe, expect, test } from 'vitest';
import type { GroupPort } from '../../../src/actor/mailbox-host.ts';
import type { MemberPort } from '../../../src/actor/group-host.ts';
import { ProtocolError } from '../../../src/protocol/protocol-error.ts';
import { FeedListener } from '../../support/feed-listener.ts';
import { GroupRig } from '../../support/group-rig.ts';

const trio = ['ann', 'bob', 'cat'] as const;
/** Groups of more than two are large. */
const tiny = { groupLimits: { fanOutMembersMax: 2 } };

function textsOf({ changes }: FeedListener): readonly string[] {
  return changes.flatMap((change) => (change.kind === 'message' ? [change.message.text] : []));
}

/** A device of the user's. */
function listener(rig: GroupRig, userId: string, since = '0', hasRoom = () => true): FeedListener {
  return new FeedListener(since, { mailbox: rig.mailbox(userId), time: rig.time, limit: 5, hasRoom });
}

describe('a large group that does not answer for a while', () => {
  const away = new Set<string>();
  const groups = (port: GroupPort): GroupPort => ({
    ...port,
    newsOfAll: (userId, known, deadline) =>
      [...known.keys()].some((groupId) => away.has(groupId))
        ? Promise.reject(new ProtocolError('unavailable', 'away'))
        : port.newsOfAll(userId, known, deadline),
    subscribe: (groupId, deadline) =>
      away.has(groupId)
        ? Promise.reject(new ProtocolError('unavailable', 'away'))
        : port.subscribe(groupId, deadline),
  });

  test.each([
    ['it', 0],
    ['another one of the user', 1],
  ])(
    'G8: a device that reads its feed meanwhile misses nothing that others were told: %s',
    async (_, which) => {
      away.clear();
      const [rig, first] = await GroupRig.with(trio, { ...tiny, groups });
      const second = await rig.made('ann', ['bob', 'cat'], { requestId: 'r2' });
      await rig.settle(30_000);
      const other = listener(rig, 'cat');
      await rig.settle();
      const since = other.position;
      await rig.say('ann', first, 'hello');
      await rig.settle();
      expect(textsOf(other)).toEqual(['hello']);
      away.add([first, second][which] ?? '');
      rig.node.registry.followers.askAgain();
      await rig.settle(500);
      const late = listener(rig, 'cat', since);
      await rig.settle(10_000);
      away.clear();
      await rig.settle(600_000);
      expect(textsOf(late)).toEqual(['hello']);
      expect(rig.alarms).toEqual([]);
    },
  );
});

describe('a node that is cut off from what a large group tells', () => {
  test('G9: shows a list that has everything, or none, though it has just been told of the group', async () => {
    let isCutOff = false;
    let isAway = false;
    const never = new Promise<boolean>(() => undefined);
    const [rig, groupId] = await GroupRig.with(trio, {
      ...tiny,
      members: (port) => ({
        ...port,
        announce: (...args) => (isCutOff ? never : port.announce(...args)),
      }),
      groups: (port) => ({
        ...port,
        newsOfAll: (...args) =>
          isAway ? Promise.reject(new ProtocolError('unavailable', 'away')) : port.newsOfAll(...args),
      }),
    });
    await rig.settle(30_000);
    const cat = listener(rig, 'cat');
    await rig.settle();
    await rig.say('ann', groupId, 'hello');
    await rig.settle();
    expect(textsOf(cat)).toEqual(['hello']);
    isCutOff = true;
    await rig.say('ann', groupId, 'are you there?');
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 2, unread: 2 });
    await rig.say('ann', groupId, 'so you are');
    isAway = true;
    await expect(rig.entry('cat', groupId)).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('a list that is read while a large group tells of a message', () => {
  test('G9: has it, though it was told first, and waits to be written', async () => {
    const [rig, groupId] = await GroupRig.with(trio, tiny);
    await rig.settle(30_000);
    const cat = listener(rig, 'cat');
    await rig.settle();
    let isFirst = true;
    rig.faultOf = ({ entityId, kind }) => {
      const isHeld = isFirst && kind === 'compareAndPut' && entityId === 'cat';
      isFirst &&= !isHeld;
      return isHeld ? { kind: 'slow', delayMs: 500 } : undefined;
    };
    const message = {
      to: 'cat',
      text: 'busy',
      messageId: rig.messageId('bob'),
      conversationId: 'dm:bob:cat',
    };
    const dm = rig.mailbox('bob').call('sendMessage', message, rig.deadline());
    await rig.settle(100);
    await rig.say('ann', groupId, 'hello');
    await rig.settle(100);
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 1, unread: 1 });
    await rig.time.drive(dm);
    await rig.settle();
    expect(textsOf(cat).toSorted()).toEqual(['busy', 'hello']);
  });
});

describe('who follows a large group', () => {
  test('G7, G8: hears it again after a view, also where an answer of before is still on its way', async () => {
    let gate: Promise<unknown> = Promise.resolve();
    const groups = (port: GroupPort): GroupPort => ({
      ...port,
      subscribe: async (groupId, deadline) => {
        const bulletin = await port.subscribe(groupId, deadline);
        await gate;
        return bulletin;
      },
    });
    const [rig, groupId] = await GroupRig.with(trio, { ...tiny, groups });
    await rig.settle(30_000);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    gate = promise;
    const cat = listener(rig, 'cat');
    await rig.settle(20);
    // The group goes to another node and comes back: who listens is forgotten.
    rig.group(groupId).leave();
    rig.node.registry.followers.askAgain();
    gate = Promise.resolve();
    resolve(undefined);
    await rig.settle();
    await rig.say('ann', groupId, 'hello');
    await rig.settle();
    expect(textsOf(cat)).toEqual(['hello']);
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 1 });
  });

  test('G7, G8: is told on where somebody listens again before "nobody is here" has arrived', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let isHeld = false;
    const members = (port: MemberPort): MemberPort => ({
      ...port,
      announce: (...args) => (isHeld ? promise : port.announce(...args)),
    });
    const [rig, groupId] = await GroupRig.with(trio, { ...tiny, members });
    await rig.settle(30_000);
    const first = listener(rig, 'cat');
    await rig.settle();
    first.stop();
    isHeld = true;
    await rig.say('ann', groupId, 'one');
    await rig.settle(50);
    const cat = listener(rig, 'cat', first.position);
    await rig.settle(50);
    isHeld = false;
    resolve(false);
    await rig.settle(50);
    await rig.say('ann', groupId, 'two');
    await rig.settle();
    expect(textsOf(cat)).toEqual(['one', 'two']);
    expect(await rig.entry('cat', groupId)).toMatchObject({ lastSeq: 2 });
  });
});

test('G4, G10: who could not be told of their own messages for long may write again when they are', async () => {
  const [rig, groupId] = await GroupRig.with(trio, tiny);
  await rig.settle(30_000);
  rig.faultOf = ({ kind, entityId }) =>
    kind === 'compareAndPut' && entityId === 'bob' ? { kind: 'unavailable' } : undefined;
  const say = (): Promise<unknown> => rig.say('bob', groupId, 'x');
  let sent = 0;
  const refusal = async (): Promise<unknown> => {
    for (; sent < 2_100; sent++) {
      try {
        await say();
      } catch (error) {
        return error;
      }
      await rig.say('ann', groupId, 'y');
      if (sent % 20 === 0) await rig.settle(2_000);
    }
    return undefined;
  };
  expect(await refusal()).toMatchObject({ kind: 'overloaded' });
  rig.faultOf = () => undefined;
  await rig.settle(120_000);
  expect(await say()).toMatchObject({ duplicate: false });
  expect(await rig.mark('bob', groupId, 0)).toMatchObject({ unread: sent });
}, 60_000);

describe('a mailbox that hears that it misses something of a large group', () => {
  test('G8: asks once more, also where its last question is just being answered', async () => {
    let asked = 0;
    const [rig] = await GroupRig.with(trio, {
      ...tiny,
      groups: (port) => ({
        ...port,
        newsOfAll: () => {
          asked++;
          return Promise.resolve([]);
        },
      }),
    });
    listener(rig, 'cat');
    await rig.settle(30_000);
    const { groups } = rig.node.registry.mailbox('cat');
    for (let turns = 0; turns < 30; turns++) {
      groups.askSoon();
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      asked = 0;
      groups.askSoon();
      await rig.settle();
      expect([turns, asked]).toEqual([turns, 1]);
    }
  });
});
