import { checkWhole } from '../conversation/cell-value.ts';
import { dedupEntryBytes, restoreDedup } from '../conversation/dedup-window.ts';
import type { CellRange } from '../row/cell.ts';
import { StoreError, type RowImage } from '../row/row-store.ts';
import { markOfGroup, nothingTold } from './fan-out-mark.ts';
import {
  changeOf,
  groupMessageOf,
  infoOf,
  isInfoCell,
  isLargeCell,
  markOf,
  memberOf,
  owedOf,
  userOf,
} from './group-cells.ts';
import { emptyGroup, groupMessageBytes, memberBytes, type GroupState } from './group-state.ts';

/**
 * Makes the state of an image of the head ranges (`h`, `o`, `d`, `m`, `l`, in that order).
 * @throws StoreError `corrupt`
 */
export function restoreGroup(groupId: string, image: RowImage, ranges: readonly CellRange[]): GroupState {
  const state = emptyGroup(groupId);
  state.version = image.version;
  const [head = [], outbox = [], dedup = [], messages = [], changes = []] = image.ranges;
  checkWhole(groupId, head, ranges[0]);
  checkWhole(groupId, outbox, ranges[1]);
  for (const cell of head) {
    const userId = userOf(cell);
    if (userId !== undefined) state.members.set(userId, memberOf(cell));
    else if (isInfoCell(cell)) state.info = infoOf(cell);
    else if (isLargeCell(cell)) state.large = markOf(cell);
  }
  for (const cell of outbox) {
    const userId = userOf(cell);
    if (userId !== undefined) state.owed.set(userId, owedOf(cell));
    else state.mark = markOf(cell);
  }
  const all = state.info === undefined ? nothingTold : markOfGroup(state.info);
  const { seq: lastSeq, op: lastOp } = all;
  state.confirmed = state.mark ?? state.large ?? all;
  state.mostlyConfirmed = state.confirmed;
  state.dedup = restoreDedup(dedup, ranges[2]?.limit ?? Infinity);
  state.messages = messages.map(groupMessageOf).reverse();
  state.runAbove = (state.messages[0]?.seq ?? 1) - 1;
  if (state.messages.some(({ seq }, index) => seq !== state.runAbove + 1 + index)) {
    throw new StoreError('corrupt', `G3: the messages of ${groupId} are not contiguous`);
  }
  if ((state.messages.at(-1)?.seq ?? 0) !== lastSeq) {
    throw new StoreError('corrupt', `G3: ${groupId} does not end at message ${lastSeq}`);
  }
  state.changes = changes.map(changeOf).reverse();
  state.changesAbove = (state.changes[0]?.op ?? 1) - 1;
  if (state.changes.some(({ op }, index) => op !== state.changesAbove + 1 + index)) {
    throw new StoreError('corrupt', `the changes of ${groupId} are not contiguous`);
  }
  if ((state.changes.at(-1)?.op ?? 0) !== lastOp) {
    throw new StoreError('corrupt', `${groupId} does not end at change ${lastOp}`);
  }
  // An image of messages that is older than what was just loaded may lack changes.
  state.touchedVersion = image.version?.number ?? 0;
  state.bytes += state.members.size * memberBytes + state.dedup.entries.size * dedupEntryBytes;
  state.bytes += state.messages.reduce((sum, message) => sum + groupMessageBytes(message), 0);
  return state;
}
