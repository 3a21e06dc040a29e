import { describe, expect, it } from 'vitest';
import {
  foundedBy,
  isGoneFrom,
  isNextOf,
  joinedBy,
  leftBy,
  removedFrom,
  settledIn,
} from '../../../src/ring/ring-document.ts';
import type { Arrival, RingDocument } from '../../../src/ring/ring-document.ts';
import type { Member } from '../../../src/ring/member.ts';
import { incarnationOf, memberOf, viewIdOf } from '../../support/ring-parts.ts';

const hexOf = (number: number, start = 0): string => incarnationOf(number, start).toString('hex');
const namesIn = (ring: RingDocument): readonly string[] => ring.view.members.map(({ nodeId }) => nodeId);
const arrival = (member: Member, ended: readonly string[] = []): Arrival => ({ member, ended });
const nextId = (ring: RingDocument): string => viewIdOf(ring.view.epoch + 1);
const joined = (ring: RingDocument, member: Member, ended?: readonly string[]): RingDocument =>
  joinedBy(ring, arrival(member, ended), nextId(ring));
const left = (ring: RingDocument, member: Member): RingDocument => leftBy(ring, member, nextId(ring));
const removed = (ring: RingDocument, dead: readonly string[], isWindowOver = false, hasEnded = false) =>
  removedFrom(
    ring,
    { dead: dead.map((incarnation) => ({ incarnation, hasEnded })), isWindowOver },
    nextId(ring),
  );
/** Their processes are known to be gone. */
const buried = (ring: RingDocument | undefined, ...dead: readonly string[]) =>
  ring && removed(ring, dead, false, true);
const settled = (ring: RingDocument): RingDocument => settledIn(ring, () => true) ?? ring;

/** Nodes 1 to `count`, with nobody lingering. */
function ringOf(count: number): RingDocument {
  let ring = foundedBy(memberOf(1), viewIdOf(1));
  for (let number = 2; number <= count; number++) ring = joined(ring, memberOf(number));
  return settled(ring);
}

describe('one document after the other', () => {
  it('has the next epoch and names the view before', () => {
    const first = foundedBy(memberOf(1), viewIdOf(1));
    const second = joined(first, memberOf(2));
    expect(first).toMatchObject({ view: { epoch: 1 }, parentViewId: undefined });
    expect(second).toMatchObject({ view: { epoch: 2, viewId: viewIdOf(2) }, parentViewId: viewIdOf(1) });
    expect(isNextOf(second, first)).toBe(true);
    expect(isNextOf(first, second)).toBe(false);
    expect(isNextOf(joined(second, memberOf(3)), first)).toBe(false);
  });

  it('does not follow another view of the same epoch', () => {
    const first = foundedBy(memberOf(1), viewIdOf(1));
    const twin = foundedBy(memberOf(1), viewIdOf(77));
    expect(isNextOf(joined(first, memberOf(2)), twin)).toBe(false);
  });

  it('may not use the id of its view again', () => {
    expect(() => joinedBy(ringOf(1), arrival(memberOf(2)), viewIdOf(1))).toThrow(/used twice/);
  });
});

describe('members come and go', () => {
  it('a restart takes the place of the older incarnation of its node, with its own addresses', () => {
    const again = memberOf(2, { start: 1, peerAddress: 'elsewhere:1' });
    const ring = joined(ringOf(3), again);
    expect(namesIn(ring)).toEqual(['n1', 'n2', 'n3']);
    expect(ring.view.member('n2')).toEqual(again);
  });

  it('the last one with a weight stays in the view, and is known to have stopped', () => {
    const ring = left(joined(ringOf(1), memberOf(2, { weight: 0 })), memberOf(1));
    expect(namesIn(ring)).toEqual(['n1', 'n2']);
    expect(ring.departed).toEqual([hexOf(1)]);
    expect(isGoneFrom(ring, hexOf(1))).toBe(true);
    expect(isGoneFrom(joined(ring, memberOf(1, { start: 1 })), hexOf(1))).toBe(true);
  });
});

describe('automatic removal is capped', () => {
  it('at one of up to 19 members in a window, the most certain first', () => {
    const once = removed(ringOf(7), [hexOf(6), hexOf(2)]);
    expect(once && namesIn(once)).toEqual(['n1', 'n2', 'n3', 'n4', 'n5', 'n7']);
    expect(once?.removals).toMatchObject({ sinceEpoch: 8, memberCount: 7, used: 1 });
    expect(once && removed(once, [hexOf(2)])).toBeUndefined();
    const later = once && removed(once, [hexOf(2)], true);
    expect(later?.removals).toMatchObject({ sinceEpoch: 9, memberCount: 6, used: 1 });
  });

  it('at a tenth of those at the beginning of the window', () => {
    const dead = [1, 2, 3, 4].map((number) => hexOf(number));
    const once = removed(ringOf(30), dead.slice(0, 2));
    const twice = once && removed(once, dead);
    expect(twice?.removals).toMatchObject({ sinceEpoch: 31, memberCount: 30, used: 3 });
    expect(twice && namesIn(twice)).toContain('n4');
    expect(twice && removed(twice, dead)).toBeUndefined();
  });

  it('counts over other changes of the ring', () => {
    const once = removed(ringOf(3), [hexOf(3)]);
    const again = once && joined(once, memberOf(4));
    expect(again && removed(again, [hexOf(2)])).toBeUndefined();
  });

  it('not for processes that have ended, while most of those are left that were there', () => {
    const twice = buried(buried(ringOf(5), hexOf(5)), hexOf(4));
    expect(twice && namesIn(twice)).toEqual(['n1', 'n2', 'n3']);
    expect(twice?.removals).toMatchObject({ memberCount: 5, used: 0 });
    const thrice = buried(twice, hexOf(3), hexOf(2));
    expect(thrice && namesIn(thrice)).toEqual(['n1', 'n2']);
    expect(buried(thrice, hexOf(2))).toBeUndefined();
  });

  it('as if it had not been, when a later start of the node is in', () => {
    const once = removed(ringOf(3), [hexOf(3)]);
    const again = once && joined(once, memberOf(3, { start: 1 }));
    expect(again?.removals).toMatchObject({ used: 0, removed: [] });
    const next = again && removed(again, [hexOf(2)]);
    expect(next && namesIn(next)).toEqual(['n1', 'n3']);
    expect(next && removed(next, [hexOf(3, 1)])).toBeUndefined();
  });

  it('where one that was taken for ended comes back itself: that counts, and is not believed again', () => {
    const once = buried(ringOf(5), hexOf(5));
    const alive = once && joined(once, memberOf(5));
    expect(alive?.removals.used).toBe(1);
    expect(buried(alive, hexOf(5))).toBeUndefined();
    expect(alive && joined(alive, memberOf(5, { weight: 30 })).removals.used).toBe(1);
    expect(alive && removed(alive, [hexOf(5)], true)).toBeDefined();
  });

  it('passes over who is not in the view any more', () => {
    expect(removed(ringOf(3), [hexOf(9), hexOf(3, 5)])).toBeUndefined();
    const ring = removed(ringOf(3), [hexOf(9), hexOf(3)]);
    expect(ring && namesIn(ring)).toEqual(['n1', 'n2']);
  });

  it('never takes the last member, or the last with a weight', () => {
    expect(removed(ringOf(1), [hexOf(1)])).toBeUndefined();
    expect(removed(joined(ringOf(1), memberOf(2, { weight: 0 })), [hexOf(1)])).toBeUndefined();
  });
});

describe('G7: nobody waits for an incarnation that', () => {
  it('left in good order', () => {
    const ring = left(ringOf(3), memberOf(2));
    expect(isGoneFrom(ring, hexOf(2))).toBe(true);
    expect(ring).toMatchObject({ departed: [], lingering: [] });
  });

  it('was never heard of, unless the ring is younger than a lease', () => {
    expect(isGoneFrom(ringOf(3), hexOf(9))).toBe(true);
    expect(isGoneFrom(foundedBy(memberOf(1), viewIdOf(1)), hexOf(9))).toBe(false);
  });

  it('left in good order while the ring was younger than a lease', () => {
    const young = joined(foundedBy(memberOf(1), viewIdOf(1)), memberOf(2));
    const ring = left(young, memberOf(2));
    expect(isGoneFrom(ring, hexOf(2))).toBe(true);
    expect(isGoneFrom(ring, hexOf(3))).toBe(false);
    expect(joined(settled(ring), memberOf(4)).departed).toEqual([]);
  });

  it('is known to have ended by who takes its place, or comes after that one', () => {
    const ring = joined(ringOf(2), memberOf(2, { start: 1 }), [hexOf(2)]);
    expect(isGoneFrom(ring, hexOf(2))).toBe(true);
    const afterRemoval = removed(ringOf(2), [hexOf(2)]);
    const back = afterRemoval && joined(afterRemoval, memberOf(2, { start: 1 }), [hexOf(2)]);
    expect(back && isGoneFrom(back, hexOf(2))).toBe(true);
  });

  it('was out of the views for a lease, as a member has seen', () => {
    const ring = joined(ringOf(2), memberOf(2, { start: 1 }));
    expect(settledIn(ring, (sinceEpoch) => sinceEpoch < 3)).toBeUndefined();
    const later = settledIn(ring, (sinceEpoch) => sinceEpoch <= 3);
    expect(later?.view).toBe(ring.view);
    expect(later && isGoneFrom(later, hexOf(2))).toBe(true);
  });
});

describe('G7: an incarnation lingers that', () => {
  it('is in the view', () => {
    expect(isGoneFrom(ringOf(3), hexOf(2))).toBe(false);
  });

  it('was replaced or removed, through any later views', () => {
    const replaced = joined(ringOf(3), memberOf(2, { start: 1 }));
    expect(replaced.lingering).toEqual([{ incarnation: hexOf(2), sinceEpoch: 4 }]);
    const ring = removed(replaced, [hexOf(3)]);
    expect(ring?.lingering).toEqual([
      { incarnation: hexOf(2), sinceEpoch: 4 },
      { incarnation: hexOf(3), sinceEpoch: 5 },
    ]);
    expect(ring && left(ring, memberOf(2, { start: 1 })).lingering).toEqual(ring?.lingering);
  });

  it('went out again after it had come back: from then on', () => {
    const back = joined(removed(ringOf(3), [hexOf(3)]) ?? ringOf(3), memberOf(3));
    expect(back.lingering).toEqual([]);
    expect(removed(back, [hexOf(3)], true)?.lingering).toEqual([{ incarnation: hexOf(3), sinceEpoch: 6 }]);
  });

  it('until it says itself that it has stopped', () => {
    const ring = left(joined(ringOf(2), memberOf(2, { start: 1 })), memberOf(2));
    expect(namesIn(ring)).toEqual(['n1', 'n2']);
    expect(isGoneFrom(ring, hexOf(2))).toBe(true);
  });

  it('is one of more than the document can name: then all that are unknown do', () => {
    let ring = ringOf(2);
    for (let start = 1; start <= 65; start++) ring = joined(ring, memberOf(2, { start }));
    expect(ring.lingering).toEqual([{ incarnation: undefined, sinceEpoch: ring.view.epoch }]);
    for (const start of [0, 1, 64]) expect(isGoneFrom(ring, hexOf(2, start))).toBe(false);
    expect(isGoneFrom(settled(ring), hexOf(2))).toBe(true);
  });
});
