import type { Conversation } from '../protocol/message.ts';
import { countOwnAbove, type OwnRuns } from '../conversation/own-runs.ts';

/**
 * A group in the index of one member: what its `h` cell holds. Its messages are in the group's own row. A group that
 * the user has left stays here as a tombstone, so that nothing that comes late brings it back.
 */
export interface GroupEntry {
  readonly conversationId: string;
  readonly local: number;
  /** The user is a member, by all that came here so far. */
  readonly isIn: boolean;
  /** The event that let the user in, or out. */
  readonly enrolmentEvent: number;
  /** The group's last seq when the user joined. */
  readonly joinSeq: number;
  /** Nothing at or below this seq is shown to the user. */
  readonly shownAbove: number;
  readonly name: string;
  /** The last event heard of. */
  readonly event: number;
  /** The last edit or deletion heard of. */
  readonly op: number;
  /** The last receipt of another member heard of. */
  readonly receipt: number;
  /** The group is told of this user's marks. */
  readonly takesReceipts: boolean;
  readonly lastSeq: number;
  readonly lastTimestamp: number;
  readonly lastFrom: string;
  readonly snippet: string;
  readonly updatedAt: number;
  readonly deliveredSeq: number;
  readonly readSeq: number;
  /** The group tells its members nothing but of their own comings and goings: the rest has to be asked for. */
  readonly isLarge: boolean;
  /** Of own messages above `readSeq`. */
  readonly own: OwnRuns;
}

/** Memory taken by one entry. */
export const groupEntryBytes = 600;

/** Messages of others after the read mark, and after the user came in (G9). */
export function unreadInGroup({ lastSeq, readSeq, joinSeq, own }: GroupEntry): number {
  const mark = Math.max(readSeq, joinSeq);
  return lastSeq - mark - countOwnAbove(own, mark);
}

/** What clients see of it in the list. */
export function wireGroup(entry: GroupEntry): Conversation {
  const { conversationId, name, lastSeq, lastTimestamp, updatedAt, snippet, lastFrom, readSeq } = entry;
  return {
    ...{ conversationId, type: 'group', name, lastSeq, lastTimestamp, updatedAt, snippet, lastFrom },
    unread: unreadInGroup(entry),
    readSeq,
  };
}
