import type { Change } from '../../client/protocol-shapes.ts';
import type { CallOf, Feed, PushRecord } from '../../history.ts';
import type { Evidence } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

/** G8: every connection heard the feed without a gap from where it began, and the feed tells of everything. */
export function checkFeed(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G8');
  const pushes = Map.groupBy(evidence.history.pushes, ({ connection }) => connection);
  for (const open of evidence.history.callsOf('session.open')) {
    if (open.outcome.kind !== 'ok') continue;
    const feed = evidence.history.feedOf(open.userId);
    if (!feed.wasReset) checkConnection(evidence, feed, open, pushes.get(open.connection) ?? [], found);
  }
  for (const userId of evidence.views.keys()) checkAgainstView(evidence, userId, found);
  return found.violations;
}

/** Group entries are no longer shown to who left the group, even for the time before. */
function isHidden(evidence: Evidence, userId: string, change: Change): boolean {
  return evidence.hasLeft(userId, conversationOf(change) ?? '');
}

function checkConnection(
  evidence: Evidence,
  feed: Feed,
  open: CallOf<'session.open'>,
  pushes: readonly PushRecord[],
  found: Findings,
): void {
  const { userId, connection, outcome } = open;
  if (outcome.kind !== 'ok') return;
  const places = placesOf(feed);
  let place = places.get(outcome.result.cursor);
  let last: PushRecord | undefined;
  const missed = (from: number, to: number): Change | undefined =>
    feed.changes.slice(from, to).find((change) => !isHidden(evidence, userId, change));
  for (const push of pushes) {
    const at = places.get(push.change.cursor);
    if (at === undefined) {
      if (place !== undefined && !isHidden(evidence, userId, push.change))
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

const knownPlaces = new WeakMap<
  Feed,
  { readonly size: number; readonly places: ReadonlyMap<string, number> }
>();

/** Where each cursor is in the feed; the one before the first change is at -1. */
function placesOf(feed: Feed): ReadonlyMap<string, number> {
  const known = knownPlaces.get(feed);
  if (known?.size === feed.changes.length) return known.places;
  const places = new Map(feed.changes.map(({ cursor }, place) => [cursor, place]));
  if (feed.startCursor !== undefined) places.set(feed.startCursor, -1);
  knownPlaces.set(feed, { size: feed.changes.length, places });
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
    if (evidence.hasLeft(userId, conversationId) || wasAdded(evidence, userId, conversationId)) continue;
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
    const told = marks.get(conversationId);
    if (told !== undefined && told !== readSeq && !evidence.hasLeft(userId, conversationId))
      found.addUnlessHealed(`${userId} has read ${conversationId} to ${readSeq}, the feed says ${told}`, []);
  }
}

/** Who came later finds the messages from before in the history, not in the feed. */
function wasAdded({ history }: Evidence, userId: string, conversationId: string): boolean {
  return history
    .callsOf('addMembers')
    .some(({ params }) => params.conversationId === conversationId && params.members.includes(userId));
}
