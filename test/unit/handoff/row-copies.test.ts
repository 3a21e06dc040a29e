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

const limits = { ...defaultHandoffLimits, lastWordMs: 100, keepMs: 1_000, requestMs: 40 };

function rig(roomBytes = 10_000, isOwn: (userId: string) => boolean = () => true) {
  const time = new VirtualTime();
  const tally = newHandoffTally();
  const revived: string[] = [];
  const unpacked: string[] = [];
  const copies: RowCopies = new RowCopies({
    ...{ time, limits, tally, roomBytes: () => roomBytes, isOwn },
    unpack: (entityId, { version, cells }) => {
      unpacked.push(entityId);
      if (cells.some(({ value }) => value.equals(corrupt))) return undefined;
      const state = { version, bytes: stateBytes, content: contentOf(cells) };
      return state;
    },
    revive: async (entityId) => {
      await copies.lastWord(entityId);
      if (copies.take(entityId) !== undefined) revived.push(entityId);
    },
  });
  const arrive = (copy: SentCopy): Promise<void> => {
    copies.accept('c', [copy]);
    return time.drive(copies.unpack([copy]));
  };
  return { arrive, copies, revived, unpacked, tally, time };
}

const stateBytes = 500;
const corrupt = Buffer.from('corrupt');
const contentOf = (cells: readonly Cell[]): string[] =>
  cells.map(({ qualifier, value }) => `${qualifier.toString()}=${value.toString()}`);

describe('rows that were sent ahead', () => {
  test('have what was committed since on top, are given out once, and take no memory then', () => {
    const { copies } = rig();
    expect(
      copies.accept('c', [sent(v1, undefined, [cell('a', '1'), cell('b', '1'), cell('c', '1')])]),
    ).toEqual([]);
    expect(copies.accept('c', [sent(v2, v1, [cell('b', '2'), cell('c', '')])])).toEqual([]);
    expect(copies.take('ann')).toEqual({ version: v2, bytes: stateBytes, content: ['a=1', 'b=2'] });
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
    await time.run(9);
    expect(revived.length).toBeGreaterThan(0);
    expect(revived.length).toBeLessThan(20);
    await time.run(50);
    expect(revived).toEqual(ids);
  });

  test('are unpacked when they come, and once more only where something was committed since', async () => {
    const { arrive, copies, unpacked } = rig();
    await arrive(sent(v1, undefined, [cell('a', '1')]));
    const unpackedBytes = copies.bytes;
    await arrive(sent(v1, v1, []));
    expect([unpacked, copies.bytes]).toEqual([['ann'], unpackedBytes]);
    copies.accept('c', [sent(v2, v1, [cell('a', '2')])]);
    expect(copies.bytes).toBe(unpackedBytes - stateBytes);
    await arrive(sent(v2, v2, []));
    expect([unpacked, copies.bytes]).toEqual([['ann', 'ann'], unpackedBytes]);
    expect(copies.take('ann')).toMatchObject({ version: v2, content: ['a=2'] });
    expect([unpacked.length, copies.bytes]).toEqual([2, 0]);
  });

  test('are not unpacked for a last word, nor for each commit of a large row, but when they are taken', async () => {
    const { arrive, copies, unpacked } = rig(10_000_000);
    await arrive(sent(v1, undefined, [cell('a', '1')]));
    await arrive(sent(v2, v1, [cell('a', '2')], true));
    expect(unpacked).toHaveLength(1);
    expect(copies.take('ann')).toMatchObject({ version: v2, content: ['a=2'] });
    const cells = Array.from({ length: 2_001 }, (_, n) => cell(`k${n}`, 'v'));
    await arrive(sent(v1, undefined, cells));
    await arrive(sent(v2, v1, [cell('k0', 'w')]));
    expect(unpacked).toHaveLength(3);
    expect(copies.take('ann')).toMatchObject({ version: v2 });
    expect(unpacked).toHaveLength(4);
  });

  test('are not unpacked ahead where there is no room for it, and are when they are taken', async () => {
    const { arrive, copies, unpacked } = rig(1_200);
    const copy = sent(v1, undefined, [cell('a', '1')]);
    copies.accept('c', [copy]);
    const packedBytes = copies.bytes;
    await arrive(copy);
    expect([unpacked.length, copies.bytes]).toEqual([1, packedBytes]);
    expect(copies.take('ann')).toMatchObject({ version: v1, content: ['a=1'] });
  });

  test('are given up where they cannot be unpacked', async () => {
    const { arrive, copies } = rig();
    await arrive(sent(v1, undefined, [cell('a', 'corrupt')]));
    expect([copies.count, copies.bytes]).toEqual([0, 0]);
    copies.accept('c', [sent(v1, undefined, [cell('a', 'corrupt')])]);
    expect([copies.take('ann'), copies.count]).toEqual([undefined, 0]);
  });

  test('G10: are unpacked a few at a time, whoever has sent them, with a rest in between', async () => {
    const { copies, time, unpacked } = rig(1_000_000);
    const ids = Array.from({ length: 40 }, (_, n) => `u${n}`);
    const all = ids.map((entityId) => ({ ...sent(v1, undefined, [cell('a', '1')]), entityId }));
    copies.accept('c', all);
    const isOver = Promise.all([copies.unpack(all.slice(0, 20)), copies.unpack(all.slice(20))]);
    await time.run(1);
    expect(unpacked.length).toBeGreaterThan(0);
    expect(unpacked.length).toBeLessThan(20);
    await time.drive(isOver);
    expect(unpacked.toSorted()).toEqual(ids.toSorted());
  });

  test('G10: are unpacked only while who has sent them waits; the others come as they are, and are made when they are taken', async () => {
    const { copies, time, unpacked } = rig(1_000_000);
    const ids = Array.from({ length: 256 }, (_, n) => `u${n}`);
    copies.accept(
      'c',
      ids.map((entityId) => ({ ...sent(v1, undefined, [cell('a', '1')]), entityId })),
    );
    const deltas = ids.map((entityId) => ({ ...sent(v2, v1, [cell('a', '2')]), entityId }));
    expect(copies.accept('c', deltas)).toEqual([]);
    await time.drive(copies.unpack(deltas));
    expect(time.monotonicMs()).toBeLessThan(limits.requestMs / 2);
    expect(unpacked.length).toBeGreaterThan(40);
    expect(unpacked.length).toBeLessThan(ids.length);
    expect(copies.take('u255')).toMatchObject({ version: v2, content: ['a=2'] });
  });

  test('come into memory also where a view gives them to this node while others do', async () => {
    const owned = new Set(Array.from({ length: 40 }, (_, index) => `user${index}`));
    const { copies, revived, time } = rig(100_000, (userId) => owned.has(userId));
    for (const entityId of ['late', ...owned]) {
      copies.accept('c', [{ ...sent(v1, undefined, [cell('a', '1')], true), entityId }]);
    }
    copies.adopted();
    await time.run(9);
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
