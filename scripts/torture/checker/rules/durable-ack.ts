import { dmUsers, isDm } from '../../client/protocol-shapes.ts';
import type { Evidence } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

/** G1: what was acknowledged is where the recipient finds it: in their copy, or in the group's. */
export function checkDurableAck(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G1');
  for (const { conversationId, messageId, from, acks } of evidence.sends.values()) {
    const [ack] = acks;
    if (ack === undefined) continue;
    const { seq, timestamp } = ack.outcome.result;
    for (const view of evidence.views.values()) {
      const { userId } = view;
      const isRecipient = isDm(conversationId)
        ? dmUsers(conversationId).includes(userId) && userId !== from
        : view.messages.has(conversationId);
      if (!isRecipient) continue;
      const copy = view.messages.get(conversationId)?.find((message) => message.seq === seq);
      if (copy === undefined) {
        found.add(
          `${userId} lacks acknowledged message ${messageId} (seq ${seq}) of ${conversationId}`,
          acks,
        );
      } else if (copy.messageId !== messageId || copy.from !== from || copy.timestamp !== timestamp) {
        found.add(
          `${userId} has another message in the place of ${messageId}: ${JSON.stringify(copy)}`,
          acks,
        );
      }
    }
  }
  return found.violations;
}
