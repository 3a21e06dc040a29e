import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import type { Envelope, EnvelopeReply } from '../../../src/mailbox/envelope.ts';
import {
  packEnvelope,
  packEnvelopeReply,
  unpackEnvelope,
  unpackEnvelopeReply,
} from '../../../src/peer/envelope-codec.ts';
import { PeerFault } from '../../../src/peer/peer-fault.ts';

const packr = new Packr({ useRecords: false, int64AsType: 'number' });
const media = { ref: 'r', type: 'image/png', size: 9 };
const marks = { delivered: 6, read: 4 };
const progress = { ...marks, op: 3 };
const to = { conversationId: 'a:b', from: 'a' };

const copied = [
  { messageId: 'm1', seq: 4, timestamp: 1_750_000_000_000, text: 'x' },
  { messageId: 'm2', seq: 6, timestamp: 5, text: 'y', replyTo: 4 },
  { messageId: 'm3', seq: 8, timestamp: 6, text: 'z', mediaRef: media },
  { messageId: 'm4', seq: 10, timestamp: 7, text: 'w', editedAt: 8 },
  { messageId: 'm5', seq: 12, timestamp: 7, text: '', replyTo: 4, deletedAt: 9 },
];

const operations = [
  { op: 2, seq: 4, text: 'xx', editedAt: 8 },
  { op: 4, seq: 6, text: '', deletedAt: 9 },
];
const page = { previousSeq: 2, messages: copied.slice(0, 1), previousOp: 0, operations: [] };

const envelopes: readonly [string, Envelope, unknown][] = [
  [
    'deliver',
    {
      kind: 'deliver',
      ...to,
      fromName: 'A',
      floor: 3,
      confirmed: { seq: 2, ...progress },
      messages: [
        { messageId: 'm1', text: 'x', fingerprint: 7 },
        { messageId: 'm2', text: 'y', fingerprint: 8, mediaRef: media, replyTo: 4, after: 'm1' },
        { messageId: 'm3', text: 'z', fingerprint: 9, after: 'm2' },
      ],
    },
    [
      ...[1, 'a:b', 'a', 'A', 3, 2],
      [
        ['m1', 'x', 7],
        ['m2', 'y', 8, ['r', 'image/png', 9], 4, 'm1'],
        ['m3', 'z', 9, null, null, 'm2'],
      ],
      ...[6, 4, 3],
    ],
  ],
  [
    'copy',
    {
      kind: 'copy',
      ...to,
      fromName: 'A',
      owed: { previousSeq: 2, messages: copied, marks, previousOp: 1, operations },
    },
    [
      ...[2, 'a:b', 'a', 'A', 2],
      [
        ['m1', 4, 1_750_000_000_000, 'x'],
        ['m2', 6, 5, 'y', null, 4],
        ['m3', 8, 6, 'z', ['r', 'image/png', 9], null],
        ['m4', 10, 7, 'w', null, null, 8, null],
        ['m5', 12, 7, '', null, 4, null, 9],
      ],
      ...[6, 4, 1],
      [
        [2, 4, 'xx', 8, null],
        [4, 6, '', null, 9],
      ],
    ],
  ],
  ['missing', { kind: 'missing', ...to, above: 4, limit: 50, aboveOp: 3 }, [3, 'a:b', 'a', 4, 50, 3]],
  ['confirm', { kind: 'confirm', ...to, confirmed: { seq: 8, ...progress } }, [4, 'a:b', 'a', 8, 6, 4, 3]],
  [
    'operate',
    {
      kind: 'operate',
      ...to,
      operations: [
        { kind: 'edit', seq: 4, messageId: 'm8', text: 'xx' },
        { kind: 'delete', seq: 6, messageId: 'm9', text: '' },
      ],
    },
    [
      ...[5, 'a:b', 'a'],
      [
        [1, 4, 'm8', 'xx'],
        [2, 6, 'm9', ''],
      ],
    ],
  ],
];

const replies: readonly [string, EnvelopeReply, unknown][] = [
  [
    'delivered',
    {
      kind: 'delivered',
      name: 'B',
      results: [
        { kind: 'accepted', seq: 4, timestamp: 5, duplicate: false, previousSeq: 2 },
        { kind: 'refused', error: 'conflict', message: 'no' },
        { kind: 'refused', error: 'overloaded', message: 'no', details: { retryAfterMs: 5 } },
      ],
    },
    [
      1,
      'B',
      [
        [1, 4, 5, false, 2],
        [2, 'conflict', 'no', null],
        [2, 'overloaded', 'no', { retryAfterMs: 5 }],
      ],
    ],
  ],
  ['copied', { kind: 'copied', confirmed: { seq: 8, ...progress } }, [2, 8, 6, 4, 3]],
  ['gap', { kind: 'gap', confirmed: { seq: 2, ...progress } }, [3, 2, 6, 4, 3]],
  [
    'missing',
    { kind: 'missing', name: 'B', owed: { ...page, marks } },
    [4, 'B', 2, [['m1', 4, 1_750_000_000_000, 'x']], 6, 4],
  ],
  ['noted', { kind: 'noted' }, [5]],
  [
    'operated',
    {
      kind: 'operated',
      results: [
        { kind: 'operated', at: 8, op: 2, previousOp: 1 },
        { kind: 'refused', error: 'conflict', message: 'no' },
      ],
    },
    [
      6,
      [
        [3, 8, 2, 1],
        [2, 'conflict', 'no', null],
      ],
    ],
  ],
];

const overWire = (body: unknown): unknown => packr.unpack(packr.pack(body));

describe('envelopes on the wire, version 1', () => {
  it.each(envelopes)('%s', (_name, envelope, body) => {
    expect(packEnvelope(envelope)).toEqual(body);
    expect(unpackEnvelope(overWire(body))).toStrictEqual(envelope);
  });

  it.each(replies)('reply %s', (_name, reply, body) => {
    expect(packEnvelopeReply(reply)).toEqual(body);
    expect(unpackEnvelopeReply(overWire(body))).toStrictEqual(reply);
  });

  it('items that a newer node adds are ignored', () => {
    const confirmed = { seq: 8, ...progress };
    expect(unpackEnvelope([4, 'a:b', 'a', 8, 6, 4, 3, 'new'])).toEqual({ kind: 'confirm', ...to, confirmed });
  });

  it('marks and changes that an older node does not know are none', () => {
    const none = { delivered: 0, read: 0 };
    const nothing = { ...none, op: 0 };
    expect(unpackEnvelope([1, 'a:b', 'a', 'A', 3, 2, []])).toMatchObject({
      confirmed: { seq: 2, ...nothing },
    });
    expect(unpackEnvelope([2, 'a:b', 'a', 'A', 2, []])).toMatchObject({
      owed: { marks: none, operations: [] },
    });
    expect(unpackEnvelope([4, 'a:b', 'a', 8])).toMatchObject({ confirmed: { seq: 8, ...nothing } });
    expect(unpackEnvelopeReply([2, 8])).toEqual({ kind: 'copied', confirmed: { seq: 8, ...nothing } });
    expect(unpackEnvelopeReply([4, 'B', 2, []])).toMatchObject({ owed: { marks: none, operations: [] } });
  });

  it('anything else is a fault of the protocol', () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.tuple(fc.nat(6), fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), fc.jsonValue()),
    );
    fc.assert(
      fc.property(value, (body) => {
        for (const unpack of [unpackEnvelope, unpackEnvelopeReply]) {
          try {
            unpack(body);
          } catch (error) {
            expect(error).toBeInstanceOf(PeerFault);
          }
        }
      }),
    );
    expect(() => unpackEnvelope([9, 'a', 'b'])).toThrow('no envelope has tag 9');
    expect(() => unpackEnvelope([4, 'a:b', 'a', -1])).toThrow(PeerFault);
  });
});
