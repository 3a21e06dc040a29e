import { isDm } from '../../client/protocol-shapes.ts';
import type { CallRecord } from '../../history.ts';
import { type Evidence, keyOf } from '../evidence.ts';
import { mayHaveHappened } from '../outcome.ts';
import { Findings, type Violation } from '../violation.ts';

/** The errors of the protocol, and whether they may be retried. */
const isRetryable: Readonly<Record<string, boolean>> = {
  ...{ parse_error: false, invalid_request: false, method_not_found: false, invalid_params: false },
  ...{ unauthenticated: false, forbidden: false, not_found: false, conflict: false, too_large: false },
  ...{ stale_message_id: false, out_of_order: true, moved: true, unavailable: true },
  ...{ rate_limited: true, overloaded: true, internal: true },
};

/** Groups may be gone for who asks, blocks and roles forbid: all other refusals have no reason in what the clients do. */
const reasonable = new Set(['forbidden', 'not_found']);

/** What is refused for good is refused for a reason: a client that is told so gives up. */
export function checkRefusals(evidence: Evidence): readonly Violation[] {
  const found = new Findings('refusals');
  for (const call of evidence.history.allCalls()) {
    const { outcome, userId, method } = call;
    if (outcome.kind !== 'error') continue;
    const { error, retryable } = outcome;
    if (isRetryable[error] !== retryable)
      found.add(`${userId} was told ${error}, ${retryable ? '' : 'not '}to be retried`, [call]);
    else if (!retryable && !hasReason(evidence, call, error))
      found.add(`${userId}'s ${method} was refused without a reason: ${error}`, [call]);
  }
  return found.violations;
}

function hasReason(evidence: Evidence, call: CallRecord, error: string): boolean {
  if (!reasonable.has(error)) return false;
  if (call.method === 'typing') return true; // Kept nowhere: `checkTyping` looks at what gets through.
  return error === 'forbidden' ? mayForbid(evidence, call) : mayBeAway(evidence, call);
}

/** Blocks in a dm have a rule of their own. */
function mayForbid(evidence: Evidence, call: CallRecord): boolean {
  const { userId, startMs, endMs } = call;
  const isBlocked = (members: readonly string[]): boolean =>
    members.some((member) => evidence.blocks.during(member, userId, startMs, endMs) !== 'off');
  const { method } = call;
  if (method === 'createGroup') return isBlocked(call.params.members);
  if (method === 'addMembers')
    return !isOwner(evidence, userId, call.params.conversationId) || isBlocked(call.params.members);
  if (method === 'removeMembers' || method === 'renameGroup')
    return !isOwner(evidence, userId, call.params.conversationId);
  return (method === 'sendMessage' || method === 'editMessage') && isDm(call.params.conversationId);
}

/** Whoever made a group owns it until they go. */
function isOwner(evidence: Evidence, userId: string, conversationId: string): boolean {
  if (evidence.hasLeft(userId, conversationId)) return false;
  return evidence.history
    .callsOf('createGroup')
    .some(
      (call) =>
        call.userId === userId &&
        call.outcome.kind === 'ok' &&
        call.outcome.result.conversationId === conversationId,
    );
}

function mayBeAway(evidence: Evidence, call: CallRecord): boolean {
  const conversationId = 'conversationId' in call.params ? call.params.conversationId : undefined;
  if (conversationId === undefined) return false;
  if (evidence.hasLeft(call.userId, conversationId)) return true;
  if (call.method === 'getMessages') {
    const acked = evidence.ackedFor(call.userId, conversationId);
    return isDm(conversationId) && !acked.some(({ endMs }) => endMs < call.startMs);
  }
  if (call.method !== 'editMessage' && call.method !== 'deleteMessage') return false;
  return (evidence.deletions.get(keyOf(conversationId, call.params.seq)) ?? []).some(
    ({ outcome, startMs }) => mayHaveHappened(outcome) && startMs < call.endMs,
  );
}
