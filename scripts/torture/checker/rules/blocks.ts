import { dmUsers, isDm } from '../../client/protocol-shapes.ts';
import type { Evidence } from '../evidence.ts';
import { Findings, type Violation } from '../violation.ts';

/** Who is blocked is refused, from the answer to the block to the call that ends it; nobody else is. */
export function checkBlocks(evidence: Evidence): readonly Violation[] {
  const found = new Findings('blocks');
  checkAccepted(evidence, found);
  checkEdited(evidence, found);
  checkRefused(evidence, found);
  const endMs = Number.MAX_VALUE;
  for (const { userId, blocked } of evidence.views.values()) {
    for (const other of evidence.views.keys()) {
      const state = evidence.blocks.during(userId, other, endMs, Infinity);
      if (state === 'open' || (state === 'on') === blocked.includes(other)) continue;
      const is = state === 'on' ? 'blocked' : 'did not block, or no longer,';
      const cause = evidence.blocks.causeOf(userId, other, endMs);
      found.add(`${userId} ${is} ${other}: the list of blocks says otherwise`, [cause]);
    }
  }
  return found.violations;
}

function checkAccepted(evidence: Evidence, found: Findings): void {
  for (const { conversationId, messageId, from, acks, attempts, startMs } of evidence.sends.values()) {
    const [ack] = acks;
    if (ack === undefined || !isDm(conversationId)) continue;
    const peer = otherOf(conversationId, from);
    if (evidence.blocks.during(peer, from, startMs, ack.endMs) !== 'on') continue;
    const cause = evidence.blocks.causeOf(peer, from, startMs);
    found.add(`${peer} had blocked ${from}, and ${messageId} was taken`, [cause, ...attempts]);
  }
}

/** Edits are refused as messages are; what is deleted goes, whoever it comes from. */
function checkEdited(evidence: Evidence, found: Findings): void {
  for (const attempts of evidence.edits.values()) {
    for (const calls of Map.groupBy(attempts, ({ params }) => params.messageId).values()) {
      const ack = calls.find(({ outcome }) => outcome.kind === 'ok');
      if (ack === undefined || !isDm(ack.params.conversationId)) continue;
      const peer = otherOf(ack.params.conversationId, ack.userId);
      const startMs = Math.min(...calls.map((call) => call.startMs));
      if (evidence.blocks.during(peer, ack.userId, startMs, ack.endMs) !== 'on') continue;
      const cause = evidence.blocks.causeOf(peer, ack.userId, startMs);
      found.add(`${peer} had blocked ${ack.userId}, and an edit was taken`, [cause, ...calls]);
    }
  }
}

function checkRefused(evidence: Evidence, found: Findings): void {
  const { history, blocks } = evidence;
  for (const call of [...history.callsOf('sendMessage'), ...history.callsOf('editMessage')]) {
    const { userId, params, outcome, startMs, endMs } = call;
    if (outcome.kind !== 'error' || outcome.error !== 'forbidden' || !isDm(params.conversationId)) continue;
    const peer = otherOf(params.conversationId, userId);
    if (blocks.during(peer, userId, startMs, endMs) === 'off')
      found.add(`${userId} was refused by ${peer} without a block`, [
        blocks.causeOf(peer, userId, startMs),
        call,
      ]);
  }
}

function otherOf(conversationId: string, userId: string): string {
  return dmUsers(conversationId).find((user) => user !== userId) ?? '';
}
