import { type Evidence, keyOf, type Sighting } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

/** G6: no fork. Whoever looked, whenever: a seq is the seq of one message, and a message has one seq. */
export function checkOneHistory(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G6');
  const bySeq = new Map<string, Sighting>();
  const byId = new Map<string, Sighting>();
  for (const sighting of evidence.sightings) {
    const { conversationId, seq, messageId, timestamp, from } = sighting.message;
    const before = bySeq.get(keyOf(conversationId, seq));
    if (before === undefined) bySeq.set(keyOf(conversationId, seq), sighting);
    else if (
      before.message.messageId !== messageId ||
      before.message.timestamp !== timestamp ||
      before.message.from !== from
    ) {
      found.add(
        `${conversationId}, seq ${seq}: ${before.userId} saw ${describe(before)}, ${sighting.userId} saw ${describe(sighting)}`,
        [before.record, sighting.record],
      );
    }
    const elsewhere = byId.get(keyOf(conversationId, messageId));
    if (elsewhere === undefined) byId.set(keyOf(conversationId, messageId), sighting);
    else if (elsewhere.message.seq !== seq) {
      found.add(`${messageId} was seen at seq ${elsewhere.message.seq} and at ${seq}`, [
        elsewhere.record,
        sighting.record,
      ]);
    }
  }
  return found.violations;
}

function describe({ message }: Sighting): string {
  return `${message.messageId} of ${message.timestamp}`;
}
