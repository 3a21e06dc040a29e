import { describe, expect, test } from 'vitest';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import { ProtocolError } from '../../../src/protocol/protocol-error.ts';
import { rowHashCount } from '../../../src/row/row-key.ts';
import { allMessages } from '../../support/mailbox-audit.ts';
import { MailboxRig, type RigOptions } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');
const never = 1e9;

async function rigWithUsers(options: RigOptions = {}): Promise<MailboxRig> {
  const rig = new MailboxRig(options);
  await rig.users('ann', 'bob');
  return rig;
}

/** Straight from the table, so that looking activates nobody. */
async function owing(rig: MailboxRig): Promise<readonly string[]> {
  const slice = { fromHash: 0, toHash: rowHashCount };
  return (await rig.table.scanOutbox(slice, undefined, 100, Infinity)).entityIds;
}

async function annsCopies(rig: MailboxRig): Promise<string[]> {
  const range = { family: 'm', from: Buffer.alloc(0), to: undefined, limit: 1_000 } as const;
  const image = await rig.table.read('ann', [range], Infinity);
  return (image.ranges[0] ?? []).map(({ value }) => /text \d+/.exec(value.toString('latin1'))?.[0] ?? '');
}

function killBeforeAnnsCommit(rig: MailboxRig): void {
  rig.faultOf = ({ kind, entityId }) => {
    if (kind !== 'compareAndPut' || entityId !== 'ann') return undefined;
    rig.node.process.kill();
    return { kind: 'lost' };
  };
}

describe('what is owed to the sender', () => {
  test('G5: the copy appears after a kill between the two commits, with nobody coming back', async () => {
    const rig = await rigWithUsers();
    killBeforeAnnsCommit(rig);
    void rig.send('ann', 'bob', 'text 1');
    void rig.send('ann', 'bob', 'text 2');
    await rig.time.run(1_000);
    expect(rig.node.process.isDead).toBe(true);
    expect(await owing(rig)).toEqual(['bob']);
    expect(await annsCopies(rig)).toEqual([]);

    rig.faultOf = () => undefined;
    rig.restart().sweeper.start();
    await rig.time.run(6_000);
    expect((await annsCopies(rig)).toSorted()).toEqual(['text 1', 'text 2']);
    await rig.time.run(30_000);
    expect(await owing(rig)).toEqual([]);
    const [ann, bob] = await rig.time.drive(
      Promise.all(
        ['ann', 'bob'].map((user) => allMessages(rig.mailbox(user), conversationId, 9, rig.deadline())),
      ),
    );
    expect(ann).toEqual(bob);
  });

  test('G5: a sender whose row is out of reach for long gets its copies when it is back', async () => {
    const rig = await rigWithUsers({ actorLimits: { commitDeadlineMs: 300 } });
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
    for (let n = 0; n < 450; n++) await rig.sent('ann', 'bob', `text ${n}`);
    await rig.time.run(60_000);
    expect(await annsCopies(rig)).toEqual([]);
    rig.faultOf = () => undefined;
    await rig.time.run(60_000);
    expect(await annsCopies(rig)).toHaveLength(450);
    await rig.time.run(30_000);
    expect(await owing(rig)).toEqual([]);
  });

  test('G5: what is owed is settled also where the row fell out of memory and could not be read for a while', async () => {
    const rig = await rigWithUsers({ isLeaseCurrent: false });
    let isBobOut = false;
    let isAnnOut = true;
    rig.faultOf = ({ kind, entityId }) => {
      if (isBobOut && kind === 'read' && entityId === 'bob') return { kind: 'unavailable' };
      return isAnnOut && kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
    };
    await rig.sent('ann', 'bob', 'text 1');
    const other = rig.startNode();
    const markRead = { conversationId, seq: 1 };
    await rig.time.drive(other.mailbox('bob').call('markRead', markRead, rig.deadline()));
    other.process.kill();
    isBobOut = true;
    const list = rig.mailbox('bob').call('getConversations', { offset: 0, limit: 1 }, rig.deadline(500));
    await expect(rig.time.drive(list)).rejects.toThrow(ProtocolError);
    await rig.time.run(20_000);
    isBobOut = false;
    isAnnOut = false;
    // Ann's own part of it, so that only Bob can bring it about.
    await rig.time.run(60_000);
    expect(await annsCopies(rig)).toEqual(['text 1']);
    expect(await owing(rig)).toEqual([]);
  });

  test('G5: a lost copy shows as a gap at the next one, and is fetched at once', async () => {
    const rig = await rigWithUsers({
      actorLimits: { commitDeadlineMs: 20 },
      outboxTiming: { settleAfterMs: never },
    });
    await rig.sent('ann', 'bob', 'text 1');
    await rig.time.run(1_000);
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
    await rig.sent('ann', 'bob', 'text 2');
    await rig.sent('ann', 'bob', 'text 3');
    await rig.time.run(1_000);
    rig.faultOf = () => undefined;
    expect(await annsCopies(rig)).toEqual(['text 1']);
    await rig.sent('ann', 'bob', 'text 4');
    await rig.time.run(1_000);
    expect((await annsCopies(rig)).toSorted()).toEqual(['text 1', 'text 2', 'text 3', 'text 4']);
  });

  test('G5: a repeat of what the own row lacks fetches it', async () => {
    const rig = await rigWithUsers({ outboxTiming: { settleAfterMs: never } });
    killBeforeAnnsCommit(rig);
    const params = rig.params('ann', 'bob', 'text 1');
    void rig.mailbox('ann').call('sendMessage', params, rig.deadline());
    await rig.time.run(1_000);
    rig.faultOf = () => undefined;
    rig.restart();
    const again = await rig.time.drive(rig.mailbox('ann').call('sendMessage', params, rig.deadline()));
    expect(again.duplicate).toBe(true);
    await rig.time.run(100);
    expect(await annsCopies(rig)).toEqual(['text 1']);
  });

  test('G5: where only confirmations get lost, the recipient asks, and the cell is cleared', async () => {
    let lost = 0;
    const rig = await rigWithUsers({
      envelopes: (port) => ({
        request: async (to, envelope, deadline) => {
          if (envelope.kind !== 'confirm') return port.request(to, envelope, deadline);
          lost++;
          throw new ProtocolError('unavailable', 'lost');
        },
      }),
    });
    await rig.sent('ann', 'bob', 'text 1');
    expect(await owing(rig)).toEqual(['bob']);
    await rig.time.run(20_000);
    expect(lost).toBeGreaterThan(0);
    expect(await owing(rig)).toEqual([]);
  });

  test('G5: confirmations come by themselves and clear the cell; a message while it is cleared opens it anew', async () => {
    const rig = await rigWithUsers({ outboxTiming: { clearAfterMs: 1_000 } });
    for (let n = 0; n < 20; n++) {
      const both = Promise.all([rig.send('ann', 'bob', `text ${n}`), rig.send('bob', 'ann', `text ${n}`)]);
      await rig.time.drive(both);
      await rig.time.run(500 + n * 100);
    }
    await rig.time.run(30_000);
    expect(await owing(rig)).toEqual([]);
    expect(await annsCopies(rig)).toHaveLength(40);
    killBeforeAnnsCommit(rig);
    void rig.send('ann', 'bob', 'text 99');
    await rig.time.run(100);
    expect(await owing(rig)).toEqual(['bob']);
  });

  test('G5: a clock that is set back does not hold up what is owed', async () => {
    const rig = await rigWithUsers();
    rig.time.skewWall(24 * 3_600_000);
    killBeforeAnnsCommit(rig);
    void rig.send('ann', 'bob', 'text 1');
    await rig.time.run(1_000);
    rig.faultOf = () => undefined;
    rig.time.skewWall(-24 * 3_600_000);
    rig.restart().sweeper.start();
    await rig.time.run(60_000);
    expect(await annsCopies(rig)).toEqual(['text 1']);
    expect(await owing(rig)).toEqual([]);
  });
});
