import type { PushRecord } from '../../history.ts';
import { type Evidence, keyOf } from '../evidence.ts';
import { type Opening, openingsOf } from '../openings.ts';
import { Findings, type Violation } from '../violation.ts';

/** The last message of each large group that a connection was told of. */
type Reached = ReadonlyMap<string, PushRecord & { readonly seq: number }>;

/**
 * G8 for large groups, whose messages have no fixed place among the changes of other conversations: each connection heard
 * them one after the other, and goes on where the cursor that it came back with was given out.
 */
export function checkLargeFeed(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G8');
  const openings = openingsOf(evidence.history);
  const resumed = new Set(openings.map(({ userId, cursor }) => `${userId} ${cursor}`));
  const reachedAt = new Map<string, Reached>();
  const pushes = Map.groupBy(evidence.history.pushes, ({ connection }) => connection);
  for (const open of openings) {
    const { userId } = open;
    if (evidence.history.feedOf(userId).wasReset) continue;
    let reached: Reached = reachedAt.get(`${userId} ${open.cursor}`) ?? new Map();
    for (const push of pushes.get(open.connection) ?? []) {
      reached = follow(evidence, open, reached, push, found);
      const place = `${userId} ${push.change.cursor}`;
      if (resumed.has(place)) reachedAt.set(place, new Map([...(reachedAt.get(place) ?? []), ...reached]));
    }
    if (!evidence.history.closed.has(open.connection)) checkEnd(evidence, open, reached, found);
  }
  return found.violations;
}

function isJudged(evidence: Evidence, userId: string, conversationId: string): boolean {
  return evidence.circles.isMaybeLarge(conversationId) && !evidence.hasLeft(userId, conversationId);
}

function follow(
  evidence: Evidence,
  open: Opening,
  reached: Reached,
  push: PushRecord,
  found: Findings,
): Reached {
  const { change, userId } = push;
  if (change.kind !== 'message' || !isJudged(evidence, userId, change.message.conversationId)) return reached;
  const { conversationId, seq } = change.message;
  const before = reached.get(conversationId);
  if (before !== undefined && seq !== before.seq + 1)
    found.add(`${userId} was pushed ${seq} of ${conversationId} after ${before.seq}`, [open, before, push]);
  return new Map([...reached, [conversationId, { ...push, seq }]]);
}

function checkEnd(evidence: Evidence, open: Opening, reached: Reached, found: Findings): void {
  const { userId, endMs } = open;
  const last = new Map<string, number>();
  for (const change of evidence.history.feedOf(userId).changes)
    if (change.kind === 'message') last.set(change.message.conversationId, change.message.seq);
  for (const [conversationId, seq] of last) {
    if (!isJudged(evidence, userId, conversationId)) continue;
    const heard = reached.get(conversationId);
    const sent = evidence.acked.get(conversationId)?.find(({ outcome }) => outcome.result.seq === seq);
    const isNewer =
      sent !== undefined &&
      (evidence.sends.get(keyOf(conversationId, sent.params.messageId))?.startMs ?? 0) > endMs;
    if (heard === undefined ? isNewer : heard.seq < seq)
      found.addUnlessHealed(
        `${userId} is connected and was not pushed ${seq} of ${conversationId}, heard ${heard?.seq ?? 'nothing'}`,
        [open, heard, sent],
      );
  }
}
