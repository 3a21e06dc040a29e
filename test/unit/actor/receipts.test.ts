import { describe, expect, test } from 'vitest';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import type { Change, Conversation } from '../../../src/protocol/message.ts';
import { rowHashCount } from '../../../src/row/row-key.ts';
import { allChanges } from '../../support/mailbox-audit.ts';
import { MailboxRig, type RigOptions } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');

async function rigWithUsers(options: RigOptions = {}): Promise<MailboxRig> {
  const rig = new MailboxRig(options);
  await rig.users('ann', 'bob');
  return rig;
}

function mark(rig: MailboxRig, name: 'markDelivered' | 'markRead', userId: string, seq: number) {
  return rig.time.drive(rig.mailbox(userId).call(name, { conversationId, seq }, rig.deadline()));
}

async function listed(rig: MailboxRig, userId: string): Promise<Conversation | undefined> {
  const params = { limit: 9, offset: 0 };
  const list = await rig.time.drive(rig.mailbox(userId).call('getConversations', params, rig.deadline()));
  return list.conversations[0];
}

async function receipts(rig: MailboxRig, userId: string): Promise<object[]> {
  const changes = await rig.time.drive(allChanges(rig.mailbox(userId), '0', 50, rig.deadline()));
  return (changes ?? [])
    .filter((change) => change.kind === 'receipt')
    .map(({ cursor: _, kind: __, ...receipt }: Change) => receipt);
}

/** Straight from the table, so that looking activates nobody. */
async function owing(rig: MailboxRig): Promise<readonly string[]> {
  const slice = { fromHash: 0, toHash: rowHashCount };
  return (await rig.table.scanOutbox(slice, undefined, 100, Infinity)).entityIds;
}

describe('receipts', () => {
  test('G9: marks only move on, are clamped to the last message, and read implies delivered', async () => {
    const rig = await rigWithUsers();
    const { seq: first } = await rig.sent('ann', 'bob', 'one');
    const { seq: second } = await rig.sent('ann', 'bob', 'two');
    expect(await mark(rig, 'markDelivered', 'bob', second + 9)).toEqual({ seq: second, unread: 2 });
    expect(await mark(rig, 'markDelivered', 'bob', first)).toEqual({ seq: second, unread: 2 });
    expect(await mark(rig, 'markRead', 'bob', first)).toEqual({ seq: first, unread: 1 });
    const { seq: third } = await rig.sent('ann', 'bob', 'three');
    expect(await mark(rig, 'markRead', 'bob', third)).toEqual({ seq: third, unread: 0 });
    expect(await mark(rig, 'markDelivered', 'bob', second)).toEqual({ seq: third, unread: 0 });
    const nowhere = { conversationId: 'dm:bob:cat', seq: 1 };
    await expect(
      rig.time.drive(rig.mailbox('bob').call('markDelivered', nowhere, rig.deadline())),
    ).rejects.toMatchObject({ kind: 'not_found' });
  });

  test('the other side hears of them, coalesced, and sees them in its list', async () => {
    const rig = await rigWithUsers();
    const { seq: first } = await rig.sent('ann', 'bob', 'one');
    const { seq: second } = await rig.sent('ann', 'bob', 'two');
    await rig.time.run(1_000);
    expect(await listed(rig, 'ann')).toMatchObject({ peerReadSeq: 0, peerDeliveredSeq: 0 });
    await mark(rig, 'markDelivered', 'bob', first);
    await mark(rig, 'markDelivered', 'bob', second);
    await mark(rig, 'markRead', 'bob', first);
    await rig.time.run(1_000);
    expect(await receipts(rig, 'ann')).toEqual([
      { conversationId, userId: 'bob', deliveredSeq: second, readSeq: first },
    ]);
    expect(await listed(rig, 'ann')).toMatchObject({ peerReadSeq: first, peerDeliveredSeq: second });
    // One's own marks are no receipts.
    expect(await receipts(rig, 'bob')).toEqual([]);
    await mark(rig, 'markRead', 'bob', second);
    await rig.time.run(1_000);
    expect(await receipts(rig, 'ann')).toHaveLength(2);
    await rig.time.run(30_000);
    expect(await owing(rig)).toEqual([]);
  });

  test('G5: they arrive after a kill right after the mark, with nobody coming back', async () => {
    const rig = await rigWithUsers({ outboxTiming: { clearAfterMs: 100 } });
    const { seq } = await rig.sent('ann', 'bob', 'one');
    await rig.time.run(30_000);
    expect(await owing(rig)).toEqual([]);
    await mark(rig, 'markRead', 'bob', seq);
    rig.node.process.kill();
    expect(await owing(rig)).toEqual(['bob']);
    rig.restart().sweeper.start();
    await rig.time.run(30_000);
    expect(await owing(rig)).toEqual([]);
    expect(await listed(rig, 'ann')).toMatchObject({ peerReadSeq: seq, peerDeliveredSeq: seq });
    expect(await receipts(rig, 'ann')).toHaveLength(1);
  });

  test('G5: they arrive once the row of the other side is in reach again, in one change', async () => {
    const rig = await rigWithUsers({ actorLimits: { commitDeadlineMs: 300 } });
    const seqs: number[] = [];
    for (let n = 0; n < 5; n++) seqs.push((await rig.sent('ann', 'bob', `text ${n}`)).seq);
    await rig.time.run(5_000);
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
    for (const seq of seqs) {
      await mark(rig, 'markRead', 'bob', seq);
      await rig.time.run(3_000);
    }
    expect(await receipts(rig, 'ann')).toEqual([]);
    rig.faultOf = () => undefined;
    await rig.time.run(60_000);
    const last = seqs.at(-1);
    expect(await receipts(rig, 'ann')).toEqual([
      { conversationId, userId: 'bob', deliveredSeq: last, readSeq: last },
    ]);
    expect(await owing(rig)).toEqual([]);
  });

  test('they survive a restart of both sides', async () => {
    const rig = await rigWithUsers();
    const { seq } = await rig.sent('ann', 'bob', 'one');
    await mark(rig, 'markDelivered', 'bob', seq);
    await rig.time.run(1_000);
    rig.restart();
    expect(await listed(rig, 'ann')).toMatchObject({ peerReadSeq: 0, peerDeliveredSeq: seq });
    expect(await mark(rig, 'markDelivered', 'bob', 1)).toEqual({ seq, unread: 1 });
  });
});
