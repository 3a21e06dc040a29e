import { describe, expect, test } from 'vitest';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import { allMessages } from '../../support/mailbox-audit.ts';
import { MailboxRig, type RigNode, type RigOptions } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');
const hour = 3_600_000;

async function rigWithUsers(options: RigOptions = {}): Promise<MailboxRig> {
  const rig = new MailboxRig(options);
  await rig.users('ann', 'bob');
  return rig;
}

async function textsOf(rig: MailboxRig, userId: string): Promise<string[]> {
  // The sender's copy follows the reply.
  await rig.time.run(5_000);
  const read = allMessages(rig.mailbox(userId), conversationId, 200, rig.deadline());
  return (await rig.time.drive(read)).map(({ text }) => text);
}

function repeat(rig: MailboxRig, messageId: string, text: string, node: RigNode = rig.node) {
  return rig.sent('ann', 'bob', text, { messageId }, node);
}

describe('repeats of a send', () => {
  test('G2: a repeat after the reply gets the same answer', async () => {
    const rig = await rigWithUsers();
    const first = await rig.sent('ann', 'bob', 'hi');
    await rig.time.run(5_000);
    expect(first.duplicate).toBe(false);
    expect(await repeat(rig, first.messageId, 'hi')).toEqual({ ...first, duplicate: true });
    expect(await textsOf(rig, 'bob')).toEqual(['hi']);
  });

  test('G2: the same send twice at once, in one envelope', async () => {
    const rig = await rigWithUsers();
    const { messageId } = rig.params('ann', 'bob', 'hi');
    const both = await rig.time.drive(
      Promise.all([0, 1].map(() => rig.send('ann', 'bob', 'hi', { messageId }))),
    );
    expect(both.map(({ duplicate }) => duplicate)).toEqual([false, true]);
    expect(both[1]).toEqual({ ...both[0], duplicate: true });
    expect(await textsOf(rig, 'bob')).toEqual(['hi']);
    expect(await textsOf(rig, 'ann')).toEqual(['hi']);
  });

  test('G2: the same send at once on two nodes that both own everybody', async () => {
    const rig = await rigWithUsers({ isLeaseCurrent: false, storeDelay: () => 1 });
    const other = rig.startNode();
    const { messageId } = rig.params('ann', 'bob', 'hi');
    const both = await rig.time.drive(
      Promise.all([rig.node, other].map((node) => rig.send('ann', 'bob', 'hi', { messageId }, node))),
    );
    expect(both.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(both[0]?.seq).toBe(both[1]?.seq);
    expect(both[0]?.timestamp).toBe(both[1]?.timestamp);
    expect(await textsOf(rig, 'bob')).toEqual(['hi']);
  });

  test('G2: after a kill and a start', async () => {
    const rig = await rigWithUsers();
    const first = await rig.sent('ann', 'bob', 'hi');
    rig.restart();
    expect(await repeat(rig, first.messageId, 'hi')).toEqual({ ...first, duplicate: true });
    expect(await textsOf(rig, 'ann')).toEqual(['hi']);
  });

  test('G2: after everything left memory', async () => {
    const rig = await rigWithUsers({ cacheLimits: { budgetBytes: 1 } });
    const first = await rig.sent('ann', 'bob', 'hi');
    await rig.time.run(60_000);
    expect(rig.node.registry.stats.mailboxes).toBe(0);
    expect(await repeat(rig, first.messageId, 'hi')).toEqual({ ...first, duplicate: true });
  });

  test('G2: an id older than those in memory is looked up in the store', async () => {
    const rig = await rigWithUsers();
    const first = await rig.sent('ann', 'bob', 'first');
    for (let i = 0; i < 600; i += 50) {
      await rig.time.run(10);
      await rig.time.drive(
        Promise.all(Array.from({ length: 50 }, (_, n) => rig.send('ann', 'bob', `text ${i + n}`))),
      );
    }
    for (const start of [() => rig.node, () => rig.restart()]) {
      const bob = start().registry.mailbox('bob');
      await rig.time.drive(bob.wake(rig.deadline()));
      expect(bob.state?.dedup.entries.has(first.messageId)).toBe(false);
      expect(await repeat(rig, first.messageId, 'first')).toEqual({ ...first, duplicate: true });
      await expect(repeat(rig, first.messageId, 'other')).rejects.toMatchObject({ kind: 'conflict' });
      // Not known anywhere: a new one, though its time is before those in memory.
      const messageId = `${rig.time.wallMs() - hour}.ann.d2.${start === rig.restart ? 1 : 2}${rig.random.below(1e6)}`;
      expect(await repeat(rig, messageId, 'late')).toMatchObject({ duplicate: false });
    }
    expect(await textsOf(rig, 'bob')).toHaveLength(603);
  });

  test('G2: the window is 24 h; an older id is refused, and never sent twice', async () => {
    const rig = await rigWithUsers();
    const first = await rig.sent('ann', 'bob', 'hi');
    await rig.time.run(24 * hour - 1);
    expect(await repeat(rig, first.messageId, 'hi')).toEqual({ ...first, duplicate: true });
    rig.restart();
    expect(await repeat(rig, first.messageId, 'hi')).toEqual({ ...first, duplicate: true });
    await rig.time.run(3 * hour);
    rig.restart();
    await expect(repeat(rig, first.messageId, 'hi')).rejects.toMatchObject({ kind: 'stale_message_id' });
    const old = `${rig.time.wallMs() - 24 * hour - 1}.ann.d1`;
    await expect(repeat(rig, old, 'old')).rejects.toMatchObject({ kind: 'stale_message_id' });
    expect(await textsOf(rig, 'bob')).toEqual(['hi']);
  });

  test('G2: the same id with another content is a conflict and changes nothing', async () => {
    const rig = await rigWithUsers();
    const { messageId } = await rig.sent('ann', 'bob', 'hi');
    const mediaRef = { ref: 'r', type: 'image/png', size: 1 };
    for (const more of [{ text: 'ho' }, { replyTo: 2 }, { mediaRef }]) {
      await expect(rig.sent('ann', 'bob', 'hi', { messageId, ...more })).rejects.toMatchObject({
        kind: 'conflict',
      });
    }
    expect(await textsOf(rig, 'bob')).toEqual(['hi']);
  });

  test('G2: a repeat after a commit of unknown fate that landed late', async () => {
    const rig = await rigWithUsers({ actorLimits: { commitDeadlineMs: 100 } });
    const params = rig.params('ann', 'bob', 'hi');
    const send = () => rig.time.drive(rig.mailbox('ann').call('sendMessage', params, rig.deadline()));
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'bob' ? { kind: 'late', delayMs: 150 } : undefined;
    await expect(send()).rejects.toMatchObject({ kind: 'unavailable' });
    rig.faultOf = () => undefined;
    await rig.time.run(200);
    expect(await send()).toMatchObject({ duplicate: true });
    expect(await textsOf(rig, 'bob')).toEqual(['hi']);
    expect(await textsOf(rig, 'ann')).toEqual(['hi']);
  });

  test('G4: creating an account again after a lost reply is no conflict with itself', async () => {
    const rig = new MailboxRig({ storeDelay: () => 1 });
    const account = { name: 'Ann', createdAt: 1, passwordHash: 'salted', tokensValidFrom: 0 };
    const create = (more = {}) =>
      rig.time.drive(rig.mailbox('ann').call('createAccount', { ...account, ...more }, rig.deadline()));
    await create();
    await create();
    await expect(create({ passwordHash: 'other' })).rejects.toMatchObject({ kind: 'conflict' });
  });
});
