import { describe, expect, test } from 'vitest';
import type { GroupMessage } from '../../../src/conversation/group-message.ts';
import {
  changeCell,
  changeOf,
  groupMessageCell,
  groupMessageOf,
  infoCell,
  infoOf,
  markCell,
  markOf,
  memberCell,
  memberOf,
} from '../../../src/group/group-cells.ts';
import { groupRowRanges } from '../../../src/group/group-behaviour.ts';
import { emptyGroup, type GroupInfo, type GroupState } from '../../../src/group/group-state.ts';
import { reviveGroup, snapshotGroup } from '../../../src/group/warm-group.ts';
import type { Cell, Family } from '../../../src/row/cell.ts';

const info: GroupInfo = {
  ...{ name: 'G', history: 'all', createdAt: 1, creator: 'a', requestId: 'r' },
  ...{ lastSeq: 2, event: 3, op: 0, receipt: 0, updatedAt: 4 },
};
const member = { role: 'admin', joinEvent: 2, joinSeq: 1 } as const;
const unmarked = { deliveredSeq: 0, readSeq: 0, receipt: 0, hiddenFrom: [] };

function hex({ family, qualifier, value }: Cell): readonly string[] {
  return [family, qualifier.toString('hex'), value.toString('hex')];
}

function cellOf(family: Family, qualifier: string, value: string): Cell {
  return { family, qualifier: Buffer.from(qualifier, 'hex'), value: Buffer.from(value, 'hex') };
}

describe('golden bytes of the cells of a group', () => {
  test('the group, before and after its first edit or receipt', () => {
    const plain = ['h', '67', '0198a1470001a161a172020304'] as const;
    expect(hex(infoCell(info))).toEqual(plain);
    expect(infoOf(cellOf(...plain))).toEqual(info);
    const told = { ...info, op: 5, receipt: 6 };
    const bytes = ['h', '67', '019ba1470001a161a172020304a00506'] as const;
    expect(hex(infoCell(told))).toEqual(bytes);
    expect(infoOf(cellOf(...bytes))).toEqual(told);
    const handed = { ...told, handedOverBy: 'b' };
    expect(infoOf(infoCell(handed))).toEqual(handed);
  });

  test('a member, with marks and without', () => {
    const plain = ['h', '75616e6e', '0193010201'] as const;
    expect(hex(memberCell('ann', { ...member, ...unmarked }))).toEqual(plain);
    expect(memberOf(cellOf(...plain))).toEqual({ ...member, ...unmarked });
    const marked = { ...member, deliveredSeq: 9, readSeq: 8, receipt: 7, hiddenFrom: ['bob'] };
    const bytes = ['h', '75616e6e', '019701020109080791a3626f62'] as const;
    expect(hex(memberCell('ann', marked))).toEqual(bytes);
    expect(memberOf(cellOf(...bytes))).toEqual(marked);
    const writer = { ...member, ...unmarked, own: [4, 2] };
    expect(memberOf(memberCell('ann', writer))).toEqual(writer);
  });

  test('how far members are, also as it was written before edits and receipts', () => {
    const mark = { seq: 1, event: 2, op: 3, receipt: 4 };
    expect(hex(markCell(mark))).toEqual(['o', '73', '019401020304']);
    expect(markOf(markCell(mark))).toEqual(mark);
    expect(markOf(cellOf('o', '73', '01920102'))).toEqual({ seq: 1, event: 2, op: 0, receipt: 0 });
  });

  test('messages as they were sent, edited and deleted, and their changes', () => {
    const sent: GroupMessage = { seq: 7, messageId: '1.a.d', text: 'x', timestamp: 5 };
    const plain = ['m', 'fffffffffff8', '0193a5312e612e64a17805'] as const;
    expect(hex(groupMessageCell(sent))).toEqual(plain);
    expect(groupMessageOf(cellOf(...plain))).toEqual(sent);
    const edited = { ...sent, text: 'y', replyTo: 2, editedAt: 6, op: 1 };
    const bytes = ['m', 'fffffffffff8', '0298a5312e612e64a1790502c0060001'] as const;
    expect(hex(groupMessageCell(edited))).toEqual(bytes);
    expect(groupMessageOf(cellOf(...bytes))).toEqual(edited);
    const mediaRef = { ref: 'r', type: 't', size: 3 };
    for (const message of [
      { ...sent, mediaRef, editedAt: 6, op: 1 },
      { ...sent, text: '', deletedAt: 8, op: 2 },
    ]) {
      expect(groupMessageOf(groupMessageCell(message))).toEqual(message);
    }
    expect(hex(changeCell({ op: 1, seq: 7 }))).toEqual(['l', 'fffffffffffe', '019107']);
    expect(changeOf(changeCell({ op: 1, seq: 7 }))).toEqual({ op: 1, seq: 7 });
  });
});

describe('a group that was sent ahead to another node', () => {
  function groupOf(count: number): GroupState {
    const state = emptyGroup('grp:g');
    state.info = { ...info, lastSeq: count };
    state.members.set('ann', { ...member, ...unmarked });
    for (let seq = 1; seq <= count; seq++) {
      state.messages.push({ seq, messageId: `${seq}.ann.d`, text: 'x'.repeat(100), timestamp: seq });
    }
    return state;
  }

  test('a message that stayed behind and was changed since does not stand in for those between', () => {
    const snapshot = snapshotGroup(groupOf(50), 5_000);
    if (snapshot === undefined) throw new Error('no snapshot');
    const changed = { seq: 2, messageId: '2.ann.d', text: 'y', timestamp: 2, editedAt: 60, op: 1 };
    const later = [
      ...[groupMessageCell(changed), changeCell({ op: 1, seq: 2 })],
      infoCell({ ...info, lastSeq: 50, op: 1 }),
    ];
    const kept = snapshot.cells.filter((cell) => cell.qualifier.toString() !== 'g');
    const version = { number: 9, epoch: 1, bytes: Buffer.alloc(29) };
    const copy = { ...snapshot, cells: [...kept, ...later], version };
    const state = reviveGroup('grp:g', copy, groupRowRanges());
    expect(state.messages.at(-1)?.seq).toBe(50);
    expect(state.runAbove).toBeGreaterThan(2);
    expect(state.messages).toHaveLength(50 - state.runAbove);
    expect(state).toMatchObject({ changes: [{ op: 1, seq: 2 }], changesAbove: 0, touchedVersion: 9 });
  });
});
