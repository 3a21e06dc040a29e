import { describe, expect, test } from 'vitest';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import { MemoryTable } from '../../../src/store/memory-table.ts';
import { FeedListener } from '../../support/feed-listener.ts';
import type { Fault } from '../../support/faulty-table.ts';
import { allMessages } from '../../support/mailbox-audit.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');

describe('a send and the store', () => {
  test('G1: no reply, push or read shows a message before its commit is durable', async () => {
    const rig = new MailboxRig();
    await rig.users('ann', 'bob');
    const bob = rig.mailbox('bob');
    const listener = new FeedListener('0', { mailbox: bob, time: rig.time, limit: 10 });
    await rig.time.run(10);
    rig.faultOf = ({ kind }) => (kind === 'compareAndPut' ? { kind: 'slow', delayMs: 1_000 } : undefined);

    let isAcked = false;
    const send = rig.send('ann', 'bob', 'hello').then((result) => {
      isAcked = true;
      return result;
    });
    await rig.time.run(900);
    expect(isAcked).toBe(false);
    expect(listener.changes).toEqual([]);
    const read = bob.call('getMessages', { conversationId, limit: 9 }, rig.deadline());
    await expect(rig.time.drive(read)).rejects.toMatchObject({ kind: 'not_found' });
    const feed = await rig.time.drive(bob.call('getChanges', { since: '0', limit: 9 }, rig.deadline()));
    expect(feed).toMatchObject({ changes: [] });

    const { seq } = await rig.time.drive(send);
    expect(listener.changes).toMatchObject([{ kind: 'message', message: { seq, text: 'hello' } }]);
    expect(await rig.time.drive(allMessages(bob, conversationId, 9, rig.deadline()))).toHaveLength(1);
  });

  test('G1: the sender sees its own copy only when that is durable, and then for good', async () => {
    const rig = new MailboxRig();
    await rig.users('ann', 'bob');
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'slow', delayMs: 1_000 } : undefined;
    await rig.sent('ann', 'bob', 'hello');
    const ann = rig.mailbox('ann');
    const list = await rig.time.drive(ann.call('getConversations', { limit: 9, offset: 0 }, rig.deadline()));
    expect(list.conversations).toEqual([]);
    await rig.time.run(1_001);
    expect(await rig.time.drive(allMessages(ann, conversationId, 9, rig.deadline()))).toHaveLength(1);
  });

  test('what comes in while the store is busy goes into one commit', async () => {
    let ready: Promise<void> | undefined;
    class BusyTable extends MemoryTable {
      ready(): Promise<void> | undefined {
        return ready;
      }
    }
    const rig = new MailboxRig({ table: (time) => new BusyTable(time) });
    await rig.users('ann', 'bob', 'eve');
    const { promise, resolve } = Promise.withResolvers<undefined>();
    ready = promise;
    const sends = [rig.send('ann', 'bob', 'one')];
    await rig.time.run(10);
    sends.push(rig.send('eve', 'bob', 'two'), rig.send('bob', 'ann', 'three'));
    await rig.time.run(10);
    const before = { ...rig.node.tally };
    ready = undefined;
    resolve(undefined);
    await rig.time.drive(Promise.all(sends));
    const { commits, committedInputs } = rig.node.tally;
    expect(commits - before.commits).toBe(2);
    expect(committedInputs - before.committedInputs).toBe(3);
  });

  test.each<Fault>([
    { kind: 'unavailable' },
    { kind: 'lost' },
    { kind: 'reply_lost' },
    { kind: 'late', delayMs: 20_000 },
  ])('G4: after a failed send ($kind) a retry with the same id gives one message', async (fault) => {
    const rig = new MailboxRig({ actorLimits: { commitDeadlineMs: 500 } });
    await rig.users('ann', 'bob');
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'bob' ? fault : undefined;
    const params = rig.params('ann', 'bob', 'once');
    const send = () =>
      rig.time.drive(
        rig
          .mailbox('ann')
          .call('sendMessage', params, rig.deadline())
          .catch((error: unknown) => error),
      );
    // Where the store can tell that it was applied after all, the first try succeeds.
    const first = await send();
    if (fault.kind !== 'reply_lost') expect(first).toMatchObject({ kind: 'unavailable' });
    rig.faultOf = () => undefined;
    const second = await send();
    expect(second).toMatchObject({ messageId: params.messageId, seq: 3 - 1 });
    await rig.time.run(30_000);
    for (const userId of ['ann', 'bob']) {
      const messages = await rig.time.drive(
        allMessages(rig.mailbox(userId), conversationId, 9, rig.deadline()),
      );
      expect(messages.map(({ messageId }) => messageId)).toEqual([params.messageId]);
    }
  });

  test('G4: one input that the store refuses does not take the others with it', async () => {
    const rig = new MailboxRig();
    await rig.users('ann', 'bob', 'cat');
    const original = rig.table.compareAndPut.bind(rig.table);
    const tooLarge = 'x'.repeat(5_000);
    rig.table.compareAndPut = async (entityId, base, next, cells, deadline) => {
      if (cells.some(({ value }) => value.includes(tooLarge))) {
        const { StoreError } = await import('../../../src/row/row-store.ts');
        throw new StoreError('refused', 'too large');
      }
      return original(entityId, base, next, cells, deadline);
    };
    const bad = rig.send('ann', 'bob', tooLarge).catch((error: unknown) => error);
    const good = rig.send('cat', 'bob', 'fits');
    expect(await rig.time.drive(good)).toMatchObject({ duplicate: false });
    expect(await rig.time.drive(bad)).toMatchObject({ kind: 'internal' });
    expect(rig.alarms).toHaveLength(1);
  });
});
