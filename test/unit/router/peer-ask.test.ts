import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import type { Bulletin } from '../../../src/conversation/bulletin.ts';
import { packAsk, unpackAsk, type PeerAsk } from '../../../src/router/peer-ask.ts';

/** As frames between nodes are written. */
const packr = new Packr({ useRecords: false });

const bulletin: Bulletin = {
  ...{ groupId: 'grp:g', name: 'G', event: 7, lastSeq: 3, lastTimestamp: 30, lastFrom: 'bob', snippet: 'hi' },
  messages: [{ seq: 3, messageId: '2.bob.d', text: 'hi', timestamp: 30 }],
  op: 5,
  changed: [{ seq: 2, messageId: '1.ann.d', text: '', timestamp: 20, deletedAt: 50, op: 5 }],
  ...{ receipt: 9, takesReceipts: false, receipts: [] },
  large: { opAbove: 4 },
};

/** Nodes of two releases are in one ring while it is upgraded: these bytes stay as they are. */
const golden: readonly { readonly ask: PeerAsk; readonly bytes: string }[] = [
  {
    ask: { kind: 'call', name: 'getConversations', params: null, isCharged: false },
    bytes: '9302b0676574436f6e766572736174696f6e73c0',
  },
  {
    ask: { kind: 'call', name: 'getConversations', params: null, isCharged: true },
    bytes: '9402b0676574436f6e766572736174696f6e73c001',
  },
  {
    ask: { kind: 'groupCall', name: 'getMembers', from: 'ann', params: null, isCharged: true },
    bytes: '9508aa6765744d656d62657273a3616e6ec001',
  },
  {
    ask: {
      kind: 'newsOfAll',
      known: new Map([
        ['grp:g', { seq: 3, op: 1 }],
        ['grp:h', { seq: 0, op: 0 }],
      ]),
    },
    bytes: '920a9293a56772703a67030193a56772703a680000',
  },
  { ask: { kind: 'subscribe' }, bytes: '910b' },
  {
    ask: { kind: 'announce', announcement: { bulletin, except: ['cat'] } },
    bytes:
      '930d9ea56772703a67a14707031ea3626f62a26869919403a7322e626f622e64a268691e05919902a7312e616e6e2e64a014c0c0c0320509' +
      '90c20491a3636174',
  },
];

describe('what a node asks another one, as docs/wire-peer.md has it', () => {
  for (const { ask, bytes } of golden) {
    it(`${ask.kind}: ${bytes.slice(0, 8)}…`, () => {
      expect(packr.pack(packAsk(ask)).toString('hex')).toBe(bytes);
      expect(unpackAsk(packr.unpack(Buffer.from(bytes, 'hex')))).toEqual(ask);
    });
  }
});
