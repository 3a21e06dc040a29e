import { describe, expect, test } from 'vitest';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import type { Change } from '../../../src/protocol/message.ts';
import { FeedListener } from '../../support/feed-listener.ts';
import { allChanges } from '../../support/mailbox-audit.ts';
import { MailboxRig, type RigOptions } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');

async function rigWithUsers(options: RigOptions = {}): Promise<MailboxRig> {
  const rig = new MailboxRig(options);
  await rig.users('ann', 'bob');
  return rig;
}

function listen(rig: MailboxRig, userId: string, since = '0', limit = 5): FeedListener {
  return new FeedListener(since, { mailbox: rig.mailbox(userId), time: rig.time, limit });
}

function textsOf(changes: readonly Change[]): string[] {
  return changes.flatMap((change) => (change.kind === 'message' ? [change.message.text] : []));
}

async function feedOf(rig: MailboxRig, userId: string, since: string, limit: number) {
  return rig.time.drive(allChanges(rig.mailbox(userId), since, limit, rig.deadline()));
}

function names(count: number, prefix = 'text'): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix} ${n}`);
}

describe('the change feed', () => {
  test('G8: a listener gets every change once, in the order of cursors, as committed', async () => {
    const rig = await rigWithUsers({ actorLimits: { commitInputsMax: 3 }, storeDelay: () => 1 });
    const listeners = [listen(rig, 'bob'), listen(rig, 'ann')];
    const texts = names(40);
    const sends = texts.map((text, n) =>
      n % 2 === 0 ? rig.send('ann', 'bob', text) : rig.send('bob', 'ann', text),
    );
    await rig.time.drive(Promise.all(sends));
    for (const seq of [8, 20, 30]) {
      await rig.time.drive(rig.mailbox('bob').call('markRead', { conversationId, seq }, rig.deadline()));
    }
    await rig.time.run(30_000);
    for (const [index, userId] of ['bob', 'ann'].entries()) {
      const { changes } = listeners[index]!;
      expect(textsOf(changes).toSorted()).toEqual(texts.toSorted());
      expect(changes.filter(({ kind }) => kind === 'read')).toHaveLength(userId === 'bob' ? 3 : 0);
      for (const limit of [1, 7, 500]) expect(await feedOf(rig, userId, '0', limit)).toEqual(changes);
    }
  });

  test('G8: from every cursor that was given out exactly the rest follows', async () => {
    const rig = await rigWithUsers();
    const listener = listen(rig, 'bob');
    for (let n = 0; n < 5; n++) {
      await rig.time.drive(Promise.all(names(4, `text ${n}`).map((text) => rig.send('ann', 'bob', text))));
    }
    await rig.time.run(30_000);
    const { changes } = listener;
    expect(changes).toHaveLength(20);
    rig.restart();
    for (const [index, { cursor }] of changes.entries()) {
      expect(await feedOf(rig, 'bob', cursor, 3)).toEqual(changes.slice(index + 1));
    }
  });

  test('G8: a listener survives eviction, and messages that are only in the store', async () => {
    const rig = await rigWithUsers({ cacheLimits: { budgetBytes: 1, recentMs: 0 } });
    const listener = listen(rig, 'ann');
    const texts = names(20);
    for (const [n, text] of texts.entries()) {
      await rig.sent(n % 2 === 0 ? 'ann' : 'bob', n % 2 === 0 ? 'bob' : 'ann', text);
      await rig.time.run(n % 3 === 0 ? 30_000 : 10);
    }
    await rig.time.run(30_000);
    expect(rig.node.registry.stats).toMatchObject({ mailboxes: 0, bytes: 0 });
    expect(textsOf(listener.changes)).toEqual(texts);
    expect(await feedOf(rig, 'ann', '0', 3)).toEqual(listener.changes);
  });

  test('G8: an own copy that slots in below what is in memory is in the feed where it was committed', async () => {
    const rig = await rigWithUsers({
      cacheLimits: { budgetBytes: 1, recentMs: 0 },
      actorLimits: { commitDeadlineMs: 20 },
    });
    const listener = listen(rig, 'ann');
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
    await rig.sent('ann', 'bob', 'first');
    await rig.time.run(100);
    rig.faultOf = () => undefined;
    await rig.sent('bob', 'ann', 'second');
    await rig.time.run(60_000);
    expect(textsOf(listener.changes)).toEqual(['second', 'first']);
    const page = rig.mailbox('ann').call('getMessages', { conversationId, limit: 9 }, rig.deadline());
    expect((await rig.time.drive(page)).messages.map(({ text }) => text)).toEqual(['second', 'first']);
  });

  test('G8: more commits than the log has slots: reset below, everything above, over the turn of the slots', async () => {
    const rig = await rigWithUsers();
    const cursors: string[] = [];
    for (let n = 0; n < 1_100; n++) {
      await rig.sent('ann', 'bob', `text ${n}`);
      const page = await rig.time.drive(rig.mailbox('bob').call('getChanges', { limit: 1 }, rig.deadline()));
      cursors.push(page.cursor);
    }
    for (const start of [() => rig.node, () => rig.restart()]) {
      start();
      const head = cursors.at(-1)!;
      const versionOf = (cursor: string): number => parseInt(cursor, 36);
      const oldest = cursors.findIndex((cursor) => versionOf(cursor) === versionOf(head) - 1024);
      for (const since of ['0', cursors[0]!, cursors[oldest - 1]!, 'zzzzzz', '!']) {
        const page = await rig.time.drive(
          rig.mailbox('bob').call('getChanges', { since, limit: 9 }, rig.deadline()),
        );
        expect(page).toEqual({ reset: true, cursor: head });
      }
      for (const index of [oldest, oldest + 1, 700, 1_098, 1_099]) {
        const changes = await feedOf(rig, 'bob', cursors[index]!, 100);
        expect(textsOf(changes ?? [])).toEqual(names(1_100).slice(index + 1));
      }
    }
  });

  test('G8: commits without changes leave no gap and repeat nothing', async () => {
    const rig = await rigWithUsers({ outboxTiming: { clearAfterMs: 100 } });
    const listener = listen(rig, 'bob');
    const texts = names(12);
    for (const text of texts) {
      await rig.sent('ann', 'bob', text);
      // The outbox cell is cleared: a commit that changes nothing for clients.
      await rig.time.run(5_000);
    }
    expect(rig.node.registry.mailbox('bob').state?.version?.number).toBeGreaterThan(20);
    expect(textsOf(listener.changes)).toEqual(texts);
    rig.restart();
    expect(textsOf((await feedOf(rig, 'bob', '0', 2)) ?? [])).toEqual(texts);
  });

  test.each([50, 300, 30_000])(
    'G8: what an attempt of unknown fate brings in %d ms is pushed, or comes too late, though nobody asks for it',
    async (delayMs) => {
      const rig = await rigWithUsers({ actorLimits: { commitDeadlineMs: 100 } });
      const listener = listen(rig, 'bob');
      await rig.time.run(10);
      rig.faultOf = ({ kind, entityId }) =>
        kind === 'compareAndPut' && entityId === 'bob' ? { kind: 'late', delayMs } : undefined;
      await expect(rig.sent('ann', 'bob', 'text')).rejects.toMatchObject({ kind: 'unavailable' });
      rig.faultOf = () => undefined;
      await rig.time.run(delayMs + 10_000);
      const pushed = textsOf(listener.changes);
      expect(pushed).toEqual(textsOf((await feedOf(rig, 'bob', '0', 9)) ?? []));
      expect(pushed).toHaveLength(delayMs < 1_000 ? 1 : 0);
    },
  );

  test('G8: a listener that throws is reported and harms nobody', async () => {
    const rig = await rigWithUsers();
    rig.mailbox('bob').subscribe(() => {
      throw new Error('broken');
    });
    const listener = listen(rig, 'bob');
    await rig.sent('ann', 'bob', 'text');
    expect(textsOf(listener.changes)).toEqual(['text']);
    expect(rig.alarms.length).toBeGreaterThan(0);
  });
});
