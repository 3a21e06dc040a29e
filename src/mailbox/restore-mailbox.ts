import { checkWhole } from '../conversation/cell-value.ts';
import { dedupEntryBytes, restoreDedup } from '../conversation/dedup-window.ts';
import { dmIdOf } from '../protocol/conversation-id.ts';
import type { CellRange } from '../row/cell.ts';
import { StoreError, type RowImage } from '../row/row-store.ts';
import {
  conversationOf,
  isConversationCell,
  isProfileCell,
  outboxOf,
  profileOf,
  groupEntryOf,
  isGroupEntryCell,
} from './mailbox-cells.ts';
import { owesMarks } from './group-marks.ts';
import { deviceOf, isDeviceCell } from './devices.ts';
import {
  addConversation,
  emptyMailbox,
  putDevice,
  putGroup,
  putPerson,
  type MailboxState,
} from './mailbox-state.ts';
import { isPersonCell, personOf } from './people.ts';

/**
 * Makes the state of an image of the head ranges (`h`, `o`, `d`, in that order).
 * @throws StoreError `corrupt`
 */
export function restoreMailbox(userId: string, image: RowImage, ranges: readonly CellRange[]): MailboxState {
  const state = emptyMailbox(userId);
  state.version = image.version;
  state.logKnownAbove = image.version?.number ?? 0;
  const [head = [], outbox = [], dedup = []] = image.ranges;
  checkWhole(userId, head, ranges[0]);
  checkWhole(userId, outbox, ranges[1]);
  for (const cell of head) {
    if (isProfileCell(cell)) state.profile = profileOf(cell);
    else if (isGroupEntryCell(cell)) putGroup(state, groupEntryOf(cell));
    else if (isPersonCell(cell)) putPerson(state, personOf(cell));
    else if (isDeviceCell(cell)) {
      const device = deviceOf(cell);
      putDevice(state, device.deviceId, device);
    } else if (isConversationCell(cell)) {
      const conversation = conversationOf(cell);
      addConversation(state, dmIdOf(userId, conversation.peer), conversation);
    }
  }
  for (const cell of outbox) {
    const { local, confirmed, operations } = outboxOf(cell);
    const group = state.groups.get(state.groupIdByLocal.get(local) ?? '');
    if (group !== undefined) {
      const { delivered, read } = confirmed;
      state.owedMarks.set(group.conversationId, { delivered, read });
      if (owesMarks(group, confirmed)) state.untoldGroups.add(group.conversationId);
      continue;
    }
    const conversation = state.byLocal.get(local);
    if (conversation === undefined) {
      throw new StoreError('corrupt', `outbox cell ${local} of ${userId} belongs to no conversation`);
    }
    conversation.outbox.open = true;
    conversation.outbox.confirmed = confirmed;
    for (const [seq, op] of operations) conversation.outbox.operations.set(seq, op);
    state.outboxOpen.add(conversation);
  }
  state.dedup = restoreDedup(dedup, ranges[2]?.limit ?? Infinity);
  state.bytes += state.dedup.entries.size * dedupEntryBytes;
  return state;
}
