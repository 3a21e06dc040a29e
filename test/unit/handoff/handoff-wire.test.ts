import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import {
  packFlows,
  packHandoffAsk,
  packStatus,
  unpackFlows,
  unpackHandoffAsk,
  unpackStatus,
  type HandoffAsk,
  type SentCopy,
} from '../../../src/handoff/handoff-wire.ts';
import { packReply, packRequest } from '../../../src/peer/frame-codec.ts';
import { RowVersionSource } from '../../../src/row/row-version.ts';

const versions = new RowVersionSource(Buffer.from('a1a2a3a4a5a6a7a8', 'hex'));
const v1 = versions.next(undefined, 7);
const v2 = versions.next(v1, 7);
const plan = { nodeId: 'n2', weight: 50 };
const changeId = 'c1';
const cell = (family: 'h' | 'l', value: string): SentCopy['cells'][number] => ({
  family,
  qualifier: Buffer.from('q'),
  value: Buffer.from(value),
});
const whole: SentCopy = {
  ...{ entityId: 'ann', base: undefined, version: v1, marks: [1, 0, 3, []], isLast: false },
  cells: [cell('h', 'x'), cell('l', 'y')],
};
const last: SentCopy = {
  ...{ entityId: 'ann', base: v1, version: v2, marks: null, isLast: true },
  cells: [cell('h', '')],
};

const packr = new Packr({ useRecords: false });
const bodyOf = (bytes: Uint8Array, at: number): unknown => (packr.unpack(bytes) as unknown[])[at];
const requestOf = (ask: HandoffAsk): Uint8Array =>
  packRequest(3, { epoch: 7, to: '', body: packHandoffAsk(ask) }).bytes;
const replyOf = (body: unknown): Uint8Array => packReply(3, { kind: 'ok', body }).bytes;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('requests of hand-off on the wire, version 2', () => {
  const golden: readonly [string, HandoffAsk][] = [
    ['940307a09310a26e3232', { kind: 'survey', plan }],
    ['940307a09511a2633107a26e3232', { kind: 'prepare', changeId, epoch: 7, plan }],
    ['940307a09212a26331', { kind: 'status', changeId }],
    [
      '940307a09313a263319296a3616e6ec0c41d01000000000000000100000007a1a2a3a4a5a6a7a800000000000000019401000390929300c40171c401789304c40171c401790096a3616e6ec41d01000000000000000100000007a1a2a3a4a5a6a7a80000000000000001c41d01000000000000000200000007a1a2a3a4a5a6a7a80000000000000002c0919300c40171c40001',
      { kind: 'copies', changeId, copies: [whole, last] },
    ],
    ['940307a09214a26331', { kind: 'cancel', changeId }],
    ['940307a09215a26331', { kind: 'progress', changeId }],
    ['940307a09216a26331', { kind: 'abort', changeId }],
  ];

  it.each(golden)('%s', (bytes, ask) => {
    expect(hex(requestOf(ask))).toBe(bytes);
    expect(unpackHandoffAsk(bodyOf(Buffer.from(bytes, 'hex'), 3))).toEqual(ask);
  });

  it('replies with a status, and with flows', () => {
    const status = {
      state: 'sending',
      totalUsers: 5,
      movedUsers: 2,
      totalBytes: 900,
      movedBytes: 300,
    } as const;
    expect(hex(replyOf(packStatus(status)))).toBe('920395010502cd0384cd012c');
    expect(unpackStatus(bodyOf(Buffer.from('920395010502cd0384cd012c', 'hex'), 1))).toEqual(status);
    const flows = [{ to: 'n3', users: 5, bytes: 900 }];
    expect(hex(replyOf(packFlows(flows)))).toBe('92039193a26e3305cd0384');
    expect(unpackFlows(bodyOf(Buffer.from('92039193a26e3305cd0384', 'hex'), 1))).toEqual(flows);
  });
});
