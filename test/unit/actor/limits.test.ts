import { describe, expect, test } from 'vitest';
import { dedupEntryBytes } from '../../../src/conversation/dedup-window.ts';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import { allMessages } from '../../support/mailbox-audit.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');

interface Outcome {
  readonly acked: string[];
  readonly refused: unknown[];
}

async function sendAll(rig: MailboxRig, pairs: readonly (readonly [string, string])[]): Promise<Outcome> {
  const acked: string[] = [];
  const refused: unknown[] = [];
  const sends = pairs.map(async ([from, to], n) => {
    try {
      acked.push((await rig.send(from, to, `text ${n}`)).messageId);
    } catch (error) {
      refused.push(error);
    }
  });
  await rig.time.drive(Promise.all(sends));
  return { acked, refused };
}

async function idsOf(rig: MailboxRig, userId: string): Promise<string[]> {
  const read = allMessages(rig.mailbox(userId), conversationId, 200, rig.deadline());
  return (await rig.time.drive(read)).map(({ messageId }) => messageId);
}

describe('limits', () => {
  test('G10: a full lane says overloaded; what was accepted is all there', async () => {
    const rig = new MailboxRig({ sendingLimits: { waitingMax: 10 } });
    await rig.users('ann', 'bob');
    const { acked, refused } = await sendAll(rig, Array<[string, string]>(25).fill(['ann', 'bob']));
    expect(acked).toHaveLength(10);
    for (const error of refused) {
      expect(error).toMatchObject({
        kind: 'overloaded',
        details: { retryAfterMs: expect.any(Number) as number },
      });
    }
    await rig.time.run(5_000);
    expect(await idsOf(rig, 'bob')).toEqual(acked);
    expect(await idsOf(rig, 'ann')).toEqual(acked);
  });

  test('G10: a full inbox says overloaded; room for the copies was kept', async () => {
    const rig = new MailboxRig({ actorLimits: { inboxInputsMax: 4 }, storeDelay: () => 5 });
    const senders = Array.from({ length: 12 }, (_, n) => `user${n}`);
    await rig.users('bob', ...senders);
    const { acked, refused } = await sendAll(
      rig,
      senders.map((sender) => [sender, 'bob'] as const),
    );
    expect(acked.length).toBeGreaterThanOrEqual(4);
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) expect(error).toMatchObject({ kind: 'overloaded' });
    await rig.time.run(5_000);
    const list = await rig.time.drive(
      rig.mailbox('bob').call('getConversations', { limit: 99, offset: 0 }, rig.deadline()),
    );
    expect(list.conversations).toHaveLength(acked.length);
    // Places are given back: as many fit as at first.
    for (let n = 0; n < 3; n++) {
      await rig.time.run(1_000);
      await expect(rig.sent('user1', 'bob', `again ${n}`)).resolves.toMatchObject({ duplicate: false });
    }
  });

  test('G10: reserved places are given back, whatever becomes of a send', async () => {
    const rig = new MailboxRig({ actorLimits: { inboxInputsMax: 2, commitDeadlineMs: 20 } });
    await rig.users('ann', 'bob');
    for (let n = 0; n < 10; n++) {
      rig.faultOf = ({ kind }) => (kind === 'compareAndPut' && n % 2 === 0 ? { kind: 'lost' } : undefined);
      await rig.sent('ann', n % 3 === 0 ? 'nobody' : 'bob', `text ${n}`).catch(() => undefined);
      await rig.time.run(1_000);
    }
    rig.faultOf = () => undefined;
    await rig.time.run(60_000);
    const both = await sendAll(rig, [
      ['ann', 'bob'],
      ['ann', 'bob'],
    ]);
    expect(both.refused).toEqual([]);
  });

  test('G10: too many copies that are not confirmed: overloaded, until they are', async () => {
    const rig = new MailboxRig({
      mailboxLimits: { outboxPendingMax: 5 },
      actorLimits: { commitDeadlineMs: 50 },
    });
    await rig.users('ann', 'bob');
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
    const acked: string[] = [];
    for (let n = 0; n < 8; n++) {
      const send = rig.sent('ann', 'bob', `text ${n}`);
      if (n < 5) acked.push((await send).messageId);
      else await expect(send).rejects.toMatchObject({ kind: 'overloaded' });
    }
    rig.faultOf = () => undefined;
    await rig.time.run(30_000);
    expect(await idsOf(rig, 'ann')).toEqual(acked);
    await expect(rig.sent('ann', 'bob', 'more')).resolves.toMatchObject({ duplicate: false });
  });

  test('G10: an envelope that confirms all copies makes room for its own messages', async () => {
    const rig = new MailboxRig({
      mailboxLimits: { outboxPendingMax: 3 },
      outboxTiming: { settleAfterMs: 1e9, confirmAfterMs: 1e9 },
    });
    await rig.users('ann', 'bob');
    for (let turn = 0; turn < 4; turn++) {
      const texts = [0, 1, 2].map((n) => `text ${turn} ${n}`);
      await rig.time.drive(Promise.all(texts.map((text) => rig.send('ann', 'bob', text))));
      await rig.time.run(100);
    }
  });

  test('G10: a stranger can fill the list up to its limit, and no further', async () => {
    const rig = new MailboxRig({ mailboxLimits: { conversationsMax: 3 } });
    const strangers = Array.from({ length: 5 }, (_, n) => `user${n}`);
    await rig.users('bob', ...strangers);
    const { acked, refused } = await sendAll(
      rig,
      strangers.map((user) => [user, 'bob'] as const),
    );
    expect(acked).toHaveLength(3);
    for (const error of refused) expect(error).toMatchObject({ kind: 'forbidden' });
    // Those that are in the list may write on.
    await rig.time.run(5_000);
    await expect(rig.sent('user0', 'bob', 'more')).resolves.toMatchObject({ duplicate: false });
  });

  test('G10: nobody makes the own mailbox unreadable by writing to ever more people', async () => {
    const rig = new MailboxRig({ mailboxLimits: { conversationsMax: 3 } });
    const people = Array.from({ length: 100 }, (_, n) => `user${n}`);
    await rig.users('ann', ...people);
    const { acked, refused } = await sendAll(
      rig,
      people.map((user) => ['ann', user] as const),
    );
    for (const error of refused) expect(error).toMatchObject({ kind: 'forbidden' });
    expect(acked).toHaveLength(3);
    for (let n = 0; n < 10; n++) {
      await rig.time.run(1_000);
      await expect(rig.sent('ann', `user${50 + n}`, 'more')).rejects.toMatchObject({ kind: 'forbidden' });
    }
    rig.restart();
    const read = rig.mailbox('ann').call('getConversations', { limit: 99, offset: 0 }, rig.deadline());
    expect((await rig.time.drive(read)).conversations).toHaveLength(3);
  });
});

describe('the cache', () => {
  const people = Array.from({ length: 30 }, (_, n) => `user${String(n).padStart(2, '0')}`);

  async function busyRig(budgetBytes: number): Promise<MailboxRig> {
    const rig = new MailboxRig({ cacheLimits: { budgetBytes, recentMs: 1e9 } });
    await rig.users(...people);
    for (let n = 0; n < 300; n++) {
      const from = rig.random.pick(people);
      const to = rig.random.pick(people.filter((user) => user !== from));
      await rig.sent(from, to, `text ${n} ${'x'.repeat(400)}`);
    }
    return rig;
  }

  test('G10: memory stays within the budget once what is under way is done', async () => {
    const rig = await busyRig(40_000);
    await rig.time.run(60_000);
    const { stats } = rig.node.registry;
    expect(stats.bytes).toBeLessThanOrEqual(40_000);
    expect(stats.bytes).toBeGreaterThan(10_000);
    expect(stats.evictedTiers).toBeGreaterThan(10);
    expect(stats.evictedMailboxes).toBeGreaterThan(10);
  });

  test('G10: what reads bring into memory is counted and evicted too', async () => {
    const rig = await busyRig(40_000);
    await rig.time.run(60_000);
    for (let round = 0; round < 3; round++) {
      for (const userId of people) {
        const mailbox = rig.mailbox(userId);
        const list = await rig.time.drive(
          mailbox.call('getConversations', { limit: 99, offset: 0 }, rig.deadline()),
        );
        for (const conversation of list.conversations) {
          await rig.time.drive(allMessages(mailbox, conversation.conversationId, 3, rig.deadline()));
        }
      }
    }
    await rig.time.run(1);
    let actual = 0;
    for (const userId of people) actual += rig.node.registry.mailbox(userId).state?.bytes ?? 0;
    expect(actual).toBeLessThanOrEqual(40_000);
    expect(rig.node.registry.stats.bytes).toBeGreaterThanOrEqual(actual);
  });

  test('G10: what is read again right after its eviction is counted again', async () => {
    const budgetBytes = 14_000;
    const rig = new MailboxRig({ cacheLimits: { budgetBytes, recentMs: 1e9 } });
    await rig.users('ann', 'bob');
    await rig.sent('ann', 'bob', 'x'.repeat(8_000));
    await rig.time.run(60_000);
    // There is room for one of the two copies: each read brings one in and drives the other one out.
    for (const reader of ['ann', 'bob', 'ann', 'bob', 'ann', 'bob']) {
      await rig.time.drive(
        rig.mailbox(reader).call('getMessages', { conversationId, limit: 50 }, rig.deadline()),
      );
      await rig.time.run(10);
      const held = ['ann', 'bob'].map((userId) => rig.node.registry.mailbox(userId).state?.bytes ?? 0);
      expect(Math.max(...held)).toBeGreaterThan(8_000);
      expect(held.reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(budgetBytes);
    }
  });

  test('G10: what a mailbox remembers of repeats is counted, also when it was read from the store', async () => {
    const rig = new MailboxRig();
    await rig.users('ann', 'bob');
    const send = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await rig.sent('ann', 'bob', `text ${n}`);
    };
    await send(500);
    await rig.time.run(60_000);
    rig.restart();
    // Enough for some of what was read to be dropped again.
    await send(300);
    const state = rig.node.registry.mailbox('bob').state;
    expect(state?.dedup.entries.size).toBeGreaterThan(200);
    const held = 300 * 200 + (state?.dedup.entries.size ?? 0) * dedupEntryBytes;
    expect(state?.bytes).toBeGreaterThan(held);
  });

  test('G10: mailboxes of people who were only asked for do not pile up, also while the store is away', async () => {
    const rig = new MailboxRig({ cacheLimits: { budgetBytes: 100_000, recentMs: 0 } });
    rig.faultOf = () => ({ kind: 'unavailable' });
    for (let n = 0; n < 1_000; n++) {
      const asked = rig.mailbox(`nobody${n}`).call('account', null, rig.deadline(10));
      await expect(rig.time.drive(asked)).rejects.toMatchObject({ kind: 'unavailable' });
    }
    await rig.time.run(60_000);
    expect(rig.node.registry.stats.mailboxes).toBeLessThan(200);
  });

  test('G10: a mailbox with work under way is never evicted', async () => {
    const rig = new MailboxRig({ cacheLimits: { budgetBytes: 1, recentMs: 0 }, storeDelay: () => 50 });
    await rig.users('ann', 'bob');
    const send = rig.send('ann', 'bob', 'text');
    await rig.time.run(120);
    // The message has reached it by now; others come and go.
    const mailbox = rig.node.registry.mailbox('bob');
    for (const other of ['cat', 'dan']) void rig.mailbox(other).call('account', null, rig.deadline());
    await rig.time.run(20);
    expect(rig.node.registry.mailbox('bob')).toBe(mailbox);
    await rig.time.drive(send);
    await rig.time.run(60_000);
    expect(rig.node.registry.stats).toMatchObject({ mailboxes: 0, bytes: 0 });
  });

  test('G10: where all are busy and there is no room for them, the node does nothing but wait for them', async () => {
    const rig = new MailboxRig({ cacheLimits: { budgetBytes: 1_000, recentMs: 0 }, storeDelay: () => 5 });
    const many = Array.from({ length: 200 }, (_, n) => `many${n}`);
    await rig.users(...many);
    const sends = many.map((userId, n) => rig.send(userId, many[(n + 1) % many.length]!, 'text'));
    await rig.time.drive(Promise.all(sends));
    await rig.time.run(60_000);
    expect(rig.node.registry.stats).toMatchObject({ mailboxes: 0, bytes: 0 });
  });

  test('G10: a store that refuses commits is not asked more often because there is no room in memory', async () => {
    const cacheLimits = { budgetBytes: 20_000, recentMs: 0 };
    const rig = new MailboxRig({ cacheLimits, actorLimits: { commitDeadlineMs: 100 } });
    const many = Array.from({ length: 80 }, (_, n) => `many${n}`);
    await rig.users(...many);
    let commits = 0;
    rig.faultOf = ({ kind }) => {
      if (kind !== 'compareAndPut') return undefined;
      commits++;
      return { kind: 'unavailable' };
    };
    const sends = many.map((userId, n) => rig.send(userId, many[(n + 1) % many.length]!, 'text'));
    await rig.time.drive(Promise.allSettled(sends));
    await rig.time.run(30_000);
    // Each asks some times until its deadline, and then after pauses that double.
    expect(commits).toBeGreaterThan(80);
    expect(commits).toBeLessThan(80 * 50);
    rig.faultOf = () => undefined;
    await rig.time.run(1_800_000);
    expect(rig.node.registry.stats.bytes).toBeLessThanOrEqual(20_000);
  });

  test('G10: who waits for one mailbox to leave does not look at all that stay again and again', async () => {
    const rig = new MailboxRig({ storeDelay: () => 5_000 });
    const { registry } = rig.node;
    for (let n = 0; n < 100; n++) registry.mailbox(`stays${n}`);
    const asked = rig.mailbox('goes').call('account', null, rig.deadline());
    await rig.time.run(10);
    let looks = 0;
    registry.release((userId) => {
      looks++;
      return userId !== 'goes';
    });
    expect(looks).toBeLessThan(110);
    await rig.time.run(4_000);
    expect(registry.stats.mailboxes).toBe(101);
    expect(looks).toBeLessThan(150);
    await rig.time.drive(Promise.allSettled([asked]));
    await rig.time.run(1_000);
    expect(registry.stats.mailboxes).toBe(100);
  });

  test('listeners are forgotten with their last subscription', async () => {
    const rig = new MailboxRig();
    await rig.users('bob');
    let heard = 0;
    const subscriptions = [0, 1].map(() => rig.mailbox('bob').subscribe(() => heard++));
    subscriptions[0]?.();
    subscriptions[0]?.();
    await rig.users('ann');
    await rig.sent('ann', 'bob', 'text');
    expect(heard).toBe(1);
    subscriptions[1]?.();
    await rig.sent('ann', 'bob', 'more');
    expect(heard).toBe(1);
  });
});
