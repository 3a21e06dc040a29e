import { describe, expect, it } from 'vitest';
import { DeathWatch, type Witness } from '../../../src/membership/death-watch.ts';
import type { Lease } from '../../../src/membership/lease-board.ts';
import { memberOf } from '../../support/ring-parts.ts';

const leaseMs = 6_000;
const lookEveryMs = 2_000;
const members = [memberOf(1), memberOf(2), memberOf(3)];
const [self = '', second, third] = members.map(({ incarnation }) => incarnation);

const terms = { leaseMs, aloneMs: 20_000 };
const linked: Witness = { provenMs: Infinity, unheardMs: () => 0 };

/** Each look: the counts of the three members; undefined where the lease is missing. */
function deadAfter(
  looks: readonly (readonly (number | undefined)[])[],
  everyMs = lookEveryMs,
  witness: (nowMs: number) => Witness = () => linked,
) {
  const watch = new DeathWatch(self, terms);
  looks.forEach((counts, i) => watch.look(members, counts.map(leaseOf), i * everyMs, witness(i * everyMs)));
  return watch.dead;
}

function leaseOf(count: number | undefined, member: number): Lease | undefined {
  const incarnation = members[member]?.incarnation ?? '';
  return count === undefined ? undefined : { incarnation, count, adoptedEpoch: 1 };
}

const looks = (count: number, of: (look: number) => readonly (number | undefined)[]) =>
  Array.from({ length: count }, (_, look) => of(look));

describe('a member counts as dead', () => {
  it('when its count stood still for 2L, not sooner', () => {
    const still = (look: number) => [look, look, 7];
    expect(deadAfter(looks(6, still))).toEqual([]);
    expect(deadAfter(looks(7, still))).toEqual([third]);
  });

  it('when its lease was missing for 2L', () => {
    expect(deadAfter(looks(7, (look) => [look, look, undefined]))).toEqual([third]);
  });

  it('when the lease is that of another incarnation', () => {
    const watch = new DeathWatch(self, terms);
    for (let look = 0; look < 7; look++) {
      const other = { incarnation: memberOf(3, { start: 1 }).incarnation, count: look, adoptedEpoch: 1 };
      watch.look(members, [leaseOf(look, 0), leaseOf(look, 1), other], look * lookEveryMs, linked);
    }
    expect(watch.dead).toEqual([third]);
  });

  it('first of all who was still for longest', () => {
    const five = [...members, memberOf(4), memberOf(5)];
    const watch = new DeathWatch(self, terms);
    for (let look = 0; look < 12; look++) {
      const counts = [look, look, look, Math.min(look, 4), 1];
      const leases = counts.map((count, i) => {
        return { incarnation: five[i]?.incarnation ?? '', count, adoptedEpoch: 1 };
      });
      watch.look(five, leases, look * lookEveryMs, linked);
    }
    expect(watch.dead).toEqual([five[4]?.incarnation, five[3]?.incarnation]);
  });
});

describe('a member does not count as dead', () => {
  it('when any other count is seen, also a smaller one of a board that fell back', () => {
    expect(deadAfter(looks(12, (look) => [look, look, look === 5 ? 3 : 9]))).toEqual([]);
  });

  it('for time between looks that are more than a lease apart: this node was away, not the other', () => {
    expect(
      deadAfter(
        looks(10, (look) => [look, look, 7]),
        leaseMs + 1,
      ),
    ).toEqual([]);
  });

  it('while most others stand still as well, and are heard: the board is to blame', () => {
    expect(deadAfter(looks(20, (look) => [look, 7, 7]))).toEqual([]);
  });

  it('when it is this node itself', () => {
    expect(deadAfter(looks(20, (look) => [7, look, look]))).toEqual([]);
  });

  it('by what was counted before it went and came back', () => {
    const watch = new DeathWatch(self, terms);
    const leases = (look: number) => [leaseOf(look, 0), leaseOf(look, 1), leaseOf(7, 2)];
    for (let look = 0; look < 6; look++) watch.look(members, leases(look), look * lookEveryMs, linked);
    watch.look(members.slice(0, 2), leases(6).slice(0, 2), 6 * lookEveryMs, linked);
    for (let look = 7; look < 13; look++) watch.look(members, leases(look), look * lookEveryMs, linked);
    expect(watch.dead).toEqual([]);
  });
});

describe('most members stand still', () => {
  const aloneLooks = 5 * 3;
  const alone = looks(aloneLooks + 1, (look) => [look, 7, 7]);
  const silent = (nowMs: number): Witness => ({ provenMs: nowMs, unheardMs: () => nowMs });

  it('they count as dead when they were silent in every way for 5L, not sooner', () => {
    expect(deadAfter(alone.slice(0, -1), lookEveryMs, silent)).toEqual([]);
    expect(deadAfter(alone, lookEveryMs, silent)).toEqual([second, third]);
  });

  it('or for the limit, where that is longer', () => {
    const watch = new DeathWatch(self, { leaseMs, aloneMs: 60_000 });
    const looked: number[] = [];
    for (let look = 0; look <= 30; look++) {
      const leases = [look, 7, 7].map(leaseOf);
      watch.look(members, leases, look * lookEveryMs, silent(look * lookEveryMs));
      looked.push(watch.dead.length);
    }
    expect(looked.indexOf(2)).toBe(30);
  });

  it('not one with which there was a connection meanwhile', () => {
    const heard = (nowMs: number): Witness => ({
      provenMs: nowMs,
      unheardMs: (nodeId) => (nodeId === 'n3' ? nowMs - 1 : nowMs),
    });
    expect(deadAfter(alone, lookEveryMs, heard)).toEqual([second]);
  });

  it('not while this node could not prove its view to the store for a moment', () => {
    expect(deadAfter(alone, lookEveryMs, (nowMs) => ({ ...silent(nowMs), provenMs: nowMs - 1 }))).toEqual([]);
  });

  it('not where the own count stood still in between', () => {
    const stuck = looks(aloneLooks + 1, (look) => [look === 9 ? 8 : look, 7, 7]);
    expect(deadAfter(stuck, lookEveryMs, silent)).toEqual([]);
  });

  it('not where this node looked too seldom in between', () => {
    const watch = new DeathWatch(self, terms);
    for (let look = 0; look <= aloneLooks; look++) {
      const nowMs = look * lookEveryMs + (look > 8 ? leaseMs : 0);
      watch.look(members, [look, 7, 7].map(leaseOf), nowMs, silent(nowMs));
    }
    expect(watch.dead).toEqual([]);
  });
});
