import { describe, expect, it } from 'vitest';
import {
  conversationCell,
  conversationOf,
  groupEntryCell,
  groupEntryOf,
  messageCell,
  messageOf,
  outboxCell,
  outboxOf,
} from '../../../src/mailbox/mailbox-cells.ts';
import type { GroupEntry } from '../../../src/mailbox/group-entry.ts';
import { logCell, logOf } from '../../../src/mailbox/log-cells.ts';
import type { ConversationHead, LogCommit, StoredMessage } from '../../../src/mailbox/mailbox-state.ts';
import { personCell, personOf } from '../../../src/mailbox/people.ts';
import type { Conversation } from '../../../src/protocol/message.ts';
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
  ownOp: 2,
  peerOp: 3,
  isBlocked: true,
};
const log: LogCommit = {
  version: 3,
  entries: [
    { kind: 'message', conversationId: 'c', seq: 4 },
    { kind: 'read', conversationId: 'c', readSeq: 4, unread: 0 },
    { kind: 'receipt', conversationId: 'c', deliveredSeq: 9, readSeq: 5 },
    { kind: 'edited', conversationId: 'c', seq: 4 },
    { kind: 'deleted', conversationId: 'c', seq: 4 },
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
      '02dc0012a3626f62a3424f4209cb427977420dc00000cb427977420dc01000a26869c304060309080809050203c3',
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
    const unknown = {
      deliveredSeq: 6,
      peerDeliveredSeq: 0,
      peerReadSeq: 0,
      ownOp: 0,
      peerOp: 0,
      isBlocked: false,
    };
    expect(conversationOf(old)).toEqual({ ...head, ...unknown });
  });

  it('an outbox cell, format 2, and of format 1', () => {
    const bytes = ['o', '00000007', '0295080604059404070206'] as const;
    const confirmed = { seq: 8, delivered: 6, read: 4, op: 5 };
    const operations = new Map([
      [4, 7],
      [2, 6],
    ]);
    expect(hex(outboxCell(7, { confirmed, operations }))).toEqual(bytes);
    expect(outboxOf(cellOf(...bytes))).toEqual({ local: 7, confirmed, operations });
    const old = cellOf('o', '00000007', '019108');
    const nothingElse = { seq: 8, delivered: 0, read: 0, op: 0 };
    expect(outboxOf(old)).toEqual({ local: 7, confirmed: nothingElse, operations: new Map() });
  });

  it('a commit of the log, format 2, and of format 1', () => {
    const bytes = ['l', '00000003', '0292039593000704940107040094020709059303070493040704'] as const;
    expect(hex(logCell(log, () => 7))).toEqual(bytes);
    expect(logOf(cellOf(...bytes), () => 'c')).toEqual(log);
    const old = cellOf('l', '00000003', '01920392930007049401070400');
    expect(logOf(old, () => 'c')).toEqual({ version: 3, entries: log.entries.slice(0, 2) });
  });

  it('messages: format 1, and format 2 once they were changed', () => {
    const plain = { seq: 9, messageId: '1.a.d', own: true, text: 'x', timestamp: 5, receivedCount: 2 };
    const media = { ref: 'r', type: 'image/png', size: 9 };
    const stored: readonly [StoredMessage, string][] = [
      [plain, '0195a5312e612e6401a1780502'],
      [{ ...plain, replyTo: 4, mediaRef: media }, '0197a5312e612e6401a17805020493a172a9696d6167652f706e6709'],
      [
        { ...plain, mediaRef: media, editedAt: 8 },
        '0299a5312e612e6401a17805020093a172a9696d6167652f706e67090800',
      ],
      [{ ...plain, text: '', replyTo: 4, deletedAt: 9 }, '0299a5312e612e6401a0050204c00009'],
    ];
    for (const [message, value] of stored) {
      const bytes = ['m', '00000007fffffffffff6', value] as const;
      expect(hex(messageCell(7, message))).toEqual(bytes);
      expect(messageOf(cellOf(...bytes))).toEqual(message);
    }
  });

  it('a commit of the log with something of a group, format 3', () => {
    const conversation: Conversation = {
      ...{ conversationId: 'c', type: 'group', name: 'G', lastSeq: 9, lastTimestamp: 5, updatedAt: 6 },
      ...{ snippet: '', lastFrom: 'a', unread: 1, readSeq: 2 },
    };
    const commit: LogCommit = {
      version: 3,
      entries: [
        { kind: 'groupRange', conversationId: 'c', above: 4, upTo: 9 },
        { kind: 'conversation', conversation, left: true },
        { kind: 'contact', userId: 'bob' },
        { kind: 'contact', userId: 'bob', removed: true },
      ],
    };
    const cell = logCell(commit, () => 7);
    expect(hex(cell)).toEqual([
      'l',
      '00000003',
      '0392039494050704099b060701a147090506a0a16101029307a3626f62009307a3626f6201',
    ]);
    expect(logOf(cell, () => 'c')).toEqual(commit);
    // Snippets were stored once.
    const former = cellOf('l', '00000003', '03920391' + '9b060701a147090506a173a1610102');
    expect(logOf(former, () => 'c').entries).toMatchObject([{ conversation: { name: 'G', snippet: 's' } }]);
  });

  it('the entry of a group', () => {
    const entry: GroupEntry = {
      ...{
        conversationId: 'grp:x',
        local: 7,
        isIn: true,
        enrolmentEvent: 2,
        joinSeq: 3,
        name: 'G',
        event: 4,
      },
      ...{ lastSeq: 9, lastTimestamp: 5, lastFrom: 'a', snippet: 's', updatedAt: 6 },
      ...{ deliveredSeq: 8, readSeq: 7, own: [8, 1], op: 2, shownAbove: 3, receipt: 6, takesReceipts: true },
      isLarge: false,
    };
    const cell = groupEntryCell(entry);
    expect(hex(cell)).toEqual([
      'h',
      '6700000007',
      '01dc0012a56772703a78010203a147040905a161a17306080792080102030601',
    ]);
    expect(groupEntryOf(cell)).toEqual(entry);
    // As it was written before groups had edits and deletions.
    const former = cellOf('h', '6700000007', '019ea56772703a78010203a147040905a161a17306080792' + '0801');
    expect(groupEntryOf(former)).toEqual({ ...entry, op: 0, receipt: 0, takesReceipts: false });
    const large = { ...entry, isLarge: true };
    expect(groupEntryOf(groupEntryCell(large))).toEqual(large);
  });

  it('a person', () => {
    const person = { userId: 'bob', name: 'BOB', isContact: true, isBlocked: false };
    const bytes = ['h', '75626f62', '0193a3424f420100'] as const;
    expect(hex(personCell(person))).toEqual(bytes);
    expect(personOf(cellOf(...bytes))).toEqual(person);
    expect(personCell({ ...person, isContact: false }).value).toHaveLength(0);
  });

  it('a format of the future is refused', () => {
    expect(() => outboxOf(cellOf('o', '00000007', 'ff9108'))).toThrow('unknown format');
  });
});
