import { describe, expect, it } from 'vitest';
import {
  conversationCell,
  conversationOf,
  logCell,
  logOf,
  outboxCell,
  outboxOf,
} from '../../../src/mailbox/mailbox-cells.ts';
import type { ConversationHead, LogCommit } from '../../../src/mailbox/mailbox-state.ts';
import type { Cell, Family } from '../../../src/row/cell.ts';

const head: ConversationHead = {
  local: 7,
  peer: 'bob',
  name: 'BOB',
  lastSeq: 9,
  lastTimestamp: 1_750_000_000_000,
  updatedAt: 1_750_000_000_001,
  snippet: 'hi',
  lastOwn: true,
  receivedCount: 4,
  readSeq: 6,
  readCount: 3,
  ownSeq: 9,
  peerSeq: 8,
  deliveredSeq: 8,
  peerDeliveredSeq: 9,
  peerReadSeq: 5,
};
const log: LogCommit = {
  version: 3,
  entries: [
    { kind: 'message', conversationId: 'c', seq: 4 },
    { kind: 'read', conversationId: 'c', readSeq: 4, unread: 0 },
    { kind: 'receipt', conversationId: 'c', deliveredSeq: 9, readSeq: 5 },
  ],
};

const cellOf = (family: Family, qualifier: string, value: string): Cell => ({
  family,
  qualifier: Buffer.from(qualifier, 'hex'),
  value: Buffer.from(value, 'hex'),
});
const hex = ({ family, qualifier, value }: Cell): [Family, string, string] => [
  family,
  qualifier.toString('hex'),
  value.toString('hex'),
];

describe('cells as they are stored', () => {
  it('a conversation, format 2', () => {
    const bytes = [
      'h',
      '6300000007',
      '029fa3626f62a3424f4209cb427977420dc00000cb427977420dc01000a26869c30406030908080905',
    ] as const;
    expect(hex(conversationCell(head))).toEqual(bytes);
    expect(conversationOf(cellOf(...bytes))).toEqual(head);
  });

  it('a conversation of format 1: what was read was delivered, and nothing is known of the peer', () => {
    const old = cellOf(
      'h',
      '6300000007',
      '019ca3626f62a3424f4209cb427977420dc00000cb427977420dc01000a26869c30406030908',
    );
    const unknown = { deliveredSeq: 6, peerDeliveredSeq: 0, peerReadSeq: 0 };
    expect(conversationOf(old)).toEqual({ ...head, ...unknown });
  });

  it('an outbox cell, format 2, and of format 1', () => {
    const bytes = ['o', '00000007', '0293080604'] as const;
    const confirmed = { seq: 8, delivered: 6, read: 4 };
    expect(hex(outboxCell(7, confirmed))).toEqual(bytes);
    expect(outboxOf(cellOf(...bytes))).toEqual({ local: 7, confirmed });
    const old = cellOf('o', '00000007', '019108');
    expect(outboxOf(old)).toEqual({ local: 7, confirmed: { seq: 8, delivered: 0, read: 0 } });
  });

  it('a commit of the log, format 2, and of format 1', () => {
    const bytes = ['l', '00000003', '029203939300070494010704009402070905'] as const;
    expect(hex(logCell(log, () => 7))).toEqual(bytes);
    expect(logOf(cellOf(...bytes), () => 'c')).toEqual(log);
    const old = cellOf('l', '00000003', '01920392930007049401070400');
    expect(logOf(old, () => 'c')).toEqual({ version: 3, entries: log.entries.slice(0, 2) });
  });

  it('a format of the future is refused', () => {
    expect(() => outboxOf(cellOf('o', '00000007', 'ff9108'))).toThrow('unknown format');
  });
});
