import type { FeedPage } from '../mailbox/query-changes.ts';
import type { GroupRange } from '../mailbox/wire-view.ts';
import type { GetChangesResult } from '../protocol/calls.ts';
import type { Change, Message } from '../protocol/message.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { GroupPort } from './mailbox-host.ts';

type Found = ReadonlyMap<number, Message>;

/**
 * Puts the messages of groups into their places in a page of the feed (G8): each group is asked for what the page
 * names and nothing else. A group that the user is no member of any more shows nothing.
 */
export async function expandFeed(
  userId: string,
  page: FeedPage,
  groups: GroupPort,
  deadline: number,
): Promise<GetChangesResult> {
  if ('reset' in page) return page;
  const { items, cursor, hasMore } = page;
  const ranges = Map.groupBy(
    items.flatMap((item) => (item.kind === 'range' ? [item.range] : [])),
    ({ conversationId }) => conversationId,
  );
  const found = new Map<string, Found>();
  await Promise.all(
    [...ranges].map(async ([groupId, wanted]) => {
      found.set(groupId, await read(userId, groupId, wanted, groups, deadline));
    }),
  );
  const changes = items.flatMap((item): readonly Change[] => {
    if (item.kind === 'change') return [item.change];
    return changesOf(item.range, found.get(item.range.conversationId) ?? new Map<number, Message>());
  });
  return { changes, cursor, hasMore };
}

function changesOf({ kind, above, upTo, cursorAt }: GroupRange, found: Found): Change[] {
  const changes: Change[] = [];
  for (let seq = above + 1; seq <= upTo; seq++) {
    const message = found.get(seq);
    if (message !== undefined) changes.push({ cursor: cursorAt(seq), kind, message });
  }
  return changes;
}

/** One read for ranges that follow each other, or for as much as one read brings. */
async function read(
  userId: string,
  groupId: string,
  wanted: readonly GroupRange[],
  groups: GroupPort,
  deadline: number,
): Promise<Found> {
  const found = new Map<number, Message>();
  try {
    for (const { above: first, upTo } of stretchesOf(wanted)) {
      for (let above = first; above < upTo; above += messagesAtOnce) {
        const bounds = { above, upTo: Math.min(upTo, above + messagesAtOnce) };
        for (const message of await groups.range(groupId, userId, bounds, deadline)) {
          found.set(message.seq, message);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.kind !== 'not_found') throw error;
    return new Map();
  }
  return found;
}

/** Between two stays in a group may lie much that the page does not name: that is not read. */
function stretchesOf(wanted: readonly GroupRange[]): { above: number; upTo: number }[] {
  const stretches: { above: number; upTo: number }[] = [];
  for (const { above, upTo } of wanted.toSorted((a, b) => a.above - b.above)) {
    const last = stretches.at(-1);
    if (last !== undefined && above <= last.upTo + gapMax) last.upTo = Math.max(last.upTo, upTo);
    else stretches.push({ above, upTo });
  }
  return stretches;
}

/** Messages between two that are wanted, which are read along rather than that it is asked twice. */
const gapMax = 20;

/** Messages that one read of a group brings. */
const messagesAtOnce = 500;
