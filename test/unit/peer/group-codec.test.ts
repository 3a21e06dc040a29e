import { expect, it } from 'vitest';
import type { Circular } from '../../../src/actor/group-host.ts';
import type { Bulletin, MemberNews } from '../../../src/conversation/bulletin.ts';
import {
  packCard,
  packCircular,
  packMemberNews,
  unpackCard,
  unpackCircular,
  unpackMemberNews,
} from '../../../src/peer/group-codec.ts';

const bulletin: Bulletin = {
  ...{ groupId: 'grp:g', name: 'G', event: 7, lastSeq: 3, lastTimestamp: 30, lastFrom: 'bob', snippet: 'hi' },
  messages: [
    { seq: 2, messageId: '1.ann.d', text: 'a', timestamp: 20 },
    { seq: 3, messageId: '2.bob.d', text: 'hi', timestamp: 30, replyTo: 2 },
  ],
  op: 5,
  changed: [
    { seq: 1, messageId: '3.cat.d', text: 'b', timestamp: 10, editedAt: 40, op: 4 },
    { seq: 2, messageId: '1.ann.d', text: '', timestamp: 20, deletedAt: 50, op: 5 },
  ],
  ...{ receipt: 9, takesReceipts: true },
  receipts: [
    { userId: 'ann', deliveredSeq: 3, readSeq: 2, number: 8, hiddenFrom: [] },
    { userId: 'bob', deliveredSeq: 3, readSeq: 3, number: 9, hiddenFrom: ['cat'] },
  ],
};
const packed = [
  ...['grp:g', 'G', 7, 3, 30, 'bob', 'hi'],
  [
    [2, '1.ann.d', 'a', 20],
    [3, '2.bob.d', 'hi', 30, null, 2],
  ],
  5,
  [
    [1, '3.cat.d', 'b', 10, null, null, 40, null, 4],
    [2, '1.ann.d', '', 20, null, null, null, 50, 5],
  ],
  9,
  [
    ['ann', 3, 2, 8],
    ['bob', 3, 3, 9, ['cat']],
  ],
  true,
];

it('a circular, as docs/wire-peer.md has it', () => {
  const circular: Circular = {
    bulletin,
    userIds: ['ann', 'bob', 'cat'],
    enrolments: new Map([
      ['bob', { kind: 'joined', event: 6, seq: 1, sinceJoin: true }],
      ['cat', { kind: 'left', event: 7 }],
    ]),
  };
  const wire = [
    packed,
    ['ann', 'bob', 'cat'],
    [
      ['bob', 1, 6, 1, true],
      ['cat', 2, 7],
    ],
  ];
  expect(packCircular(circular)).toEqual(wire);
  expect(unpackCircular(wire)).toEqual(circular);
});

it('the news of one member, and cards', () => {
  const news: MemberNews = {
    ...{ kind: 'groupNews', bulletin, isPartial: true },
    enrolment: { kind: 'joined', event: 6, seq: 1, sinceJoin: false },
  };
  expect(unpackMemberNews(packMemberNews(news))).toEqual(news);
  const plain: MemberNews = { kind: 'groupNews', bulletin };
  expect(unpackMemberNews(packMemberNews(plain))).toEqual(plain);
  const large: MemberNews = {
    ...{ kind: 'groupNews', bulletin: { ...bulletin, large: { opAbove: 3 } } },
    enrolment: { kind: 'joined', event: 6, seq: 1, sinceJoin: false, own: [4, 2] },
  };
  expect(unpackMemberNews(packMemberNews(large))).toEqual(large);
  const known = { name: 'ANN', deliveredSeq: 4, readSeq: 3, isFull: false, blocks: ['bob'] };
  const card = { ...known, isInManyLarge: true };
  expect(packCard(card)).toEqual(['ANN', 4, 3, false, ['bob'], true]);
  expect(unpackCard(packCard(card))).toEqual(card);
  // Of nodes that count no large groups.
  expect(unpackCard(['ANN', 4, 3, false, ['bob']])).toEqual({ ...known, isInManyLarge: false });
  expect(unpackCard(packCard(undefined))).toBeUndefined();
});

it('a bulletin of a node that knows no changes of messages', () => {
  const former = [packed.slice(0, 8), ['ann'], []];
  const none = { op: 0, changed: [], receipt: 0, receipts: [], takesReceipts: false };
  expect(unpackCircular(former).bulletin).toEqual({ ...bulletin, ...none });
});

it('whatever makes no sense is a fault', () => {
  for (const body of [
    null,
    [],
    [packed],
    [packed, [1], []],
    [packed, [], [['bob', 9, 1]]],
    [['grp:g'], [], []],
  ]) {
    expect(() => unpackCircular(body)).toThrow();
  }
});
