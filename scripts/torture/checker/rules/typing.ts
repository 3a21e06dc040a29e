import { dmUsers, isDm } from '../../client/protocol-shapes.ts';
import type { CallOf } from '../../history.ts';
import type { Evidence } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

/** What a block stops may still be under way for so long: nodes are paused, links silent. */
const echoMs = 60_000;

/** Typing: only what was typed, only to who is in the conversation, and when all is well it gets through. */
export function checkTyping(evidence: Evidence): readonly Violation[] {
  const found = new Findings('typing');
  const firstMs = new Map<string, number>();
  for (const { userId, params, startMs } of evidence.history.callsOf('typing')) {
    const key = `${params.conversationId} ${userId}`;
    if (startMs < (firstMs.get(key) ?? Infinity)) firstMs.set(key, startMs);
  }
  for (const record of evidence.history.notes) {
    const { note, userId: listener, atMs } = record;
    if (note.method !== 'typing') continue;
    const { conversationId, userId } = note;
    const isIn = isDm(conversationId)
      ? dmUsers(conversationId).includes(listener)
      : evidence.circles.isMaybeMember(listener, conversationId);
    if (!isIn)
      found.add(`${listener} heard of typing in ${conversationId}, a conversation of others`, [record]);
    if (!((firstMs.get(`${conversationId} ${userId}`) ?? Infinity) < atMs))
      found.add(`${listener} heard that ${userId} types, who did not`, [record]);
    if (note.on && evidence.blocks.during(listener, userId, atMs - echoMs, atMs) === 'on')
      found.add(`${listener} had blocked ${userId}, and heard of the typing`, [
        evidence.blocks.causeOf(listener, userId, atMs - echoMs),
        record,
      ]);
  }
  checkHeard(evidence, found);
  return found.violations;
}

/** Who typed while all was well was heard by the other one at least once. */
function checkHeard(evidence: Evidence, found: Findings): void {
  const { attendance } = evidence.history;
  if (attendance === undefined) return;
  const { present, sinceMs, atMs } = attendance;
  const heard = new Set(
    evidence.history.notes.map(({ userId, note, atMs: heardMs }) =>
      note.method === 'typing' && heardMs >= sinceMs ? `${note.conversationId} ${userId}` : '',
    ),
  );
  const typed = new Map<string, CallOf<'typing'>[]>();
  for (const call of evidence.history.callsOf('typing')) {
    if (call.startMs < sinceMs || call.startMs > atMs) continue;
    const key = `${call.params.conversationId} ${call.userId}`;
    typed.set(key, [...(typed.get(key) ?? []), call]);
  }
  for (const calls of typed.values()) {
    const [call] = calls;
    if (call === undefined || !isDm(call.params.conversationId)) continue;
    const { conversationId } = call.params;
    const peer = dmUsers(conversationId).find((user) => user !== call.userId) ?? '';
    const isExpected =
      present.has(peer) &&
      evidence.circles.share(call.userId, peer) === 'yes' &&
      evidence.blocks.areFree(call.userId, peer);
    if (isExpected && !heard.has(`${conversationId} ${peer}`))
      found.add(`${call.userId} typed to ${peer}, who never heard of it`, calls.slice(-3));
  }
}
