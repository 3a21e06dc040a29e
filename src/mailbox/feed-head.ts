import { formatCursor, type Ahead } from '../protocol/cursor.ts';
import type { RowVersion } from '../row/row-version.ts';
import { aheadOfTail } from './feed-tail.ts';
import type { MailboxState } from './mailbox-state.ts';

/** Of a cursor that goes on from `since`: what the entries of the groups don't reach yet. */
export function stillAhead({ groups, groupIdByLocal }: MailboxState, ahead: Ahead): Ahead {
  if (ahead.size === 0) return ahead;
  const left = [...ahead].filter(([local, seq]) => {
    const entry = groups.get(groupIdByLocal.get(local) ?? '');
    return entry?.isIn === true && entry.lastSeq < seq;
  });
  return new Map(left);
}

/** The head of a feed of which nothing was told that is not in this version of its row. */
export function headAt({ number }: RowVersion): string {
  return formatCursor(number);
}

/** The head of the feed, behind all that was told of it. */
export function headCursor({ version, tail }: MailboxState): string {
  return formatCursor(version?.number ?? 0, undefined, undefined, aheadOfTail(tail));
}
