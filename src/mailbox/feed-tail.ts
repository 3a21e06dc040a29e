import type { Ahead } from '../protocol/cursor.ts';
import type { GroupEntry } from './group-entry.ts';

/** Messages of a group with `above < seq <= upTo`, as the log names them; they are read from the group's row. */
export interface RangeEntry {
  readonly kind: 'groupRange';
  readonly conversationId: string;
  readonly above: number;
  readonly upTo: number;
}

/**
 * Messages of large groups that devices were told of and for which nothing was written: they are durable in the rows of
 * their groups. The next commit, whatever it is for, begins its changes with them, so that the order of the feed is that
 * in which it was told. Where they are lost with the node, the mailbox finds them again when it asks its groups, and
 * passes over those that a cursor has `ahead`.
 */
export interface FeedTail {
  /** In the order told. */
  readonly ranges: readonly RangeEntry[];
  /** The entries of those groups as the next commit will have them. */
  readonly groups: ReadonlyMap<string, GroupEntry>;
}

export const emptyTail: FeedTail = { ranges: [], groups: new Map() };
/** Ranges that may wait for the next commit; groups that write in turn make many. */
export const tailRangesMax = 64;

export function aheadOfTail({ groups }: FeedTail): Ahead {
  const ahead = new Map<number, number>();
  for (const { local, lastSeq } of groups.values()) ahead.set(local, lastSeq);
  return ahead;
}

/** With more ranges behind it; those that go on where the last one ends become one with it. */
export function extendRanges(ranges: readonly RangeEntry[], more: readonly RangeEntry[]): RangeEntry[] {
  const extended = [...ranges];
  for (const range of more) {
    const last = extended.at(-1);
    const goesOn = last?.conversationId === range.conversationId && last.upTo === range.above;
    if (goesOn) extended[extended.length - 1] = { ...last, upTo: range.upTo };
    else extended.push(range);
  }
  return extended;
}
