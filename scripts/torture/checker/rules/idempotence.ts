import type { Evidence } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

/** G2: one id, one effect, one answer. */
export function checkIdempotence(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G2');
  for (const { messageId, acks } of evidence.sends.values()) {
    const [first] = acks;
    if (first === undefined) continue;
    const { seq, timestamp } = first.outcome.result;
    const other = acks.find(
      ({ outcome }) => outcome.result.seq !== seq || outcome.result.timestamp !== timestamp,
    );
    if (other !== undefined) found.add(`${messageId} was answered in two ways`, [first, other]);
    const fresh = acks.filter(({ outcome }) => !outcome.result.duplicate);
    if (fresh.length > 1) found.add(`${messageId} was new more than once`, fresh);
    const late = fresh.find(({ startMs }) => acks.some(({ endMs }) => endMs < startMs));
    if (late !== undefined && fresh.length === 1)
      found.add(`${messageId} was new when it was repeated`, acks);
    for (const ack of acks) {
      const { params, outcome } = ack;
      if (outcome.result.messageId !== messageId || outcome.result.conversationId !== params.conversationId)
        found.add(`${messageId} was answered as another message`, [ack]);
    }
  }
  for (const { userId, messages } of evidence.views.values()) {
    for (const [conversationId, list] of messages) {
      const seen = new Map<string, number>();
      for (const { messageId, seq } of list) {
        const earlier = seen.get(messageId);
        if (earlier !== undefined) {
          found.add(
            `${userId} has ${messageId} twice in ${conversationId}, at ${earlier} and ${seq}`,
            evidence.sends.get(`${conversationId} ${messageId}`)?.attempts ?? [],
          );
        }
        seen.set(messageId, seq);
      }
    }
  }
  return found.violations;
}
