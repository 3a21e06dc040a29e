import { isDm } from '../../client/protocol-shapes.ts';
import { type Acked, type Evidence, HighWater, keyOf } from '../evidence.ts';
import type { HistoryRecord } from '../../history.ts';
import { Findings, type Violation } from '../violation.ts';

/** G3: one order, and it respects what happened before what. */
export function checkOrder(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G3');
  for (const { userId, messages } of evidence.views.values()) {
    for (const [conversationId, list] of messages) {
      const wrong = list.find(({ seq }, place) => seq <= (list[place - 1]?.seq ?? 0));
      if (wrong !== undefined) found.add(`${userId}: ${conversationId} is not sorted at ${wrong.seq}`, []);
      const gap = isDm(conversationId) ? undefined : list.find(({ seq }, place) => seq !== place + 1);
      if (gap !== undefined)
        found.add(`${userId}: ${conversationId} has no message just below ${gap.seq}`, [
          ...(evidence.sends.get(keyOf(conversationId, gap.messageId))?.attempts ?? []),
        ]);
    }
  }
  for (const acked of evidence.acked.values()) {
    checkRealTime(evidence, acked, found);
    checkConnections(evidence, acked, found);
  }
  checkReceivedBefore(evidence, found);
  return found.violations;
}

const seqOf = (call: Acked): number => call.outcome.result.seq;

function startOf(evidence: Evidence, { params, startMs }: Acked): number {
  return evidence.sends.get(keyOf(params.conversationId, params.messageId))?.startMs ?? startMs;
}

/** What was acknowledged before another one was first sent is below it. */
function checkRealTime(evidence: Evidence, acked: readonly Acked[], found: Findings): void {
  let earliest: Acked | undefined;
  for (const call of acked.toSorted((a, b) => seqOf(b) - seqOf(a))) {
    if (earliest !== undefined && startOf(evidence, call) > earliest.endMs) {
      const { messageId, conversationId } = call.params;
      found.add(
        `${conversationId}: ${messageId} is below ${earliest.params.messageId}, acknowledged before it was sent`,
        [earliest, call],
      );
    }
    if (earliest === undefined || call.endMs < earliest.endMs) earliest = call;
  }
}

/** Sends of one connection that succeeded at once stand in the order in which they were made. */
function checkConnections(evidence: Evidence, acked: readonly Acked[], found: Findings): void {
  const last = new Map<number, Acked>();
  for (const call of acked.toSorted((a, b) => a.startMs - b.startMs)) {
    const sent = evidence.sends.get(keyOf(call.params.conversationId, call.params.messageId));
    // Another attempt may have given it another place; a repeat of what was acknowledged does not.
    if (sent?.attempts.some((other) => other !== call && other.startMs < call.endMs) !== false) continue;
    const before = last.get(call.connection);
    if (before !== undefined && seqOf(before) > seqOf(call)) {
      found.add(
        `${call.params.messageId} overtook ${before.params.messageId}, sent before it on the same connection`,
        [before, call],
      );
    }
    last.set(call.connection, call);
  }
}

/** What its author had received before is below a message. */
function checkReceivedBefore(evidence: Evidence, found: Findings): void {
  const known = new Map<string, HighWater<HistoryRecord | undefined>>();
  for (const { message, userId, atMs, record } of evidence.sightings) {
    if (atMs === undefined) continue;
    const key = keyOf(message.conversationId, userId);
    const water = known.get(key) ?? new HighWater();
    known.set(key, water);
    water.add(atMs, message.seq, record);
  }
  for (const acked of evidence.acked.values()) {
    for (const call of acked) {
      const { conversationId, messageId } = call.params;
      const startMs = startOf(evidence, call);
      const before = known.get(keyOf(conversationId, call.userId))?.before(startMs);
      if (before === undefined || before.value <= seqOf(call)) continue;
      found.add(
        `${conversationId}: ${messageId} has seq ${seqOf(call)}, though its author had received ${before.value} before`,
        [before.cause, call],
      );
    }
  }
}
