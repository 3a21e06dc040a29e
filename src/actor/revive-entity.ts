import { groupRowRanges } from '../group/group-behaviour.ts';
import { reviveGroup } from '../group/warm-group.ts';
import { mailboxHeadRanges } from '../mailbox/mailbox-behaviour.ts';
import { reviveMailbox } from '../mailbox/warm-mailbox.ts';
import { isGroupId } from '../protocol/conversation-id.ts';
import type { RowCopy } from '../row/row-snapshot.ts';
import type { SentState } from './handoff-port.ts';

const mailboxRanges = mailboxHeadRanges();
const groupRanges = groupRowRanges();

/** What another node had in memory of an entity when it was at this version. Throws StoreError `corrupt`. */
export function reviveEntity(entityId: string, copy: RowCopy): SentState {
  return isGroupId(entityId)
    ? reviveGroup(entityId, copy, groupRanges)
    : reviveMailbox(entityId, copy, mailboxRanges);
}
