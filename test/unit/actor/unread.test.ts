import { describe, expect, test } from 'vitest';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import type { Message } from '../../../src/protocol/message.ts';
import { allMessages } from '../../support/mailbox-audit.ts';
import { MailboxRig, type RigOptions } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');

/** A conversation in which own copies have slotted in below received messages. */
async function mixedConversation(options: RigOptions): Promise<MailboxRig> {
  const rig = new MailboxRig({ ...options, actorLimits: { commitDeadlineMs: 20 } });
  await rig.users('ann', 'bob');
  for (let turn = 0; turn < 6; turn++) {
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'bob' ? { kind: 'unavailable' } : undefined;
    for (let n = 0; n < 3; n++) await rig.sent('bob', 'ann', `own ${turn} ${n}`);
    await rig.time.run(100);
    rig.faultOf = () => undefined;
    for (let n = 0; n < turn; n++) await rig.sent('ann', 'bob', `received ${turn} ${n}`);
    if (turn % 2 === 0) await rig.time.run(20_000);
  }
  await rig.time.run(60_000);
  return rig;
}

function countAbove(messages: readonly Message[], seq: number): number {
  return messages.filter((message) => message.from === 'ann' && message.seq > seq).length;
}

describe('unread', () => {
  test.each([
    { where: 'in memory', options: {} },
    { where: 'partly in the store', options: { cacheLimits: { budgetBytes: 6_000, recentMs: 30_000 } } },
    { where: 'in the store', options: { cacheLimits: { budgetBytes: 1, recentMs: 0 } } },
  ])('G9: a mark at any seq, messages $where', async ({ options }) => {
    const rig = await mixedConversation(options);
    const bob = rig.mailbox('bob');
    const messages = await rig.time.drive(allMessages(bob, conversationId, 200, rig.deadline()));
    expect(messages).toHaveLength(33);
    const last = messages.at(-1)!.seq;
    for (let seq = 1; seq <= last + 2; seq++) {
      const marked = await rig.time.drive(bob.call('markRead', { conversationId, seq }, rig.deadline()));
      expect(marked).toEqual({ seq: Math.min(seq, last), unread: countAbove(messages, seq) });
      const again = await rig.time.drive(
        bob.call('markRead', { conversationId, seq: seq - 1 }, rig.deadline()),
      );
      expect(again).toEqual(marked);
      if (seq % 5 === 0) await rig.time.run(60_000);
      const list = await rig.time.drive(
        bob.call('getConversations', { limit: 9, offset: 0 }, rig.deadline()),
      );
      expect(list.conversations).toMatchObject([{ readSeq: marked.seq, unread: marked.unread }]);
    }
  });

  test('G9: a mark that moves before own copies arrive below it still counts exactly', async () => {
    const rig = new MailboxRig({ actorLimits: { commitDeadlineMs: 20 } });
    await rig.users('ann', 'bob');
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'bob' ? { kind: 'unavailable' } : undefined;
    for (let n = 0; n < 4; n++) await rig.sent('bob', 'ann', `own ${n}`);
    await rig.time.run(100);
    rig.faultOf = () => undefined;
    const seqs: number[] = [];
    for (let n = 0; n < 4; n++) seqs.push((await rig.sent('ann', 'bob', `received ${n}`)).seq);
    const mark = (seq: number) =>
      rig.time.drive(rig.mailbox('bob').call('markRead', { conversationId, seq }, rig.deadline()));
    expect(await mark(seqs[1]!)).toEqual({ seq: seqs[1], unread: 2 });
    await rig.time.run(60_000);
    rig.restart();
    expect(await mark(1)).toEqual({ seq: seqs[1], unread: 2 });
    expect(await mark(seqs[2]!)).toEqual({ seq: seqs[2], unread: 1 });
  });

  test('G9: sending does not move the mark, and a mark in one commit with what it marks counts that', async () => {
    const rig = new MailboxRig({ storeDelay: () => 2 });
    await rig.users('ann', 'bob');
    await rig.sent('ann', 'bob', 'one');
    const sends = [rig.send('ann', 'bob', 'two'), rig.send('bob', 'ann', 'own')];
    const mark = rig.mailbox('bob').call('markRead', { conversationId, seq: 2 }, rig.deadline());
    await rig.time.drive(Promise.all([...sends, mark]));
    await rig.time.run(1_000);
    const list = await rig.time.drive(
      rig.mailbox('bob').call('getConversations', { limit: 9, offset: 0 }, rig.deadline()),
    );
    expect(list.conversations).toMatchObject([
      { unread: 1, readSeq: 2, lastFrom: expect.any(String) as string },
    ]);
  });

  test('a mark in a conversation that is not there is refused', async () => {
    const rig = new MailboxRig();
    await rig.users('ann');
    const mark = rig.mailbox('ann').call('markRead', { conversationId, seq: 2 }, rig.deadline());
    await expect(rig.time.drive(mark)).rejects.toMatchObject({ kind: 'not_found' });
  });
});
