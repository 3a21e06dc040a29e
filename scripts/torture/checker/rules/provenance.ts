import { type Evidence, keyOf } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

/** No message comes from nowhere: somebody sent it, as it is, or changed it to that. */
export function checkProvenance(evidence: Evidence): readonly Violation[] {
  const found = new Findings('nowhere');
  for (const { message, userId, record } of evidence.sightings) {
    const { conversationId, seq, messageId, from, text, editedAt, deletedAt } = message;
    const sent = evidence.sends.get(keyOf(conversationId, messageId));
    if (sent === undefined || sent.from !== from) {
      found.add(`${userId} saw ${messageId} of ${from}, who did not send it`, [record]);
      continue;
    }
    const key = keyOf(conversationId, seq);
    const edits = evidence.edits.get(key) ?? [];
    const isKnown =
      deletedAt !== undefined
        ? text === '' && evidence.deletions.has(key)
        : editedAt !== undefined
          ? edits.some(({ params }) => params.text === text)
          : text === sent.text;
    if (!isKnown)
      found.add(`${userId} saw ${messageId} with a text that nobody wrote: ${text}`, [
        ...sent.attempts,
        ...edits,
        record,
      ]);
  }
  return found.violations;
}
