import type { FeedPage } from '../mailbox/query-changes.ts';
import type { GroupRange } from '../mailbox/wire-view.ts';
import type { GetChangesParams, GetChangesResult } from '../protocol/calls.ts';
import type { Change, Message } from '../protocol/message.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { GroupPort } from './mailbox-host.ts';

type Found = ReadonlyMap<number, Message>;

/** Bytes of texts, estimated, from which on a page ends: with all that is around them it fits into a frame between nodes. */
const pageBytesMax = 2 << 20;
/** How long before the deadline of a page groups have to have answered, so that what they did not answer can be left out. */
const answerMs = 500;

/** Which page of which user's feed. */
interface Asked {
  readonly userId: string;
  readonly params: GetChangesParams;
}

/**
 * Puts the messages of groups into their places in a page of the feed (G8): each group is asked for what the page
 * names and nothing else. A group that the user is no member of any more shows nothing. At the first place of a group
 * that does not answer the page ends, and goes on later. Rejects with ProtocolError where that is at once.
 */
export async function expandFeed(
  { userId, params }: Asked,
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
  const found = new Map<string, Found | ProtocolError>();
  await Promise.all(
    [...ranges].map(async ([groupId, wanted]) => {
      found.set(groupId, await read(userId, groupId, wanted, groups, deadline - answerMs));
    }),
  );
  const changes: Change[] = [];
  let bytes = 0;
  let reached: string | undefined;
  for (const item of items) {
    const shown = item.kind === 'change' ? [item.change] : changesOf(item.range, found);
    if (shown instanceof ProtocolError) {
      if (reached === undefined && params.mayStall !== true) throw shown;
      return { changes, cursor: reached ?? params.since ?? cursor, hasMore: true };
    }
    for (const change of shown) {
      bytes += bytesOf(change);
      if (bytes > pageBytesMax && reached !== undefined) return { changes, cursor: reached, hasMore: true };
      changes.push(change);
      reached = change.cursor;
    }
    if (item.kind === 'range') reached = item.range.cursorAt(item.range.upTo);
  }
  return { changes, cursor, hasMore };
}

function bytesOf(change: Change): number {
  return 'message' in change ? 3 * change.message.text.length : 0;
}

function changesOf(
  { kind, conversationId, above, upTo, cursorAt }: GroupRange,
  found: ReadonlyMap<string, Found | ProtocolError>,
): Change[] | ProtocolError {
  const messages = found.get(conversationId);
  if (messages instanceof ProtocolError) return messages;
  const changes: Change[] = [];
  for (let seq = above + 1; seq <= upTo; seq++) {
    const message = messages?.get(seq);
    if (message !== undefined) changes.push({ cursor: cursorAt(seq), kind, message });
  }
  return changes;
}

/** One read for ranges that follow each other, or for as much as one read brings. @returns why that could not be */
async function read(
  userId: string,
  groupId: string,
  wanted: readonly GroupRange[],
  groups: GroupPort,
  deadline: number,
): Promise<Found | ProtocolError> {
  const found = new Map<number, Message>();
  try {
    for (const stretch of stretchesOf(wanted)) {
      for (let { above } = stretch; above < stretch.upTo;) {
        const upTo = Math.min(stretch.upTo, above + messagesAtOnce);
        const messages = await groups.range(groupId, userId, { above, upTo }, deadline);
        for (const message of messages) found.set(message.seq, message);
        // Long ones come in several parts.
        above = messages.at(-1)?.seq ?? upTo;
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.kind === 'not_found' ? new Map() : error;
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
