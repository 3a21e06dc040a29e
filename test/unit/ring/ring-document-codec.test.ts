import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { decodeRingDocument, encodeRingDocument } from '../../../src/ring/ring-document-codec.ts';
import { assigned, foundedBy, joinedBy, leftBy, removedFrom } from '../../../src/ring/ring-document.ts';
import type { PendingChange, RingDocument } from '../../../src/ring/ring-document.ts';
import { RingError } from '../../../src/ring/ring-view.ts';
import { incarnationOf, memberOf, viewIdOf } from '../../support/ring-parts.ts';

/** Everything that a document can have in it. */
function fullDocument(): RingDocument {
  let ring = foundedBy(memberOf(1), viewIdOf(1));
  for (const number of [2, 3]) {
    ring = joinedBy(ring, { member: memberOf(number), ended: [] }, viewIdOf(number));
  }
  ring = leftBy(ring, memberOf(2), viewIdOf(4));
  const dead = [{ incarnation: incarnationOf(3).toString('hex'), hasEnded: false }];
  const removal = { dead, isWindowOver: false };
  ring = removedFrom(ring, removal, viewIdOf(5)) ?? ring;
  const change: PendingChange = {
    changeId: viewIdOf(77),
    kind: 'weight',
    nodeId: 'n1',
    weight: 40,
    coordinator: incarnationOf(1).toString('hex'),
    epoch: 5,
    phase: 'preparing',
  };
  return { ...assigned(ring, { nodeId: 'n9', weight: 30, service: 'drained' }), pending: change };
}

const founded = foundedBy(memberOf(7, { weight: 250 }), 'fedcba9876543210');
const packed = (body: unknown): Buffer => Buffer.concat([Buffer.of(1), new Packr().pack(body)]);

describe('the bytes of a ring document', () => {
  it('are these for ever, of a first one and of a full one', () => {
    expect(encodeRingDocument(founded).toString('hex')).toBe(
      [
        '019901b066656463626139383736353433323130c09195a26e37b030303030303030373030303030',
        '303030ccfab377733a2f2f3132372e302e302e313a37343037ae3132372e302e302e313a37363037',
        '9400000090909192c001c090',
      ].join(''),
    );
    expect(encodeRingDocument(fullDocument()).toString('hex')).toBe(
      [
        '019905b030303030303030303030303030303035b0303030303030303030303030303030349195a2',
        '6e31b03030303030303031303030303030303064b377733a2f2f3132372e302e302e313a37343031',
        'ae3132372e302e302e313a373630319405020191',
        '93a26e33b03030303030303033303030303030303001',
        '91b0303030303030303230303030303030309292c0',
        '0192b0303030303030303330303030303030300597b030303030303030303030303030303464',
        '02a26e3128b030303030303030313030303030303030050091',
        '93a26e391e01',
      ].join(''),
    );
  });

  it('of the first release are still read, without what that did not have', () => {
    const bytes = [
      '019701b066656463626139383736353433323130c09195a26e37b030303030303030373030303030',
      '303030ccfab377733a2f2f3132372e302e302e313a37343037ae3132372e302e302e313a37363037',
      '93000000909192c001',
    ].join('');
    expect(decodeRingDocument(Buffer.from(bytes, 'hex'))).toMatchObject({
      ...{ parentViewId: undefined, lingering: [{ incarnation: undefined, sinceEpoch: 1 }] },
      ...{ pending: undefined, assignments: [] },
    });
  });

  it('from before removals had names are still read: they count to the end of their window', () => {
    const bytes = [
      '019905b030303030303030303030303030303035b0303030303030303030303030303030349195a2',
      '6e31b03030303030303031303030303030303064b377733a2f2f3132372e302e302e313a37343031',
      'ae3132372e302e302e313a373630319305020191b0303030303030303230303030303030309292c0',
      '0192b0303030303030303330303030303030300597b030303030303030303030303030303464',
      '02a26e3128b030303030303030313030303030303030050091',
      '93a26e391e01',
    ].join('');
    const ring = decodeRingDocument(Buffer.from(bytes, 'hex'));
    expect(ring.removals).toEqual({ sinceEpoch: 5, memberCount: 2, used: 1, removed: [] });
    expect(ring.assignments).toEqual(fullDocument().assignments);
  });

  it.each([
    ['a first one', founded],
    ['a full one', fullDocument()],
  ])('give %s back', (_, ring) => {
    const back = decodeRingDocument(encodeRingDocument(ring));
    expect(back).toMatchObject({
      parentViewId: ring.parentViewId,
      removals: ring.removals,
      departed: ring.departed,
      lingering: ring.lingering,
      pending: ring.pending,
      assignments: ring.assignments,
    });
    expect(back.view.members).toEqual(ring.view.members);
    expect(back.view.fingerprint).toBe(ring.view.fingerprint);
  });

  it('may have fields that a later release has added', () => {
    const bytes = packed([
      ...[1, viewIdOf(1), null],
      [['n1', viewIdOf(9), 100, 'ws://a', 'a:1', 'zone b']],
      ...[[0, 0, 0, [['n2', viewIdOf(8), 1, 'later']], 'later'], [], [[null, 1, 'later']]],
      ...[[viewIdOf(1), 0, 'n1', 5, viewIdOf(9), 1, 0, 'later'], [['n1', 5, 0, 'later']], 'later'],
    ]);
    expect(decodeRingDocument(bytes).view.member('n1')?.peerAddress).toBe('a:1');
  });

  const member = ['n1', viewIdOf(9), 100, 'ws://a', 'a:1'];
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['another format', Buffer.of(2, 0x90)],
    ['the format alone', Buffer.of(1)],
    ['half of it', encodeRingDocument(fullDocument()).subarray(0, 60)],
    ['no array', packed('ring')],
    ['no fields', packed([])],
    ['an epoch of 0', packed([0, viewIdOf(1), null, [member], [0, 0, 0], [], []])],
    ['an epoch that is a text', packed(['1', viewIdOf(1), null, [member], [0, 0, 0], [], []])],
    ['no members', packed([1, viewIdOf(1), null, [], [0, 0, 0], [], []])],
    ['half a member', packed([1, viewIdOf(1), null, [member.slice(0, 3)], [0, 0, 0], [], []])],
    ['a negative removal', packed([1, viewIdOf(1), null, [member], [0, 0, -1], [], []])],
    ['numbers that departed', packed([1, viewIdOf(1), null, [member], [0, 0, 0], [7], []])],
    ['no list of who lingers', packed([1, viewIdOf(1), null, [member], [0, 0, 0], []])],
  ])('that are %s are refused', (_, bytes) => {
    expect(() => decodeRingDocument(bytes)).toThrow(RingError);
  });
});
