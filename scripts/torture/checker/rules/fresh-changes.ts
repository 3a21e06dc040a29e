import { isDm, type Message } from '../../client/protocol-shapes.ts';
import type { CallOf, HistoryRecord } from '../../history.ts';
import { type Evidence, keyOf } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';
import { doneMs } from './changes.ts';

/** From some moment on a reader has to see a message at least as it was then. */
interface Known {
  readonly atMs: number;
  readonly isDeleted: boolean;
  /** Where it is not deleted: of the edit that it shows. */
  readonly text: string;
  readonly record: HistoryRecord | undefined;
}

/** G7: a page shows edits and deletions that were acknowledged, or that the same user had seen, before it was asked for. */
export function checkFreshChanges(evidence: Evidence): readonly Violation[] {
  const found = new Findings('G7');
  const seen = seenBy(evidence);
  for (const call of evidence.history.callsOf('getMessages')) {
    const { userId, outcome, startMs } = call;
    if (outcome.kind !== 'ok') continue;
    for (const message of outcome.result.messages) {
      if (message.deletedAt !== undefined) continue;
      const all = [...ackedFor(evidence, userId, message), ...(seen.get(seenKey(userId, message)) ?? [])];
      const before = all.find((known) => known.atMs < startMs && isBehind(evidence, message, known));
      if (before === undefined) continue;
      const { conversationId, seq } = message;
      const is = before.isDeleted ? 'which had been deleted' : `which had been changed to ${before.text}`;
      found.add(`${userId} read seq ${seq} of ${conversationId} as ${message.text}, ${is}`, [
        before.record,
        call,
      ]);
    }
  }
  return found.violations;
}

function seenKey(userId: string, { conversationId, seq }: Message): string {
  return `${keyOf(conversationId, seq)} ${userId}`;
}

/** What each user had been shown of messages that were changed. */
function seenBy({ sightings }: Evidence): ReadonlyMap<string, readonly Known[]> {
  const seen = new Map<string, Known[]>();
  for (const { message, userId, atMs, record } of sightings) {
    const { text, editedAt, deletedAt } = message;
    if (atMs === undefined || (editedAt === undefined && deletedAt === undefined)) continue;
    const known = { atMs, isDeleted: deletedAt !== undefined, text, record };
    const key = seenKey(userId, message);
    const all = seen.get(key);
    if (all === undefined) seen.set(key, [known]);
    else all.push(known);
  }
  return seen;
}

/** In a dm the recipient's copy decides; the author's own may follow a moment later. */
function ackedFor(evidence: Evidence, userId: string, { conversationId, seq, from }: Message): Known[] {
  if (isDm(conversationId) && from === userId) return [];
  const key = keyOf(conversationId, seq);
  const knownOf = (record: CallOf<'editMessage'> | CallOf<'deleteMessage'>): Known => {
    const isDeleted = record.method === 'deleteMessage';
    return { atMs: record.endMs, isDeleted, text: isDeleted ? '' : record.params.text, record };
  };
  return [...(evidence.deletions.get(key) ?? []), ...(evidence.edits.get(key) ?? [])]
    .filter(({ outcome }) => outcome.kind === 'ok')
    .map(knownOf);
}

/** Whether this is how the message was before that, and surely not again after it. */
function isBehind(evidence: Evidence, message: Message, { isDeleted, text }: Known): boolean {
  if (isDeleted) return true;
  if (message.editedAt === undefined) return true;
  if (message.text === text) return false;
  const edits = evidence.edits.get(keyOf(message.conversationId, message.seq)) ?? [];
  const attemptsAt = (shown: string): CallOf<'editMessage'>[] =>
    edits.filter(({ params }) => params.text === shown);
  const first = Math.min(Infinity, ...attemptsAt(text).map(({ startMs }) => startMs));
  return first > doneMs(attemptsAt(message.text));
}
