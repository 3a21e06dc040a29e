import { describe, expect, test } from 'vitest';
import { defaultHandoffLimits } from '../../../src/handoff/handoff-limits.ts';
import { newHandoffTally } from '../../../src/handoff/handoff-tally.ts';
import type { SentCopy } from '../../../src/handoff/handoff-wire.ts';
import { RowCopies } from '../../../src/handoff/row-copies.ts';
import type { Cell } from '../../../src/row/cell.ts';
import { RowVersionSource, type RowVersion } from '../../../src/row/row-version.ts';
import { incarnationOf } from '../../support/ring-parts.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

const versions = new RowVersionSource(incarnationOf(1));
const v1 = versions.next(undefined, 1);
const v2 = versions.next(v1, 1);
const v3 = versions.next(v2, 1);

const cell = (key: string, value: string): Cell => ({
  family: 'h',
  qualifier: Buffer.from(key),
  value: Buffer.from(value),
});

function sent(version: RowVersion, base: RowVersion | undefined, cells: Cell[], isLast = false): SentCopy {
  return { entityId: 'ann', base, version, marks: base ? undefined : [7], cells, isLast };
}

const limits = { ...defaultHandoffLimits, lastWordMs: 100, keepMs: 1_000 };

function rig(roomBytes = 10_000, isOwn: (userId: string) => boolean = () => true) {
  const time = new VirtualTime();
  const tally = newHandoffTally();
  const revived: string[] = [];
  const copies: RowCopies = new RowCopies({
    ...{ time, limits, tally, roomBytes: () => roomBytes, isOwn },
    revive: async (entityId) => {
      await copies.lastWord(entityId);
      if (copies.take(entityId) !== undefined) revived.push(entityId);
    },
  });
  return { copies, revived, tally, time };
}

const contentOf = (cells: readonly Cell[]): string[] =>
  cells.map(({ qualifier, value }) => `${qualifier.toString()}=${value.toString()}`);

describe('rows that were sent ahead', () => {
  test('have what was committed since on top, are given out once, and take no memory then', () => {
    const { copies } = rig();
    expect(
      copies.accept('c', [sent(v1, undefined, [cell('a', '1'), cell('b', '1'), cell('c', '1')])]),
    ).toEqual([]);
    expect(copies.accept('c', [sent(v2, v1, [cell('b', '2'), cell('c', '')])])).toEqual([]);
    const copy = copies.take('ann');
    expect(copy && { ...copy, cells: contentOf(copy.cells) }).toEqual({
      ...{ version: v2, marks: [7], cells: ['a=1', 'b=2'] },
    });
    expect([copies.take('ann'), copies.bytes, copies.count]).toEqual([undefined, 0, 0]);
  });

  test('G8: are not what others are told of any more once this node has committed the row', () => {
    const { copies } = rig();
    copies.accept('c', [sent(v1, undefined, [cell('a', '1')])]);
    expect(copies.standsAt('ann')).toEqual(v1);
    copies.committed('bob');
    expect(copies.count).toBe(1);
    copies.committed('ann');
    expect([copies.standsAt('ann'), copies.bytes, copies.count]).toEqual([undefined, 0, 0]);
  });

  test('G7: are of no use when a commit is missing in between', () => {
    const { copies, tally } = rig();
    copies.accept('c', [sent(v1, undefined, [cell('a', '1')])]);
    expect(copies.accept('c', [sent(v3, v2, [cell('a', '3')])])).toEqual(['ann']);
    expect([copies.take('ann'), tally.copiesSpoilt, copies.bytes]).toEqual([undefined, 1, 0]);
  });

  test('are refused where there is no room, and so is what follows', () => {
    const { copies, tally } = rig(1_000);
    expect(copies.accept('c', [sent(v1, undefined, [cell('a', 'x'.repeat(100))])])).toEqual(['ann']);
    expect(copies.accept('c', [sent(v2, v1, [cell('a', 'y')])])).toEqual(['ann']);
    expect([copies.count, tally.copiesRefused]).toEqual([0, 1]);
  });

  test('are given up where what follows has no room', () => {
    const { copies, tally } = rig(1_200);
    expect(copies.accept('c', [sent(v1, undefined, [cell('a', '1')])])).toEqual([]);
    expect(copies.accept('c', [sent(v2, v1, [cell('b', 'x'.repeat(100))])])).toEqual(['ann']);
    expect([copies.count, copies.bytes, tally.copiesRefused]).toEqual([0, 0, 1]);
  });

  test('are waited for until the last word has come, and taken into memory when it has', async () => {
    const { copies, revived, tally, time } = rig();
    copies.accept('c', [sent(v1, undefined, [cell('a', '1')])]);
    expect(copies.lastWord('ann')).toBeUndefined();
    copies.adopted();
    await time.run(50);
    expect([revived, copies.lastWord('ann') === undefined]).toEqual([[], false]);
    copies.accept('c', [sent(v2, v1, [cell('a', '2')], true)]);
    await time.run(10);
    expect([revived, tally.lastWordsHeard]).toEqual([['ann'], 1]);
  });

  test('are not waited for any longer than that', async () => {
    const { copies, revived, tally, time } = rig();
    copies.accept('c', [sent(v1, undefined, [cell('a', '1')])]);
    copies.adopted();
    await time.run(99);
    expect(revived).toEqual([]);
    await time.run(10);
    expect([revived, tally.lastWordsHeard]).toEqual([['ann'], 0]);
  });

  test('G10: come into memory a few at a time', async () => {
    const { copies, revived, time } = rig(100_000);
    const ids = Array.from({ length: 40 }, (_, n) => `u${n}`);
    copies.accept(
      'c',
      ids.map((entityId) => ({ ...sent(v1, undefined, [cell('a', '1')], true), entityId })),
    );
    copies.adopted();
    await time.run(1);
    expect(revived.length).toBeLessThan(20);
    await time.run(50);
    expect(revived).toEqual(ids);
  });

  test('come into memory also where a view gives them to this node while others do', async () => {
    const owned = new Set(Array.from({ length: 40 }, (_, index) => `user${index}`));
    const { copies, revived, time } = rig(100_000, (userId) => owned.has(userId));
    for (const entityId of ['late', ...owned]) {
      copies.accept('c', [{ ...sent(v1, undefined, [cell('a', '1')], true), entityId }]);
    }
    copies.adopted();
    await time.run(5);
    expect(revived).not.toHaveLength(0);
    expect(revived.length).toBeLessThan(owned.size);
    owned.add('late');
    copies.adopted();
    await time.run(500);
    expect([revived.length, revived.includes('late'), copies.count]).toEqual([41, true, 0]);
  });

  test('go when their change is given up, or nobody has spoken of it for long', async () => {
    const { copies, tally, time } = rig();
    copies.accept('c', [sent(v1, undefined, [cell('a', '1')])]);
    copies.cancel('another');
    await time.run(900);
    copies.heard('c');
    await time.run(900);
    expect(copies.count).toBe(1);
    await time.run(1_000);
    expect([copies.count, copies.bytes, tally.copiesExpired]).toEqual([0, 0, 1]);
    copies.accept('d', [sent(v1, undefined, [cell('a', '1')])]);
    copies.cancel('d');
    expect(copies.count).toBe(0);
  });
});
