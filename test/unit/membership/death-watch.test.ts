import { describe, expect, it } from 'vitest';
import { DeathWatch, type Witness } from '../../../src/membership/death-watch.ts';
import type { Lease } from '../../../src/membership/lease-board.ts';
import { memberOf } from '../../support/ring-parts.ts';

const leaseMs = 6_000;
const lookEveryMs = 2_000;
const members = [memberOf(1), memberOf(2), memberOf(3)];
const [self = '', second, third] = members.map(({ incarnation }) => incarnation);

const terms = { leaseMs, aloneMs: 20_000, signMs: 300 };
/** Over links nothing is known of anybody: the board alone tells. */
const linkless: Witness = {
  provenMs: () => Infinity,
  unheardMs: () => Infinity,
  refusedMs: () => undefined,
};
const linked: Witness = { ...linkless, unheardMs: () => 0 };

/** Each look: the counts of the three members; undefined where the lease is missing. */
function deadAfter(
  looks: readonly (readonly (number | undefined)[])[],
  everyMs = lookEveryMs,
  witness: (nowMs: number) => Witness = () => linkless,
) {
  const watch = new DeathWatch(self, terms);
  looks.forEach((counts, i) => watch.look(members, counts.map(leaseOf), i * everyMs, witness(i * everyMs)));
  return namesOf(watch);
}

const namesOf = (watch: DeathWatch): readonly string[] => watch.dead.map(({ incarnation }) => incarnation);

function leaseOf(count: number | undefined, member: number): Lease | undefined {
  const incarnation = members[member]?.incarnation ?? '';
  return count === undefined ? undefined : { incarnation, count, adoptedEpoch: 1 };
}

const looks = (count: number, of: (look: number) => readonly (number | undefined)[]) =>
  Array.from({ length: count }, (_, look) => of(look));

describe('a member counts as dead', () => {
  const still = (look: number) => [look, look, 7];

  it('when its count stood still for 1.5L, not sooner', () => {
    expect(deadAfter(looks(5, still))).toEqual([]);
    expect(deadAfter(looks(6, still))).toEqual([third]);
  });

  it('when nothing was heard over its links for as long, not sooner', () => {
    const heardLast = (heardMs: number) => (nowMs: number) => ({
      ...linkless,
      unheardMs: () => nowMs - heardMs,
    });
    expect(deadAfter(looks(6, still), lookEveryMs, heardLast(2_000))).toEqual([]);
    expect(deadAfter(looks(6, still), lookEveryMs, heardLast(1_000))).toEqual([third]);
  });

  it('when its lease was missing for 1.5L', () => {
    expect(deadAfter(looks(6, (look) => [look, look, undefined]))).toEqual([third]);
  });

  it('when the lease is that of another incarnation', () => {
    const watch = new DeathWatch(self, terms);
    for (let look = 0; look < 7; look++) {
      const other = { incarnation: memberOf(3, { start: 1 }).incarnation, count: look, adoptedEpoch: 1 };
      watch.look(members, [leaseOf(look, 0), leaseOf(look, 1), other], look * lookEveryMs, linkless);
    }
    expect(namesOf(watch)).toEqual([third]);
  });

  it('first of all who was still for longest', () => {
    const five = [...members, memberOf(4), memberOf(5)];
    const watch = new DeathWatch(self, terms);
    for (let look = 0; look < 12; look++) {
      const counts = [look, look, look, Math.min(look, 4), 1];
      const leases = counts.map((count, i) => {
        return { incarnation: five[i]?.incarnation ?? '', count, adoptedEpoch: 1 };
      });
      watch.look(five, leases, look * lookEveryMs, linkless);
    }
    expect(namesOf(watch)).toEqual([five[4]?.incarnation, five[3]?.incarnation]);
  });
});

describe('a member whose process seems to have ended', () => {
  const everyMs = 150;
  const still = (look: number) => [look, look, 7];
  const refusing =
    (...gone: readonly (string | undefined)[]) =>
    (nowMs: number): Witness => ({
      ...linked,
      refusedMs: ({ incarnation }) => (gone.includes(incarnation) ? nowMs : undefined),
    });

  it('counts as dead when it has missed two signs, not sooner', () => {
    expect(deadAfter(looks(4, still), everyMs, refusing(third))).toEqual([]);
    expect(deadAfter(looks(5, still), everyMs, refusing(third))).toEqual([third]);
  });

  it('counts as dead when nobody has listened there for as long, not sooner', () => {
    const since = (sinceMs: number) => (nowMs: number) => refusing(third)(nowMs - sinceMs);
    expect(deadAfter(looks(6, still), everyMs, since(200))).toEqual([]);
    expect(deadAfter(looks(6, still), everyMs, since(150))).toEqual([third]);
  });

  it('does not while it shows signs of life: something on the way refuses in its place', () => {
    const living = looks(40, (look) => [look, look, Math.floor(look / 3)]);
    expect(deadAfter(living, everyMs, refusing(third))).toEqual([]);
  });

  it('does not while its machine is silent: that is not known so soon', () => {
    const silent = (nowMs: number): Witness => ({ ...linkless, unheardMs: () => nowMs });
    expect(deadAfter(looks(40, still), everyMs, silent)).toEqual([]);
  });

  it('does not while most others seem to have ended as well: this node may be cut off', () => {
    const alone = looks(40, (look) => [look, 7, 7]);
    expect(deadAfter(alone, everyMs, refusing(second, third))).toEqual([]);
  });
});

describe('a member does not count as dead', () => {
  it('while it is heard over a link, however long its count stands still: only its way to the board is cut', () => {
    expect(
      deadAfter(
        looks(100, (look) => [look, look, 7]),
        lookEveryMs,
        () => linked,
      ),
    ).toEqual([]);
  });

  it('when any other count is seen, also a smaller one of a board that fell back', () => {
    expect(deadAfter(looks(11, (look) => [look, look, look === 5 ? 3 : 9]))).toEqual([]);
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
    expect(
      deadAfter(
        looks(20, (look) => [look, 7, 7]),
        lookEveryMs,
        () => linked,
      ),
    ).toEqual([]);
    expect(deadAfter(looks(14, (look) => [look, 7, 7]))).toEqual([]);
  });

  it('by the board alone where others are heard, but one that is silent in both ways does', () => {
    const heard = (nowMs: number): Witness => ({
      ...linkless,
      unheardMs: ({ incarnation }) => (incarnation === third ? nowMs : 0),
    });
    expect(
      deadAfter(
        looks(6, (look) => [look, 7, 7]),
        lookEveryMs,
        heard,
      ),
    ).toEqual([third]);
  });

  it('when it is this node itself', () => {
    expect(deadAfter(looks(20, (look) => [7, look, look]))).toEqual([]);
  });

  it('by what was counted before it went and came back', () => {
    const watch = new DeathWatch(self, terms);
    const leases = (look: number) => [leaseOf(look, 0), leaseOf(look, 1), leaseOf(7, 2)];
    for (let look = 0; look < 6; look++) watch.look(members, leases(look), look * lookEveryMs, linkless);
    watch.look(members.slice(0, 2), leases(6).slice(0, 2), 6 * lookEveryMs, linkless);
    for (let look = 7; look < 12; look++) watch.look(members, leases(look), look * lookEveryMs, linkless);
    expect(namesOf(watch)).toEqual([]);
  });
});

describe('most members stand still', () => {
  const aloneLooks = 5 * 3;
  const alone = looks(aloneLooks + 1, (look) => [look, 7, 7]);
  const silent = (nowMs: number): Witness => ({
    ...{ provenMs: () => nowMs, unheardMs: () => nowMs, refusedMs: () => undefined },
  });

  it('they count as dead when they were silent in every way for 5L, not sooner', () => {
    expect(deadAfter(alone.slice(0, -1), lookEveryMs, silent)).toEqual([]);
    expect(deadAfter(alone, lookEveryMs, silent)).toEqual([second, third]);
  });

  it('or for the limit, where that is longer', () => {
    const watch = new DeathWatch(self, { ...terms, aloneMs: 60_000 });
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
      ...silent(nowMs),
      unheardMs: ({ nodeId }) => (nodeId === 'n3' ? nowMs - 1 : nowMs),
    });
    expect(deadAfter(alone, lookEveryMs, heard)).toEqual([second]);
  });

  it('not while this node could not prove its view to the store for a moment', () => {
    expect(
      deadAfter(alone, lookEveryMs, (nowMs) => ({ ...silent(nowMs), provenMs: () => nowMs - 1 })),
    ).toEqual([]);
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
    expect(namesOf(watch)).toEqual([]);
  });
});

describe('a member seems to live, to who wants to come into service', () => {
  const unheard: Witness = linkless;
  /** The third one, at that time, whatever the first two do. */
  const seems = (watch: DeathWatch, nowMs: number, witness = unheard): boolean =>
    watch.seemsAlive(memberOf(3), 0, nowMs, witness);

  it('for one lease, where it was not looked at, and as long as it is heard', () => {
    const watch = new DeathWatch(self, terms);
    expect(seems(watch, leaseMs - 1)).toBe(true);
    expect(seems(watch, leaseMs)).toBe(false);
    expect(seems(watch, 60_000, linked)).toBe(true);
  });

  it('for one lease since its count has advanced, or it came into sight', () => {
    const watch = new DeathWatch(self, terms);
    const look = (count: number, nowMs: number): void => {
      watch.look(members, [leaseOf(nowMs, 0), leaseOf(nowMs, 1), leaseOf(count, 2)], nowMs, unheard);
    };
    look(7, 1_000);
    expect(seems(watch, 6_999)).toBe(true);
    expect(seems(watch, 7_000)).toBe(false);
    look(8, 8_000);
    look(8, 13_999);
    expect(seems(watch, 13_999)).toBe(true);
    // Also where the board is away: nothing is seen there any more.
    expect(seems(watch, 14_000)).toBe(false);
  });

  it('not where its process seems to have ended, though it was heard a moment ago', () => {
    const watch = new DeathWatch(self, terms);
    for (let nowMs = 0; nowMs <= 600; nowMs += 150) {
      const witness: Witness = { ...linked, refusedMs: () => nowMs };
      watch.look(members, [leaseOf(nowMs, 0), leaseOf(nowMs, 1), leaseOf(7, 2)], nowMs, witness);
      expect(seems(watch, nowMs, witness)).toBe(nowMs < 600);
    }
  });

  it('where a firewall refuses in its place, as its count advances', () => {
    const watch = new DeathWatch(self, terms);
    for (let nowMs = 0; nowMs <= 20_000; nowMs += 150) {
      const witness: Witness = { ...unheard, refusedMs: () => nowMs };
      watch.look(members, [leaseOf(nowMs, 0), leaseOf(nowMs, 1), leaseOf(nowMs, 2)], nowMs, witness);
      expect(seems(watch, nowMs, witness)).toBe(true);
    }
  });
});
