import { describe, expect, it } from 'vitest';
import { AdoptedViews } from '../../../src/membership/adopted-views.ts';
import { foundedBy, joinedBy, leftBy, settledIn } from '../../../src/ring/ring-document.ts';
import type { RingDocument } from '../../../src/ring/ring-document.ts';
import { memberOf, viewIdOf } from '../../support/ring-parts.ts';

const [a, b, c] = [memberOf(1), memberOf(2), memberOf(3)];
const joined = (ring: RingDocument, member = c): RingDocument =>
  joinedBy(ring, { member, ended: [] }, viewIdOf(ring.view.epoch + 1));
const left = (ring: RingDocument, member = c): RingDocument =>
  leftBy(ring, member, viewIdOf(ring.view.epoch + 1));

const founded = foundedBy(a, viewIdOf(1));
const pair = joined(settledIn(founded, () => true) ?? founded, b);
const three = joined(pair);
const pairAgain = left(three);

/** Of `a` in the pair, of `c` in the three. */
const moving = idWith(pair, a.nodeId, three, c.nodeId);
/** Of `a` in both. */
const staying = idWith(pair, a.nodeId, three, a.nodeId);

function idWith(one: RingDocument, owner: string, other: RingDocument, otherOwner: string): string {
  for (let i = 0; ; i++) {
    const id = `user${i}`;
    if (one.view.ownerOf(id).nodeId === owner && other.view.ownerOf(id).nodeId === otherOwner) return id;
  }
}

/** Those of node `a`, which adopts one a second. */
function viewsOf(...documents: readonly RingDocument[]): AdoptedViews {
  const views = new AdoptedViews(a.incarnation);
  documents.forEach((document, i) => views.adopt(document, i * 1_000));
  return views;
}

describe('G7: what a node holds', () => {
  it('it keeps through views that leave it there', () => {
    const views = viewsOf(pair, three, pairAgain);
    expect(views.keeps(staying, 2)).toBe(true);
    expect(views.keeps(staying, 4)).toBe(true);
  });

  it('it loses by a view that takes it, also when a later one gives it back', () => {
    expect(viewsOf(pair, three).keeps(moving, 2)).toBe(false);
    const views = viewsOf(pair, three, pairAgain);
    expect(views.keeps(moving, 2)).toBe(false);
    expect(views.keeps(moving, 4)).toBe(true);
  });

  it('it loses by a gap between two views, whoever owned it there', () => {
    const views = viewsOf(pair, pairAgain);
    expect(views.keeps(moving, 2)).toBe(false);
    expect(views.keeps(staying, 2)).toBe(false);
    expect(views.keeps(staying, 4)).toBe(true);
  });

  it('it does not hold under a view that it has not adopted, or before its first one', () => {
    const views = viewsOf(three);
    expect(views.keeps(staying, 2)).toBe(false);
    expect(views.keeps(staying, 4)).toBe(false);
    expect(new AdoptedViews(a.incarnation).keeps(staying, 0)).toBe(false);
  });

  it('it loses by a later start of its own node', () => {
    const restarted = joined(pair, memberOf(1, { start: 1 }));
    expect(viewsOf(pair, restarted).keeps(staying, 2)).toBe(false);
    expect(viewsOf(pair, restarted).owns(staying)).toBe(false);
  });

  it('it loses when its epoch is longer ago than the views that it remembers', () => {
    const documents = [pair];
    let last = pair;
    for (let i = 0; i < 64; i++) {
      last = i % 2 === 0 ? joined(last) : left(last);
      documents.push(last);
    }
    const views = viewsOf(...documents);
    expect(views.keeps(staying, 2)).toBe(false);
    expect(views.keeps(staying, 3)).toBe(true);
  });
});

describe('G7: another incarnation has released what is now of this node', () => {
  it('when it has shown the view that gave it here, or a later one', () => {
    const views = viewsOf(three, pairAgain);
    const backToA = idWith(three, c.nodeId, pairAgain, a.nodeId);
    const ofB = idWith(three, b.nodeId, pairAgain, b.nodeId);
    views.noteAdopted(b.incarnation, 3);
    expect(views.hasReleased(backToA, b.incarnation)).toBe(false);
    views.noteAdopted(b.incarnation, 4);
    expect(views.hasReleased(backToA, b.incarnation)).toBe(true);
    expect(views.hasReleased(ofB, b.incarnation)).toBe(false);
  });

  it('even if it shows an older one again', () => {
    const views = viewsOf(pair);
    views.noteAdopted(b.incarnation, 2);
    views.noteAdopted(b.incarnation, 1);
    expect(views.hasReleased(staying, b.incarnation)).toBe(true);
  });

  it('when the ring knows that it is gone', () => {
    const views = viewsOf(three, pairAgain);
    expect(views.hasReleased(staying, c.incarnation)).toBe(true);
    expect(views.hasReleased(staying, memberOf(9).incarnation)).toBe(true);
    expect(viewsOf(founded).hasReleased(staying, memberOf(9).incarnation)).toBe(false);
  });

  it('else it is denied since the view that gave it here, or the first one without that incarnation', () => {
    const views = viewsOf(pair, three, pairAgain);
    expect(views.deniedSinceMs(staying, b.incarnation)).toBe(0);
    expect(views.deniedSinceMs(moving, b.incarnation)).toBe(2_000);
    expect(views.deniedSinceMs(moving, memberOf(9).incarnation)).toBe(0);
  });
});

describe('the views of a node', () => {
  it('are adopted by all when each other member has shown the one in force', () => {
    const views = viewsOf(pair, three);
    views.noteAdopted(b.incarnation, 3);
    expect(views.isAdoptedByAll).toBe(false);
    views.noteAdopted(c.incarnation, 3);
    expect(views.isAdoptedByAll).toBe(true);
  });

  it('are in force since the first that is as late', () => {
    const views = viewsOf(pair, three, pairAgain);
    expect([1, 2, 3, 4, 5].map((epoch) => views.adoptedSinceMs(epoch))).toEqual([
      0,
      0,
      1_000,
      2_000,
      undefined,
    ]);
  });
});
