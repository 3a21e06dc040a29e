import { describe, expect, test } from 'vitest';
import type { MailboxState } from '../../../src/mailbox/mailbox-state.ts';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import type { Cell } from '../../../src/row/cell.ts';
import type { RowCopy } from '../../../src/row/row-snapshot.ts';
import { allMessages } from '../../support/mailbox-audit.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';

/** What a mailbox answers from: all of its state but what is only counted or cached. */
function contentOf(state: MailboxState | undefined): unknown {
  if (state === undefined) return undefined;
  const conversations = [...state.conversations.values()]
    .map(({ conversationId, head, messages, runAbove, outbox }) => ({
      ...{ conversationId, head, messages, runAbove, isOpen: outbox.open, confirmed: outbox.confirmed },
    }))
    .sort((a, b) => (a.conversationId < b.conversationId ? -1 : 1));
  const dedup = new Map([...state.dedup.entries].sort());
  const { version, profile, nextLocal, log, logKnownAbove } = state;
  const { knownAboveMs } = state.dedup;
  return { version, profile, nextLocal, knownAboveMs, log, logKnownAbove, conversations, dedup };
}

/** The copy with the cells of a commit on top, as the other node keeps it. */
function withCells(copy: RowCopy, version: RowCopy['version'], cells: readonly Cell[]): RowCopy {
  const keyOf = (cell: Cell): string => cell.family + cell.qualifier.toString('hex');
  const all = new Map(copy.cells.map((cell) => [keyOf(cell), cell]));
  for (const cell of cells) all.set(keyOf(cell), cell);
  return { ...copy, version, cells: [...all.values()].filter(({ value }) => value.length > 0) };
}

function copyOf(rig: MailboxRig, userId: string, bytesMax = 1 << 20): RowCopy {
  const copy = rig.node.registry.mailbox(userId).snapshot(bytesMax);
  if (copy === undefined) throw new Error('nothing is in memory');
  return copy;
}

describe('a mailbox that moves', () => {
  test('is at its new owner what it was in memory, later commits included', async () => {
    const copies = new Map<string, RowCopy>();
    const rig = new MailboxRig({
      copies,
      committed: (userId, version, cells) => {
        const copy = copies.get(userId);
        if (copy !== undefined) copies.set(userId, withCells(copy, version, cells));
      },
    });
    await rig.users('ann', 'bob', 'cat', 'dan');
    for (let n = 0; n < 30; n++) await rig.sent(['ann', 'cat'][n % 2] ?? '', 'bob', `before ${n}`);
    for (const userId of ['ann', 'bob', 'cat']) copies.set(userId, copyOf(rig, userId));
    for (let n = 0; n < 30; n++) {
      await rig.sent(['ann', 'dan', 'bob'][n % 3] ?? '', ['bob', 'bob', 'ann'][n % 3] ?? '', `after ${n}`);
      if (n % 7 === 0) {
        const mark = { conversationId: dmIdOf('ann', 'bob'), seq: n };
        await rig.time.drive(rig.mailbox('bob').call('markRead', mark, rig.deadline()));
      }
    }
    await rig.time.run(20_000);
    const reads: string[] = [];
    rig.faultOf = ({ kind }) => {
      reads.push(kind);
      return undefined;
    };
    const other = rig.startNode();
    for (const userId of ['ann', 'bob', 'cat']) {
      expect(rig.node.registry.mailbox(userId).state).toBeDefined();
      await rig.time.drive(other.registry.mailbox(userId).revive());
      expect(contentOf(other.registry.mailbox(userId).state)).toEqual(
        contentOf(rig.node.registry.mailbox(userId).state),
      );
    }
    expect([reads, other.tally.revivals, other.tally.activations]).toEqual([[], 3, 0]);
  });

  test('leaves messages of quiet conversations behind where it is large', async () => {
    const rig = new MailboxRig();
    await rig.users('ann', 'bob', 'cat');
    await rig.sent('ann', 'bob', 'a'.repeat(3_000));
    await rig.time.run(1_000);
    await rig.sent('cat', 'bob', 'b'.repeat(3_000));
    const copy = copyOf(rig, 'bob', 5_000);
    const other = new MailboxRig({ copies: new Map([['bob', copy]]), table: () => rig.table });
    await other.time.drive(other.node.registry.mailbox('bob').revive());
    const of = (peer: string): number | undefined =>
      other.node.registry.mailbox('bob').state?.conversations.get(dmIdOf(peer, 'bob'))?.messages.length;
    expect([of('cat'), of('ann')]).toEqual([1, 0]);
    expect(rig.node.registry.mailbox('bob').snapshot(300)).toBeUndefined();
    for (const peer of ['ann', 'cat']) {
      const messages = allMessages(other.mailbox('bob'), dmIdOf(peer, 'bob'), 9, other.deadline());
      expect(await other.time.drive(messages)).toHaveLength(1);
    }
  });

  test('G7: is read from the store where it was written since the copy was made', async () => {
    const copies = new Map<string, RowCopy>();
    const rig = new MailboxRig({ copies });
    await rig.users('ann', 'bob');
    await rig.sent('ann', 'bob', 'one');
    copies.set('bob', copyOf(rig, 'bob'));
    await rig.sent('ann', 'bob', 'two');
    const other = rig.startNode();
    const read = allMessages(other.mailbox('bob'), dmIdOf('ann', 'bob'), 9, rig.deadline());
    expect((await rig.time.drive(read)).map(({ text }) => text)).toEqual(['one', 'two']);
    expect([other.tally.revivals, other.tally.activations]).toEqual([1, 1]);
  });

  test('G6: a commit on a copy that is too old finds out', async () => {
    const copies = new Map<string, RowCopy>();
    const rig = new MailboxRig({ copies });
    await rig.users('ann', 'bob');
    await rig.sent('ann', 'bob', 'one');
    copies.set('bob', copyOf(rig, 'bob'));
    await rig.sent('ann', 'bob', 'two');
    const other = rig.startNode();
    const { seq } = await rig.sent('ann', 'bob', 'three', {}, other);
    const fresh = allMessages(rig.startNode().mailbox('bob'), dmIdOf('ann', 'bob'), 9, rig.deadline());
    expect((await rig.time.drive(fresh)).map(({ text }) => text)).toEqual(['one', 'two', 'three']);
    expect([seq > 4, other.tally.conflicts]).toEqual([true, 1]);
  });

  test('G7: a copy that comes late is compared with the store as well', async () => {
    let looks = 0;
    class LateCopies extends Map<string, RowCopy> {
      override get(userId: string): RowCopy | undefined {
        return looks++ === 0 ? undefined : super.get(userId);
      }
      override delete(userId: string): boolean {
        return looks > 1 && super.delete(userId);
      }
    }
    const copies = new LateCopies();
    const rig = new MailboxRig({ copies });
    await rig.users('ann', 'bob');
    await rig.sent('ann', 'bob', 'one');
    const copy = copyOf(rig, 'bob');
    await rig.sent('ann', 'bob', 'two');
    const other = rig.startNode();
    looks = 0;
    copies.set('bob', copy);
    const read = allMessages(other.mailbox('bob'), dmIdOf('ann', 'bob'), 9, rig.deadline());
    expect((await rig.time.drive(read)).map(({ text }) => text)).toEqual(['one', 'two']);
  });
});

describe('the last writer of a row, elsewhere', () => {
  test('G7: is waited for by a reply that changes nothing, too', async () => {
    let clearMs = 0;
    const rig: MailboxRig = new MailboxRig({
      isLeaseCurrent: false,
      tenure: {
        mayServe: () => {
          const waitMs = clearMs - rig.time.monotonicMs();
          return waitMs > 0 ? { kind: 'wait', waitMs } : { kind: 'yes' };
        },
      },
    });
    await rig.users('ann', 'bob');
    const { seq } = await rig.sent('ann', 'bob', 'hello');
    const mark = (): Promise<unknown> =>
      rig.mailbox('bob').call('markRead', { conversationId: dmIdOf('ann', 'bob'), seq }, rig.deadline());
    await rig.time.drive(mark());
    await rig.time.run(20_000);
    clearMs = rig.time.monotonicMs() + 3_000;
    const { commits } = rig.node.tally;
    await rig.time.drive(mark());
    expect(rig.node.tally.commits).toBe(commits);
    expect(rig.time.monotonicMs()).toBeGreaterThanOrEqual(clearMs);
  });

  test('G6: no commit begins once a later view may have taken the row away', async () => {
    let isSealed = false;
    let [begun, begunLate] = [0, 0];
    const rig = new MailboxRig({
      tenure: {
        mayServe: () => {
          isSealed = false;
          queueMicrotask(() => {
            isSealed = true;
          });
          return { kind: 'yes' };
        },
        // The last that is asked before a commit; without a lease no read asks for it.
        isLeaseCurrent: () => false,
        keeps: () => {
          begun++;
          if (isSealed) begunLate++;
          return true;
        },
      },
    });
    await rig.users('ann', 'bob');
    expect(begun).toBeGreaterThan(1);
    expect(begunLate).toBe(0);
  });
});
