import { dedupCell } from '../conversation/dedup-window.ts';
import type { Cell, CellRange, Family } from '../row/cell.ts';
import type { RowCopy, RowSnapshot } from '../row/row-snapshot.ts';
import {
  changeCell,
  groupMessageCell,
  infoCell,
  largeCell,
  markCell,
  memberCell,
  numberOf,
  owedCell,
} from './group-cells.ts';
import { groupMessageBytes, type GroupState } from './group-state.ts';
import { restoreGroup } from './restore-group.ts';

/** Of a group: ids with a time above this are all in the snapshot, as `dedup.knownAboveMs` of the state. */
type GroupMarks = [dedupAboveMs: number];

/** What a cell takes beside its value, estimated. */
const cellOverheadBytes = 40;

/**
 * What is in memory of a group, up to so many bytes: the older messages stay behind.
 * @returns undefined where it is larger with its last message alone
 */
export function snapshotGroup(state: GroupState, bytesMax: number): RowSnapshot | undefined {
  const { info, large, mark, members, owed, dedup, messages, changes } = state;
  // Of a very large group not even the members fit: no need to write them all down to find that out.
  if (members.size * cellOverheadBytes > bytesMax) return undefined;
  const cells: Cell[] = [];
  let bytes = 0;
  const add = (cell: Cell): void => {
    cells.push(cell);
    bytes += cell.value.length + cellOverheadBytes;
  };
  if (info !== undefined) add(infoCell(info));
  if (large !== undefined) add(largeCell(large));
  if (mark !== undefined) add(markCell(mark));
  for (const [userId, member] of members) add(memberCell(userId, member));
  for (const [userId, enrolment] of owed) add(owedCell(userId, enrolment));
  for (const [messageId, entry] of dedup.entries) add(dedupCell(messageId, entry));
  for (const change of changes) add(changeCell(change));
  for (const message of messages.toReversed()) {
    const isLast = message === messages.at(-1);
    if (!isLast && bytes + groupMessageBytes(message) > bytesMax) break;
    add(groupMessageCell(message));
  }
  const marks: GroupMarks = [dedup.knownAboveMs];
  return bytes > bytesMax ? undefined : { cells, marks };
}

/**
 * The state that a snapshot was made of, with the cells of later commits on top of it.
 * @param ranges those of the head
 * @throws StoreError `corrupt`
 */
export function reviveGroup(groupId: string, copy: RowCopy, ranges: readonly CellRange[]): GroupState {
  const [dedupAboveMs] = copy.marks as GroupMarks;
  const of = (family: Family): readonly Cell[] =>
    copy.cells.filter((cell) => cell.family === family).sort((a, b) => a.qualifier.compare(b.qualifier));
  const image = { version: copy.version, ranges: [of('h'), of('o'), of('d'), unbroken(of('m')), of('l')] };
  const state = restoreGroup(groupId, image, ranges);
  state.dedup.knownAboveMs = dedupAboveMs;
  return state;
}

/** The newest messages, down to the first gap: what stayed behind may have been changed since, and is read where it is. */
function unbroken(cells: readonly Cell[]): readonly Cell[] {
  const seqs = cells.map(numberOf);
  const gap = seqs.findIndex((seq, index) => index > 0 && seq + 1 !== seqs[index - 1]);
  return gap < 0 ? cells : cells.slice(0, gap);
}
