import type { Change, Message, Method } from '../../client/protocol-shapes.ts';
import type { Feed, FinalView, PushRecord } from '../../history.ts';
import { type Evidence, keyOf } from '../evidence.ts';
import { type Opening, openingsOf } from '../openings.ts';
import { Findings, type Violation } from '../violation.ts';

/** G8: every connection heard the feed without a gap from where it began, and the feed tells of everything. */
export function checkFeed(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G8');
  const pushes = Map.groupBy(evidence.history.pushes, ({ connection }) => connection);
  const places = new Map<string, Places>();
  const firstMs = firstActMs(evidence);
  for (const open of openingsOf(evidence.history)) {
    const { userId, connection } = open;
    const feed = evidence.history.feedOf(userId);
    if (feed.wasReset) continue;
    const known = places.get(userId) ?? placesOf(feed);
    places.set(userId, known);
    const state = { feed, places: known, open, start: startOf(evidence, known, open, firstMs) };
    checkConnection(evidence, state, pushes.get(connection) ?? [], found);
  }
  for (const userId of evidence.views.keys()) checkAgainstView(evidence, userId, found);
  return found.violations;
}

/** Where each cursor is in the feed; the one before the first change is at -1. */
type Places = Map<string, number>;

interface Connected {
  readonly feed: Feed;
  readonly places: Places;
  readonly open: Opening;
  /** The place of the cursor that it began with. */
  readonly start: number | undefined;
}

/** Large groups' messages have no fixed place among the other changes: `checkLargeFeed` judges them. */
function isLarge(evidence: Evidence, change: Change): boolean {
  return evidence.circles.isMaybeLarge(conversationOf(change) ?? '');
}

/** Group entries are no longer shown to who left the group, even for the time before. */
function isApart(evidence: Evidence, userId: string, change: Change): boolean {
  return isLarge(evidence, change) || evidence.hasLeft(userId, conversationOf(change) ?? '');
}

function checkConnection(
  evidence: Evidence,
  { feed, places, open, start }: Connected,
  pushes: readonly PushRecord[],
  found: Findings,
): void {
  const { userId, connection } = open;
  let place = start;
  let last: PushRecord | undefined;
  const missed = (from: number, to: number): Change | undefined =>
    feed.changes.slice(from, to).find((change) => !isApart(evidence, userId, change));
  for (const push of pushes) {
    if (isLarge(evidence, push.change)) {
      // Whoever comes back with this cursor goes on from here.
      if (place !== undefined && !places.has(push.change.cursor)) places.set(push.change.cursor, place);
      continue;
    }
    const at = places.get(push.change.cursor) ?? placeByContent(evidence, feed, push, place);
    if (at !== undefined) places.set(push.change.cursor, at);
    if (at === undefined) {
      if (place !== undefined && !isApart(evidence, userId, push.change))
        found.addUnlessHealed(`${userId} was pushed what is not in the feed`, [open, push]);
      continue;
    }
    if (place !== undefined && at <= place) {
      found.add(`${userId} was pushed a change again, or late`, [open, last, push]);
    } else if (place !== undefined) {
      const gap = missed(place + 1, at);
      if (gap !== undefined) found.add(`${userId} was not pushed ${JSON.stringify(gap)}`, [open, last, push]);
    }
    if (!isSame(push.change, feed.changes[at]))
      found.add(`${userId} was pushed something else than ${JSON.stringify(feed.changes[at])}`, [open, push]);
    place = at;
    last = push;
  }
  if (place === undefined || evidence.history.closed.has(connection)) return;
  const gap = missed(place + 1, feed.changes.length);
  if (gap !== undefined)
    found.addUnlessHealed(`${userId} is connected and was not pushed ${JSON.stringify(gap)}`, [open, last]);
}

/** When anybody first did something that feeds could tell of. */
function firstActMs({ history }: Evidence): number {
  const isListening = (method: Method): boolean =>
    method === 'session.open' || method === 'getChanges' || method.startsWith('GET ');
  let firstMs = Infinity;
  for (const { method, startMs } of history.allCalls())
    if (!isListening(method)) firstMs = Math.min(firstMs, startMs);
  return firstMs;
}

/**
 * Not each cursor is that of a change. Before anybody did anything all are the same place, and of one that a poll ended with
 * it is known which other one was before it.
 */
function startOf({ history }: Evidence, places: Places, open: Opening, firstMs: number): number | undefined {
  const { userId, startMs, endMs, outcome } = open;
  const isNew = open.method === 'session.open' && open.params.since === undefined;
  const knownMs = isNew ? endMs : startMs;
  let cursor = outcome.kind === 'ok' ? outcome.result.cursor : undefined;
  for (const tried = new Set<string>(); cursor !== undefined && !tried.has(cursor);) {
    const place = places.get(cursor);
    if (place !== undefined) return place;
    tried.add(cursor);
    cursor = history.sameCursors.get(`${userId} ${cursor}`);
  }
  return knownMs < firstMs ? -1 : undefined;
}

/** Cursors also say how far one's large groups were by then: in the feed the same change has another one. */
function placeByContent(
  { circles }: Evidence,
  { changes }: Feed,
  { userId, change }: PushRecord,
  after: number | undefined,
): number | undefined {
  // From an unknown place on only messages can be told from each other.
  if (!circles.hasMaybeLarge(userId) || (after === undefined && change.kind !== 'message')) return undefined;
  const at = changes.findIndex((one, place) => place > (after ?? -1) && isSame(change, one));
  return at === -1 ? undefined : at;
}

function placesOf(feed: Feed): Places {
  const places: Places = new Map(feed.changes.map(({ cursor }, place) => [cursor, place]));
  if (feed.startCursor !== undefined) places.set(feed.startCursor, -1);
  return places;
}

function conversationOf(change: Change): string | undefined {
  switch (change.kind) {
    case 'message':
    case 'edited':
    case 'deleted':
      return change.message.conversationId;
    case 'receipt':
    case 'read':
      return change.conversationId;
    case 'conversation':
      return change.conversation.conversationId;
    case 'contact':
      return undefined;
  }
}

/** What does not change after it was pushed: a message shows itself as it is by then. */
function isSame(pushed: Change, inFeed: Change | undefined): boolean {
  const identity = (change: Change | undefined): unknown[] => {
    switch (change?.kind) {
      case 'message':
      case 'edited':
      case 'deleted':
        return [change.kind, change.message.conversationId, change.message.seq, change.message.messageId];
      case 'read':
        return [change.kind, change.conversationId, change.readSeq];
      case 'receipt':
        return [change.kind, change.conversationId, change.userId];
      case 'conversation':
        return [change.kind, change.conversation.conversationId, change.left ?? false];
      case 'contact':
      case undefined:
        return [change?.kind];
    }
  };
  return JSON.stringify(identity(pushed)) === JSON.stringify(identity(inFeed));
}

/** The feed has each message once, and ends with the marks as they are. */
function checkAgainstView(evidence: Evidence, userId: string, found: Findings): void {
  const feed = evidence.history.feedOf(userId);
  const view = evidence.views.get(userId);
  if (feed.wasReset || view === undefined) return;
  const times = new Map<string, number>();
  const marks = new Map<string, number>();
  for (const change of feed.changes) {
    if (change.kind === 'message') {
      const { conversationId, seq } = change.message;
      times.set(`${conversationId} ${seq}`, (times.get(`${conversationId} ${seq}`) ?? 0) + 1);
    } else if (change.kind === 'read') marks.set(change.conversationId, change.readSeq);
  }
  for (const [conversationId, messages] of view.messages) {
    // Who came later finds the messages from before in the history, not in the feed.
    if (evidence.hasLeft(userId, conversationId) || evidence.isLate(userId, conversationId)) continue;
    for (const { seq, messageId } of messages) {
      const count = times.get(`${conversationId} ${seq}`) ?? 0;
      if (count === 1) continue;
      found.addUnlessHealed(
        `${userId}'s feed has ${messageId} (${conversationId}, seq ${seq}) ${count} times`,
        evidence.sends.get(`${conversationId} ${messageId}`)?.attempts ?? [],
      );
    }
  }
  for (const { conversationId, readSeq } of view.conversations) {
    // Where counting begins for who came later is not told.
    const told = marks.get(conversationId) ?? (evidence.isLate(userId, conversationId) ? readSeq : 0);
    if (told !== readSeq && !evidence.hasLeft(userId, conversationId))
      found.addUnlessHealed(`${userId} has read ${conversationId} to ${readSeq}, the feed says ${told}`, []);
  }
  checkLast(evidence, view, feed, found);
}

/** What the feed told last of a message is how it is: edited, deleted, and there. */
function checkLast(evidence: Evidence, { userId, messages }: FinalView, feed: Feed, found: Findings): void {
  const last = new Map<string, Message>();
  for (const change of feed.changes)
    if (change.kind === 'message' || change.kind === 'edited' || change.kind === 'deleted')
      last.set(keyOf(change.message.conversationId, change.message.seq), change.message);
  const copies = new Map(
    [...messages].flatMap(([id, list]) => list.map((message) => [keyOf(id, message.seq), message] as const)),
  );
  for (const [key, told] of last) {
    const { conversationId, seq } = told;
    if (evidence.hasLeft(userId, conversationId)) continue;
    const copy = copies.get(key);
    const fields = ({ text, editedAt, deletedAt }: Message): string =>
      JSON.stringify([text, editedAt ?? null, deletedAt ?? null]);
    if (copy !== undefined && fields(copy) === fields(told)) continue;
    found.addUnlessHealed(
      `${userId} has seq ${seq} of ${conversationId} as ${copy === undefined ? 'nothing' : fields(copy)}, the feed said last ${fields(told)}`,
      [...(evidence.edits.get(key) ?? []), ...(evidence.deletions.get(key) ?? [])],
    );
  }
}
