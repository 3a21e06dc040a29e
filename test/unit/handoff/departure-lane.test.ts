import { describe, expect, test } from 'vitest';
import type { EntityRegistry } from '../../../src/actor/entity-registry.ts';
import { DepartureLane } from '../../../src/handoff/departure-lane.ts';
import { defaultHandoffLimits } from '../../../src/handoff/handoff-limits.ts';
import { newHandoffTally } from '../../../src/handoff/handoff-tally.ts';
import type { SentCopy } from '../../../src/handoff/handoff-wire.ts';
import { SendPace } from '../../../src/handoff/send-pace.ts';
import type { Cell } from '../../../src/row/cell.ts';
import { RowVersionSource, type RowVersion } from '../../../src/row/row-version.ts';
import { incarnationOf } from '../../support/ring-parts.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

const cellOf = (value: string): Cell => ({
  family: 'h',
  qualifier: Buffer.from('p'),
  value: Buffer.from(value),
});

/** Rows in memory, their commits, and what of it reaches the other node. */
class LaneRig {
  readonly time = new VirtualTime();
  readonly sent: string[] = [];
  readonly lane: DepartureLane;
  /** What the other node says to the next requests. */
  readonly replies: (readonly string[] | undefined)[] = [];
  readonly writing = new Map<string, Promise<unknown>>();
  readonly alarms: unknown[] = [];
  readonly #versions = new RowVersionSource(incarnationOf(1));
  readonly #rows = new Map<string, { version: RowVersion; value: string }>();

  constructor(entityIds: readonly string[], ...replies: readonly (readonly string[] | undefined)[]) {
    this.replies.push(...replies);
    for (const id of entityIds) {
      this.#rows.set(id, { version: this.#versions.next(undefined, 1), value: 'first' });
    }
    const snapshot: EntityRegistry['snapshot'] = (id) => {
      if (id === 'broken') throw new Error('a bug');
      const row = this.#rows.get(id);
      return row && { version: row.version, marks: [], cells: [cellOf(row.value)] };
    };
    this.lane = new DepartureLane({
      ...{ to: 'n2', changeId: 'c', limits: defaultHandoffLimits, tally: newHandoffTally(), time: this.time },
      registry: { snapshot },
      pace: new SendPace(1 << 30, this.time),
      alarm: (error) => this.alarms.push(error),
      send: (_to, _changeId, copies) => {
        this.sent.push(copies.map(describeCopy).join(' '));
        return Promise.resolve(this.replies.length > 0 ? this.replies.shift() : []);
      },
    });
    this.lane.begin(entityIds.map((entityId) => ({ entityId, bytes: 100 })));
  }

  commit(id: string, value: string, isOwn = true): void {
    const base = this.#rows.get(id)?.version;
    const version = this.#versions.next(base, 1);
    this.#rows.set(id, { version, value });
    if (isOwn) this.lane.committed(id, { base, version, cells: [cellOf(value)] });
  }

  seal(): Promise<void> {
    return this.lane.seal(
      () => true,
      (id) => this.writing.get(id),
    );
  }
}

function describeCopy({ entityId, base, version, cells, isLast }: SentCopy): string {
  const from = base === undefined ? 'whole' : `${base.number}-`;
  const values = cells.map(({ value }) => value.toString());
  return `${entityId}:${from}${version.number}[${values.join()}]${isLast ? '.' : ''}`;
}

describe('what leaves a node for another one', () => {
  test('goes as a whole, then commit by commit, then its last word', async () => {
    const rig = new LaneRig(['ann', 'bob']);
    await rig.time.run(1);
    rig.commit('ann', 'second');
    rig.commit('ann', 'third');
    await rig.time.run(50);
    rig.commit('bob', 'late');
    await rig.time.drive(rig.seal());
    expect(rig.sent).toEqual([
      'ann:whole1[first] bob:whole1[first]',
      'ann:1-3[third]',
      'ann:3-3[]. bob:1-2[late].',
    ]);
  });

  test('what is in flight when it is sealed has its last word when that has landed', async () => {
    const rig = new LaneRig(['ann']);
    await rig.time.run(1);
    let land = (): void => undefined;
    rig.writing.set(
      'ann',
      new Promise<void>((resolve) => {
        land = resolve;
      }),
    );
    const sealed = rig.seal();
    await rig.time.run(20);
    expect(rig.sent).toEqual(['ann:whole1[first]']);
    rig.commit('ann', 'in flight');
    land();
    await rig.time.drive(sealed);
    expect(rig.sent.at(-1)).toBe('ann:1-2[in flight].');
  });

  test('G7: is sent once more as a whole where somebody else has written in between', async () => {
    const rig = new LaneRig(['ann']);
    await rig.time.run(1);
    rig.commit('ann', 'of another node', false);
    rig.commit('ann', 'own');
    await rig.time.run(50);
    expect(rig.sent).toEqual(['ann:whole1[first]', 'ann:whole3[own]']);
  });

  test('is sent once more as a whole where nobody knows whether it arrived', async () => {
    const rig = new LaneRig(['ann'], undefined);
    await rig.time.run(1_000);
    expect(rig.sent).toEqual(['ann:whole1[first]', 'ann:whole1[first]']);
    expect([rig.lane.isReady, rig.lane.sent]).toEqual([true, 1]);
  });

  test('is left where the other node has no room, also when it changes', async () => {
    const rig = new LaneRig(['ann', 'bob'], ['ann']);
    await rig.time.run(1);
    rig.commit('ann', 'second');
    await rig.time.run(50);
    await rig.time.drive(rig.seal());
    expect(rig.sent).toEqual(['ann:whole1[first] bob:whole1[first]', 'bob:1-1[].']);
  });

  test('what comes to life meanwhile follows', async () => {
    const rig = new LaneRig(['ann']);
    await rig.time.run(1);
    rig.commit('cat', 'hello');
    await rig.time.run(50);
    expect(rig.sent.at(-1)).toBe('cat:whole1[hello]');
  });

  test('ends, and says so, where a row cannot be packed', async () => {
    const rig = new LaneRig(['ann', 'broken']);
    await rig.time.run(50);
    expect([rig.lane.isReady, rig.alarms.length]).toEqual([true, 1]);
  });

  test('G10: no request carries more than a few large rows, nor do the last words', async () => {
    const ids = Array.from({ length: 12 }, (_, n) => `u${n}`);
    const rig = new LaneRig(ids);
    await rig.time.run(1);
    const before = rig.sent.length;
    for (const id of ids) rig.commit(id, 'x'.repeat(12 << 10));
    await rig.time.run(50);
    for (const id of ids) rig.commit(id, 'y'.repeat(12 << 10));
    await rig.time.drive(rig.seal());
    const sizes = rig.sent.slice(before).map(({ length }) => length);
    expect(sizes).toHaveLength(12);
    expect(Math.max(...sizes)).toBeLessThan(defaultHandoffLimits.batchBytes);
  });
});
