import { describe, expect, it } from 'vitest';
import { Placement } from '../../../src/ring/placement.ts';
import type { Member } from '../../../src/ring/member.ts';
import { memberOf } from '../../support/ring-parts.ts';

const ids = Array.from({ length: 20_000 }, (_, i) => `user-${i}`);

const members = (count: number): readonly Member[] =>
  Array.from({ length: count }, (_, i) => memberOf(i + 1)).toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1));

/** Each id's node. */
function owners(of: readonly Member[]): readonly string[] {
  const placement = new Placement(of);
  return ids.map((id) => of[placement.indexOf(id)]?.nodeId ?? 'nobody');
}

function shares(owned: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const owner of owned) counts.set(owner, (counts.get(owner) ?? 0) + 1 / ids.length);
  return counts;
}

/** The pairs of nodes between which ids have moved, and how many of all. */
function moves(before: readonly string[], after: readonly string[]) {
  const moved = before.flatMap((from, i) => (from === after[i] ? [] : [{ from, to: after[i] }]));
  return { moved, share: moved.length / ids.length };
}

describe('where ids belong', () => {
  it('is the same for ever: a change of it would move every user of every cluster', () => {
    const of = members(3);
    const placement = new Placement(of);
    const some = ['alice', 'bob', 'carol', 'dave', 'erin', 'g.7f3a', 'user-17', 'ünïcödé', '', 'n1'];
    const nodes = some.map((id) => of[placement.indexOf(id)]?.nodeId);
    expect(nodes).toEqual(['n1', 'n2', 'n1', 'n2', 'n2', 'n2', 'n1', 'n2', 'n3', 'n2']);
  });

  it('depends on node ids and weights alone, not on addresses or incarnations', () => {
    const others = members(5).map((member, i) => ({
      ...member,
      incarnation: memberOf(9, { start: i }).incarnation,
      peerAddress: 'elsewhere:1',
      clientUrl: 'wss://elsewhere',
    }));
    expect(owners(others)).toEqual(owners(members(5)));
  });

  it('gives equal weights nearly equal shares', () => {
    for (const share of shares(owners(members(10))).values()) {
      expect(share).toBeGreaterThan(0.07);
      expect(share).toBeLessThan(0.13);
    }
  });

  it('gives a node of twice the weight about twice the share, and one of weight 0 nothing', () => {
    const weighted = [memberOf(1), memberOf(2, { weight: 200 }), memberOf(3, { weight: 0 }), memberOf(4)];
    const share = shares(owners(weighted));
    expect(share.get('n2')).toBeGreaterThan(0.42);
    expect(share.get('n2')).toBeLessThan(0.58);
    expect(share.has('n3')).toBe(false);
  });

  it('a single member owns all, even with the least weight', () => {
    expect(new Set(owners([memberOf(1, { weight: 1 })]))).toEqual(new Set(['n1']));
  });

  it('node ids that are properties of every object are ordinary ones', () => {
    const odd = ['__proto__', 'constructor', 'toString'].map((nodeId, i) => memberOf(i, { nodeId }));
    expect(shares(owners(odd.toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1)))).size).toBe(3);
  });
});

describe('what moves is only what has to', () => {
  it('a node that comes takes its share from all others; nothing moves between those', () => {
    const { moved, share } = moves(owners(members(5)), owners(members(6)));
    expect(new Set(moved.map(({ to }) => to))).toEqual(new Set(['n6']));
    expect(new Set(moved.map(({ from }) => from)).size).toBe(5);
    expect(share).toBeGreaterThan(0.12);
    expect(share).toBeLessThan(0.22);
  });

  it('a node that goes leaves its share to all others; nothing else moves', () => {
    const before = owners(members(6));
    const { moved } = moves(before, owners(members(5)));
    expect(new Set(moved.map(({ from }) => from))).toEqual(new Set(['n6']));
    expect(new Set(moved.map(({ to }) => to)).size).toBe(5);
    expect(moved).toHaveLength(before.filter((owner) => owner === 'n6').length);
  });

  it('a weight that rises takes only, one that falls gives only', () => {
    const weighted = (weight: number) => owners([memberOf(1), memberOf(2, { weight }), memberOf(3)]);
    const rising = moves(weighted(100), weighted(150)).moved;
    expect(new Set(rising.map(({ to }) => to))).toEqual(new Set(['n2']));
    const falling = moves(weighted(100), weighted(50)).moved;
    expect(new Set(falling.map(({ from }) => from))).toEqual(new Set(['n2']));
    expect(Math.min(rising.length, falling.length)).toBeGreaterThan(0);
  });
});
