import { describe, expect, it } from 'vitest';
import { ordinaryWeight, weightMax } from '../../../src/ring/member.ts';
import type { Member } from '../../../src/ring/member.ts';
import { RingView, movedBetween } from '../../../src/ring/ring-view.ts';
import { memberOf, viewIdOf, viewOf } from '../../support/ring-parts.ts';

const three = [memberOf(1), memberOf(2), memberOf(3)];
const ids = Array.from({ length: 500 }, (_, i) => `user-${i}`);

describe('a ring view', () => {
  it('has its members in the order of their ids, whatever order they came in', () => {
    const view = viewOf(4, three.toReversed());
    expect(view.members).toEqual(three);
    const other = viewOf(4, three);
    expect(view.fingerprint).toBe(other.fingerprint);
    for (const id of ids) expect(view.ownerOf(id)).toEqual(other.ownerOf(id));
  });

  it('finds members by node and by incarnation', () => {
    const view = viewOf(4, three);
    expect(view.member('n2')).toEqual(three[1]);
    expect(view.member('n4')).toBeUndefined();
    expect(view.hasIncarnation(memberOf(2).incarnation)).toBe(true);
    expect(view.hasIncarnation(memberOf(2, { start: 1 }).incarnation)).toBe(false);
  });

  it.each<[string, Partial<Member>]>([
    ['incarnation', { incarnation: '00000000000000ff' }],
    ['weight', { weight: 99 }],
    ['client URL', { clientUrl: 'ws://elsewhere' }],
    ['peer address', { peerAddress: 'elsewhere:1' }],
  ])('has another fingerprint with another %s', (_, change) => {
    const changed = viewOf(4, [memberOf(1, change), memberOf(2), memberOf(3)]);
    expect(changed.fingerprint).not.toBe(viewOf(4, three).fingerprint);
  });

  it('has another fingerprint with another epoch or id', () => {
    const { fingerprint } = viewOf(4, three);
    expect(viewOf(5, three).fingerprint).not.toBe(fingerprint);
    expect(new RingView({ epoch: 4, viewId: viewIdOf(99), members: three }).fingerprint).not.toBe(
      fingerprint,
    );
  });

  it.each<[string, readonly Member[], RegExp]>([
    ['nobody', [], /no member has a weight/],
    ['nobody with a weight', [memberOf(1, { weight: 0 })], /no member has a weight/],
    ['a node twice', [memberOf(1), memberOf(1, { start: 1 })], /a node is in it twice/],
    [
      'an incarnation twice',
      [memberOf(1), memberOf(2, { incarnation: memberOf(1).incarnation })],
      /an incarnation is in it twice/,
    ],
    ['a node id with a space', [memberOf(1, { nodeId: 'a b' })], /not a node id/],
    ['an empty node id', [memberOf(1, { nodeId: '' })], /not a node id/],
    ['a node id of 65 characters', [memberOf(1, { nodeId: 'x'.repeat(65) })], /not a node id/],
    ['a short incarnation', [memberOf(1, { incarnation: 'ab' })], /not an incarnation/],
    ['a negative weight', [memberOf(1, { weight: -1 })], /not a weight/],
    ['half a weight', [memberOf(1, { weight: 0.5 })], /not a weight/],
    ['too much weight', [memberOf(1, { weight: weightMax + 1 })], /not a weight/],
    ['a client URL of HTTP', [memberOf(1, { clientUrl: 'http://x' })], /not a client URL/],
    ['a peer address without a port', [memberOf(1, { peerAddress: 'host' })], /not host:port/],
  ])('refuses %s', (_, members, problem) => {
    expect(() => viewOf(4, members)).toThrow(problem);
  });

  it.each([0, -1, 1.5, NaN, 2 ** 32])('refuses %s as an epoch', (epoch) => {
    expect(() => new RingView({ epoch, viewId: viewIdOf(1), members: three })).toThrow(/not an epoch/);
  });

  it.each(['', 'xyz', '0123456789ABCDEF', '0'.repeat(17)])('refuses %j as a view id', (viewId) => {
    expect(() => new RingView({ epoch: 1, viewId, members: three })).toThrow(/not a view id/);
  });

  it('takes the greatest epoch and weight', () => {
    const most = [memberOf(1, { weight: weightMax }), memberOf(2, { weight: ordinaryWeight })];
    expect(viewOf(0xffffffff, most).epoch).toBe(0xffffffff);
  });
});

describe('what moves from view to view', () => {
  it('is what a new node takes, with its old and its new owner', () => {
    const [before, after] = [viewOf(1, three), viewOf(2, [...three, memberOf(4)])];
    const moves = movedBetween(before, after, ids);
    expect(moves.length).toBeGreaterThan(50);
    for (const { entityId, from, to } of moves) {
      expect(from).toEqual(before.ownerOf(entityId));
      expect(to).toEqual(memberOf(4));
    }
    const moved = new Set(moves.map(({ entityId }) => entityId));
    const kept = ids.filter((id) => !moved.has(id));
    for (const id of kept) expect(after.ownerOf(id)).toEqual(before.ownerOf(id));
  });

  it('is nothing when a node restarts', () => {
    const restarted = viewOf(2, [memberOf(1, { start: 1 }), memberOf(2), memberOf(3)]);
    expect(movedBetween(viewOf(1, three), restarted, ids)).toEqual([]);
  });
});
