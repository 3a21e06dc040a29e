import type { Bulletin } from '../conversation/bulletin.ts';
import { joinOwn, ownAbove, ownUpTo, withOwn, type OwnRuns } from '../conversation/own-runs.ts';
import { aheadGroupsMax } from '../protocol/cursor.ts';
import { isSentBy } from '../protocol/message-id.ts';
import { aheadOfTail, extendRanges, tailRangesMax, type RangeEntry } from './feed-tail.ts';
import type { GroupEntry } from './group-entry.ts';
import type { CommittedChanges, MailboxState } from './mailbox-state.ts';

/** What a bulletin of a large group is to a mailbox on whose feed somebody listens. */
export type LiveNews =
  | { readonly kind: 'known' }
  /** There is more than came along: the mailbox has to ask. */
  | { readonly kind: 'missing' }
  /** Messages that go on where the mailbox stands: its entry after them, and the place that they have in the feed. */
  | { readonly kind: 'next'; readonly entry: GroupEntry; readonly range: RangeEntry };

const known: LiveNews = { kind: 'known' };
const missing: LiveNews = { kind: 'missing' };

/** @param entry the group's, with all that was pushed of it */
export function liveNews(
  userId: string,
  entry: GroupEntry | undefined,
  bulletin: Bulletin,
  nowMs: number,
): LiveNews {
  if (entry?.isIn !== true) return known;
  // Of messages that were made before a change that is known by now the text may be gone.
  if (bulletin.name !== entry.name || bulletin.op > entry.op) return missing;
  if (bulletin.lastSeq <= entry.lastSeq) return known;
  if (!entry.isLarge || bulletin.op < entry.op || hasGap(entry, bulletin)) return missing;
  const { conversationId, lastSeq: above } = entry;
  return {
    kind: 'next',
    entry: movedOn(userId, entry, bulletin, undefined, nowMs),
    range: { kind: 'groupRange', conversationId, above, upTo: bulletin.lastSeq },
  };
}

/**
 * Takes such news without a draft, as they come to many mailboxes at once and nothing is written for them.
 * @returns undefined: they have to be stepped, as what was pushed so far is to be written with them
 */
export function passLiveNews(
  state: MailboxState,
  bulletin: Bulletin,
  wallMs: number,
): PassedNews | undefined {
  const { tail, version } = state;
  const { groupId } = bulletin;
  const nowMs = Math.max(wallMs, state.clockMs);
  const news = liveNews(state.userId, tail.groups.get(groupId) ?? state.groups.get(groupId), bulletin, nowMs);
  if (news.kind !== 'next') return { isBehind: news.kind === 'missing', changes: undefined };
  const groups = new Map(tail.groups).set(groupId, news.entry);
  if (groups.size > aheadGroupsMax || tail.ranges.length >= tailRangesMax) return undefined;
  state.tail = { ranges: extendRanges(tail.ranges, [news.range]), groups };
  state.clockMs = nowMs;
  const changes: CommittedChanges = {
    version: version?.number ?? 0,
    entries: [news.range],
    pushed: 0,
    ahead: aheadOfTail(tail),
    fresh: freshOf(bulletin),
    hasUnlisted: false,
  };
  return { isBehind: false, changes };
}

type Fresh = CommittedChanges['fresh'];

/** One for all mailboxes that are told. */
const freshByBulletin = new WeakMap<Bulletin, Fresh>();

function freshOf(bulletin: Bulletin): Fresh {
  let fresh = freshByBulletin.get(bulletin);
  if (fresh === undefined) {
    const { groupId, messages } = bulletin;
    fresh = new Map([[groupId, new Map(messages.map((message) => [message.seq, message]))]]);
    freshByBulletin.set(bulletin, fresh);
  }
  return fresh;
}

export interface PassedNews {
  /** The group has news that did not come along. */
  readonly isBehind: boolean;
  /** What is to be pushed. */
  readonly changes: CommittedChanges | undefined;
}

/** Of own messages between what is known and what comes along nothing is said. */
export function hasGap({ lastSeq }: GroupEntry, { messages }: Bulletin): boolean {
  const [first] = messages;
  return first === undefined || first.seq > lastSeq + 1;
}

/** The entry after the messages of a bulletin. @param told own messages that the group has named besides */
export function movedOn(
  userId: string,
  entry: GroupEntry,
  { lastSeq, lastTimestamp, lastFrom, snippet, messages }: Bulletin,
  told: OwnRuns | undefined,
  updatedAt: number,
): GroupEntry {
  let own = entry.own;
  for (const { seq, messageId } of messages) {
    if (seq > entry.lastSeq && isSentBy(messageId, userId)) own = withOwn(own, seq);
  }
  if (told !== undefined) own = joinOwn(own, ownUpTo(ownAbove(told, entry.lastSeq), lastSeq));
  return { ...entry, lastSeq, lastTimestamp, lastFrom, snippet, own, updatedAt };
}
