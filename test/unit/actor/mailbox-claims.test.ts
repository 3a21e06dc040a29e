import { describe, expect, test } from 'vitest';
import { MailboxClaims } from '../../../src/actor/mailbox-claims.ts';
import type { ChangeBatch } from '../../../src/router/mailbox-port.ts';
import { MailboxRig, type RigNode } from '../../support/mailbox-rig.ts';

function claimsOf(rig: MailboxRig, { registry }: RigNode): MailboxClaims {
  const { time, random } = rig;
  const alarm = (error: unknown, what: string): void => {
    rig.alarms.push({ error, what });
  };
  return new MailboxClaims({ registry, time, random: random.next, deadlineMs: 5_000, alarm });
}

describe('mailboxes that were taken over', () => {
  test('G8: who listens hears of what the former owner committed after it had read', async () => {
    const rig = new MailboxRig({ isLeaseCurrent: false });
    await rig.users('ann', 'bob', 'cat');
    const taker = rig.startNode();
    const heard: ChangeBatch[] = [];
    taker.registry.subscribe('bob', (batch) => heard.push(batch));
    const changes = (since?: string): Promise<unknown> =>
      rig.time.drive(
        taker
          .mailbox('bob')
          .call('getChanges', { limit: 9, ...(since !== undefined && { since }) }, rig.deadline()),
      );
    const { cursor } = (await changes()) as { cursor: string };
    claimsOf(rig, taker).begin((userId) => userId !== 'cat');
    await rig.sent('ann', 'bob', 'text 1');
    heard.length = 0;
    await rig.time.run(2_000);
    expect(heard.length).toBeGreaterThan(0);
    expect(await changes(cursor)).toMatchObject({ changes: [{ message: { text: 'text 1' } }] });
    expect(rig.alarms).toEqual([]);
  });

  test('each is claimed once, and only those on which somebody listens', async () => {
    const rig = new MailboxRig({ isLeaseCurrent: false });
    await rig.users('ann', 'bob', 'cat');
    const taker = rig.startNode();
    taker.registry.subscribe('bob', () => undefined);
    taker.registry.subscribe('cat', () => undefined);
    const claims = claimsOf(rig, taker);
    claims.begin((userId) => userId !== 'cat');
    await rig.time.run(5_000);
    expect(taker.tally.commits).toBe(1);
    taker.registry.subscribe('ann', () => undefined);
    await rig.time.run(30_000);
    expect(taker.tally.commits).toBe(2);
    claims.begin(() => true);
    claims.stop();
    await rig.time.run(30_000);
    expect(taker.tally.commits).toBe(2);
  });

  test('what cannot be claimed now is tried again', async () => {
    const rig = new MailboxRig({ isLeaseCurrent: false });
    await rig.users('bob');
    const taker = rig.startNode();
    taker.registry.subscribe('bob', () => undefined);
    rig.faultOf = () => ({ kind: 'lost' });
    claimsOf(rig, taker).begin(() => true);
    await rig.time.run(6_000);
    expect(taker.tally.commits).toBe(0);
    rig.faultOf = () => undefined;
    await rig.time.run(30_000);
    expect(taker.tally.commits).toBe(1);
  });

  test('G8: where the store is away for longer they are tried further, and at last listeners are told to read', async () => {
    const rig = new MailboxRig({ isLeaseCurrent: false });
    await rig.users('bob', 'cat');
    const [first, second] = [rig.startNode(), rig.startNode()];
    const heard: ChangeBatch[] = [];
    first.registry.subscribe('bob', () => undefined);
    second.registry.subscribe('cat', (batch) => heard.push(batch));
    rig.faultOf = () => ({ kind: 'lost' });
    claimsOf(rig, first).begin(() => true);
    await rig.time.run(35_000);
    expect(first.tally.commits).toBe(0);
    rig.faultOf = () => undefined;
    await rig.time.run(15_000);
    expect(first.tally.commits).toBeGreaterThan(0);

    rig.faultOf = () => ({ kind: 'lost' });
    claimsOf(rig, second).begin(() => true);
    await rig.time.run(35_000);
    expect(heard).toEqual([]);
    await rig.time.run(120_000);
    expect(heard).toEqual([{ previous: '', head: '', changes: [], hasUnlisted: true }]);
  });
});

describe('users on whom somebody begins to listen', () => {
  const listening = (rig: MailboxRig, ...userIds: readonly string[]): RigNode => {
    const node = rig.startNode();
    const claims = claimsOf(rig, node);
    node.registry.onAudience((userId, isHeard) => {
      if (!isHeard) return;
      claims.heard(userId);
    });
    for (const userId of userIds) node.registry.subscribe(userId, () => undefined);
    return node;
  };

  test('are claimed, so that their reads need not ask the store any more', async () => {
    const rig = new MailboxRig();
    await rig.users('ann', 'bob', 'cat');
    const node = listening(rig, 'bob');
    const checksOfRead = async (userId: string): Promise<number> => {
      const before = node.tally.freshnessChecks;
      await rig.time.drive(node.mailbox(userId).call('getChanges', { limit: 9 }, rig.deadline()));
      return node.tally.freshnessChecks - before;
    };
    await checksOfRead('bob');
    expect(await checksOfRead('bob')).toBe(1);
    await rig.time.run(10_000);
    expect(node.tally.commits).toBe(1);
    expect(await checksOfRead('bob')).toBe(0);
    await checksOfRead('cat');
    expect(await checksOfRead('cat')).toBe(1);
  });

  test('need no claim when nobody listens any more', async () => {
    const rig = new MailboxRig();
    await rig.users('bob');
    const node = listening(rig);
    node.registry.subscribe('bob', () => undefined)();
    await rig.time.run(30_000);
    expect(node.tally.commits).toBe(0);
  });

  test('are claimed when the store is back, however long it was away', async () => {
    const rig = new MailboxRig();
    await rig.users('bob', 'cat');
    const node = listening(rig, 'bob');
    rig.faultOf = () => ({ kind: 'lost' });
    await rig.time.run(12_000);
    rig.faultOf = () => undefined;
    await rig.time.run(30_000);
    const before = node.tally.commits;
    expect(before).toBeGreaterThan(0);
    node.registry.subscribe('cat', () => undefined);
    rig.faultOf = () => ({ kind: 'lost' });
    await rig.time.run(120_000);
    expect(node.tally.commits).toBe(before);
    rig.faultOf = () => undefined;
    await rig.time.run(60_000);
    expect(node.tally.commits).toBe(before + 1);
  });
});
