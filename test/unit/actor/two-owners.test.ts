import { describe, expect, test } from 'vitest';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import { allMessages } from '../../support/mailbox-audit.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { GroupRig } from '../../support/group-rig.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');

describe('two nodes that both own everybody', () => {
  test('G6: interleaved writes of one row: nothing lost, nothing forked', async () => {
    const random = new SeededRandom(5);
    const rig = new MailboxRig({ isLeaseCurrent: false, storeDelay: () => random.below(3) });
    await rig.users('ann', 'bob', 'cat');
    const nodes = [rig.node, rig.startNode()];
    const acked = new Map<string, number>();
    for (let n = 0; n < 60; n++) {
      const node = nodes[n % 2]!;
      const send = async (): Promise<void> => {
        const params = rig.params(n % 3 === 0 ? 'cat' : 'ann', 'bob', `text ${n}`);
        for (let tries = 0; tries < 20; tries++) {
          try {
            const from = n % 3 === 0 ? 'cat' : 'ann';
            const { seq } = await node.mailbox(from).call('sendMessage', params, rig.deadline());
            acked.set(`${params.conversationId} ${params.text}`, seq);
            return;
          } catch (error) {
            expect(error).toMatchObject({ kind: 'unavailable' });
          }
        }
      };
      void send();
      await rig.time.run(random.below(4));
    }
    await rig.time.run(20_000);
    expect(acked.size).toBe(60);
    expect(nodes.reduce((sum, { tally }) => sum + tally.conflicts, 0)).toBeGreaterThan(10);
    for (const peer of ['ann', 'cat']) {
      const id = dmIdOf(peer, 'bob');
      for (const node of nodes) {
        const [own, theirs] = await rig.time.drive(
          Promise.all([peer, 'bob'].map((user) => allMessages(node.mailbox(user), id, 9, rig.deadline()))),
        );
        expect(own).toEqual(theirs);
        const seqs = new Map(own?.map(({ text, seq }) => [`${id} ${text}`, seq]));
        const expected = [...acked].filter(([key]) => key.startsWith(id));
        expect(seqs).toEqual(new Map(expected.toSorted(([, a], [, b]) => a - b)));
      }
    }
  });

  test('G7: a node that does not hold the row sees what the other one wrote', async () => {
    const rig = new MailboxRig({ isLeaseCurrent: false });
    await rig.users('ann', 'bob');
    const other = rig.startNode();
    for (let n = 1; n < 5; n++) {
      const [writer, reader] = n % 2 === 0 ? [rig.node, other] : [other, rig.node];
      await rig.sent('ann', 'bob', `text ${n}`, {}, writer);
      const read = allMessages(reader.mailbox('bob'), conversationId, 9, rig.deadline());
      expect(await rig.time.drive(read)).toHaveLength(n);
    }
  });

  test('G7: a read does not join a load that began before the write it has to show', async () => {
    const delays: number[] = [];
    const rig = new MailboxRig({ isLeaseCurrent: false, storeDelay: () => delays.shift() ?? 0 });
    await rig.users('ann', 'bob');
    await rig.sent('ann', 'bob', 'text 1');
    const other = rig.startNode();
    const count = async (): Promise<number> =>
      (await allMessages(other.mailbox('bob'), conversationId, 9, rig.deadline())).length;
    delays.push(0, 500);
    const early = count();
    await rig.time.run(1);
    await rig.sent('ann', 'bob', 'text 2');
    const late = count();
    expect(await rig.time.drive(late)).toBe(2);
    await rig.time.drive(early);
  });

  test('G7: an image of the row that arrives late does not take memory back', async () => {
    const delays: number[] = [];
    const rig = new MailboxRig({ isLeaseCurrent: false, storeDelay: () => delays.shift() ?? 0 });
    await rig.users('ann', 'bob');
    await rig.sent('ann', 'bob', 'text 1');
    const other = rig.startNode();
    const bob = other.mailbox('bob');
    await rig.time.drive(allMessages(bob, conversationId, 9, rig.deadline()));
    await rig.sent('ann', 'bob', 'text 2');
    // The first answer to this node's version check takes long; meanwhile more is written and read.
    delays.push(0, 300);
    const slow = allMessages(bob, conversationId, 9, rig.deadline());
    await rig.time.run(1);
    await rig.sent('ann', 'bob', 'text 3');
    expect(await rig.time.drive(allMessages(bob, conversationId, 9, rig.deadline()))).toHaveLength(3);
    await rig.time.drive(slow);
    expect(await rig.time.drive(allMessages(bob, conversationId, 9, rig.deadline()))).toHaveLength(3);
  });

  test('G7: reads go on while this node commits without a pause', async () => {
    const rig = new MailboxRig({ isLeaseCurrent: false, storeDelay: () => 1 });
    await rig.users('ann', 'bob');
    let isOver = false;
    const flood = async (): Promise<void> => {
      for (let n = 0; !isOver; n++) await rig.send('ann', 'bob', `text ${n}`);
    };
    const floods = [flood(), flood(), flood()];
    await rig.time.run(20);
    for (let n = 0; n < 100; n++) {
      const read = rig.mailbox('bob').call('getMessages', { conversationId, limit: 3 }, rig.deadline());
      expect((await rig.time.drive(read)).messages).toHaveLength(3);
    }
    isOver = true;
    await rig.time.drive(Promise.all(floods));
  });
});

describe('a node that lost its users and has them again', () => {
  test.each(['dm', 'group'] as const)(
    'G3: refuses what waited meanwhile, so that it does not overtake what was refused: %s',
    async (kind) => {
      let epoch = 5;
      let since = 5;
      const tenure = { epoch: () => epoch, keeps: (_: string, sinceEpoch: number) => sinceEpoch >= since };
      const [rig, groupId] = await GroupRig.with(['ann', 'bob'], {
        tenure,
        actorLimits: { commitInputsMax: 1 },
        sendingLimits: { envelopeMax: 1 },
      });
      const send = (): Promise<unknown> => {
        const to = kind === 'dm' ? conversationId : groupId;
        const params = { conversationId: to, text: 'x', messageId: rig.messageId('ann') };
        const sent =
          kind === 'dm'
            ? rig.mailbox('ann').call('sendMessage', params, rig.deadline())
            : rig.group(groupId).send('ann', params, rig.deadline());
        return sent.catch((error: unknown) => error);
      };
      const before = send();
      [epoch, since] = [7, 7];
      // Waits behind that one, and is refused with it: only in their order are both tried again.
      const behind = send();
      for (const sent of [before, behind]) {
        expect(await rig.time.drive(sent)).toMatchObject({ kind: 'moved' });
      }
      expect(await rig.time.drive(send())).toMatchObject({ duplicate: false });
      await rig.settle();
      const pageOf = (): Promise<readonly unknown[]> =>
        kind === 'dm'
          ? rig.time.drive(allMessages(rig.mailbox('bob'), conversationId, 9, rig.deadline()))
          : rig.texts('bob', groupId);
      expect(await pageOf()).toHaveLength(1);
    },
  );
});
