import { isDm } from '../../client/protocol-shapes.ts';
import type { HistoryRecord } from '../../history.ts';
import { type Evidence, keyOf } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

/** G9: `unread` is the number of others' messages after the read mark, and a mark does not go back. */
export function checkCounters(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G9');
  checkFinal(evidence, found);
  for (const call of evidence.history.callsOf('getConversations')) {
    if (call.outcome.kind !== 'ok') continue;
    for (const { conversationId, readSeq, unread } of call.outcome.result.conversations)
      checkCount(evidence, call, conversationId, readSeq, unread, found);
  }
  for (const call of [
    ...evidence.history.callsOf('markRead'),
    ...evidence.history.callsOf('markDelivered'),
  ]) {
    if (call.outcome.kind !== 'ok') continue;
    const { seq, unread } = call.outcome.result;
    if (seq < call.params.seq)
      found.add(`${call.userId} marked ${call.params.seq}, the mark is ${seq}`, [call]);
    if (call.method === 'markRead')
      checkCount(evidence, call, call.params.conversationId, seq, unread, found);
  }
  return found.violations;
}

function checkFinal(evidence: Evidence, found: Findings): void {
  for (const { userId, conversations, messages } of evidence.views.values()) {
    for (const { conversationId, readSeq, unread, lastSeq } of conversations) {
      const list = messages.get(conversationId) ?? [];
      const count = list.filter(({ from, seq }) => from !== userId && seq > readSeq).length;
      if (count !== unread && !isLateMember(evidence, userId, conversationId))
        found.addUnlessHealed(
          `${userId} has ${count} unread messages in ${conversationId} after ${readSeq}, the list says ${unread}`,
          marksOf(evidence, userId, conversationId),
        );
      if ((list.at(-1)?.seq ?? 0) !== lastSeq)
        found.addUnlessHealed(
          `${userId}'s list has ${conversationId} at ${lastSeq}, its last message is ${list.at(-1)?.seq}`,
          [],
        );
    }
  }
}

/** For who came later or again, counting begins where they came; clients are not told where that was. */
function isLateMember(evidence: Evidence, userId: string, conversationId: string): boolean {
  return (
    !isDm(conversationId) &&
    (evidence.hasLeft(userId, conversationId) || evidence.isLate(userId, conversationId))
  );
}

/** During the run: at least what was acknowledged before, at most what had been sent by then. */
function checkCount(
  evidence: Evidence,
  call: Extract<HistoryRecord, { readonly method: 'getConversations' | 'markRead' }>,
  conversationId: string,
  readSeq: number,
  unread: number,
  found: Findings,
): void {
  const { userId, startMs, endMs } = call;
  if (!isDm(conversationId)) return; // A group's entry may come a moment after.
  const acked = evidence.ackedFor(userId, conversationId);
  const surely = acked.filter((ack) => ack.endMs < startMs && ack.outcome.result.seq > readSeq);
  if (unread < surely.length) {
    found.add(
      `${userId} was told ${unread} unread in ${conversationId} after ${readSeq}, when there were ${surely.length}`,
      [...surely.slice(-3), call],
    );
  }
  const copies = evidence.views.get(userId)?.messages.get(conversationId);
  if (copies === undefined) return;
  const possible = copies.filter(({ from, seq, messageId }) => {
    const sent = evidence.sends.get(keyOf(conversationId, messageId));
    return from !== userId && seq > readSeq && (sent?.startMs ?? 0) < endMs;
  });
  if (unread > possible.length)
    found.add(
      `${userId} was told ${unread} unread in ${conversationId} after ${readSeq}, when at most ${possible.length} had been sent`,
      [call],
    );
}

function marksOf({ history }: Evidence, userId: string, conversationId: string): readonly HistoryRecord[] {
  return history
    .callsOf('markRead')
    .filter((call) => call.userId === userId && call.params.conversationId === conversationId)
    .slice(-3);
}
