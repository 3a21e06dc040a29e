import type { Evidence } from '../evidence.ts';
import { mayHaveHappened } from '../outcome.ts';
import { Findings, type Violation } from '../violation.ts';

/** G4: what was refused for good did not happen, and what may be retried succeeds in the end. */
export function checkSafeRetry(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G4');
  const seen = new Map(
    evidence.sightings.map((sighting) => [
      `${sighting.message.conversationId} ${sighting.message.messageId}`,
      sighting,
    ]),
  );
  for (const [key, { attempts, messageId }] of evidence.sends) {
    if (attempts.some(({ outcome }) => mayHaveHappened(outcome))) continue;
    const sighting = seen.get(key);
    if (sighting === undefined) continue;
    found.add(`${messageId} was refused for good, and is there`, [...attempts, sighting.record]);
  }
  const waiting = new Set(evidence.history.stuck);
  for (const { attempts, messageId, acks } of evidence.sends.values()) {
    const last = attempts.at(-1);
    if (last === undefined || acks.length > 0 || !mayHaveHappened(last.outcome)) continue;
    if (!evidence.history.stuck.includes(last.userId)) continue;
    found.add(`${messageId} could not be sent after all was well again`, attempts.slice(-3));
    waiting.delete(last.userId);
  }
  for (const userId of waiting) {
    const failed = [...evidence.history.allCalls()]
      .filter((call) => call.userId === userId && call.outcome.kind !== 'ok' && mayHaveHappened(call.outcome))
      .toSorted((a, b) => a.startMs - b.startMs);
    found.add(`${userId} had calls that failed when all had been well for long`, failed.slice(-3));
  }
  return found.violations;
}
