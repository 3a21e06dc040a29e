import type { CallOf } from '../../history.ts';
import { type Evidence, keyOf } from '../evidence.ts';
import { latestMs, mayHaveHappened } from '../outcome.ts';
import { Findings, type Violation } from '../violation.ts';

/** Acknowledged edits and deletions stay; those that were refused did not happen; the last edit wins. */
export function checkChanges(evidence: Evidence): readonly Violation[] {
  const found = new Findings('edits');
  for (const { userId, messages } of evidence.views.values()) {
    for (const { conversationId, seq, text, deletedAt } of [...messages.values()].flat()) {
      const key = keyOf(conversationId, seq);
      const deletions = evidence.deletions.get(key) ?? [];
      const what = `${userId} has ${conversationId}, seq ${seq}`;
      if (deletedAt === undefined) {
        const done = deletions.filter(({ outcome }) => outcome.kind === 'ok');
        if (done.length > 0) found.addUnlessHealed(`${what}, which was deleted`, done);
        else checkEdits(evidence.edits.get(key) ?? [], text, what, found);
      } else if (!deletions.some(({ outcome }) => mayHaveHappened(outcome))) {
        found.add(`${what} as deleted, which nobody did`, deletions);
      }
    }
  }
  return found.violations;
}

/** When an edit had happened, by all attempts at it: a repeat of what was acknowledged changes nothing more. */
export function doneMs(attempts: readonly CallOf<'editMessage'>[]): number {
  const acked = attempts.filter(({ outcome }) => outcome.kind === 'ok').map(({ endMs }) => endMs);
  return acked.length > 0 ? Math.min(...acked) : Math.max(-Infinity, ...attempts.map(latestMs));
}

function checkEdits(
  edits: readonly CallOf<'editMessage'>[],
  text: string,
  what: string,
  found: Findings,
): void {
  const shown = edits.filter(({ params }) => params.text === text);
  const shownEndMs = doneMs(shown);
  const later = edits.find(({ params, outcome, startMs, endMs }) => {
    if (outcome.kind !== 'ok' || params.text === text) return false;
    const first = Math.min(
      startMs,
      ...edits.filter((one) => one.params.messageId === params.messageId).map((one) => one.startMs),
    );
    return shown.length === 0 ? endMs < Infinity : first > shownEndMs;
  });
  if (later !== undefined)
    found.addUnlessHealed(`${what} without its latest edit: ${text}`, [...shown, later]);
  if (shown.length > 0 && !shown.some(({ outcome }) => mayHaveHappened(outcome)))
    found.add(`${what} with an edit that was refused`, shown);
}
