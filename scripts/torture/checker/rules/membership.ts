import { isDm } from '../../client/protocol-shapes.ts';
import { type Evidence, keyOf } from '../evidence.ts';
import { latestMs, mayHaveHappened } from '../outcome.ts';
import type { CallRecord } from '../../history.ts';
import { Findings, type Violation } from '../violation.ts';

interface Step {
  readonly isIn: boolean;
  readonly call: CallRecord;
  /** When it may have happened first. */
  readonly startMs: number;
}

/** Who is out of a group sees nothing of it; who came and did not go is in it. */
export function checkMembership(evidence: Evidence): readonly Violation[] {
  const found = new Findings('members');
  for (const [key, steps] of stepsOf(evidence)) {
    const last = lastSureStep(steps);
    if (last === undefined) continue;
    const [conversationId = '', userId = ''] = key.split(' ');
    const view = evidence.views.get(userId);
    if (view === undefined) continue;
    const isListed = view.conversations.some((one) => one.conversationId === conversationId);
    if (isListed !== last.isIn) {
      found.addUnlessHealed(
        `${userId} ${last.isIn ? 'was added to' : 'is out of'} ${conversationId}, which is ${isListed ? '' : 'not '}in the list`,
        [last.call],
      );
    }
    if (!last.isIn) checkGone(evidence, userId, conversationId, last.call, found);
  }
  checkLists(evidence, found);
  checkNames(evidence, found);
  return found.violations;
}

/** Who has gone reads nothing, writes nothing, is shown nothing that was written since, and is on nobody's list. */
function checkGone(
  evidence: Evidence,
  userId: string,
  conversationId: string,
  gone: CallRecord,
  found: Findings,
): void {
  for (const call of evidence.history.callsOf('getMessages')) {
    if (call.userId !== userId || call.params.conversationId !== conversationId) continue;
    if (call.startMs > gone.endMs && call.outcome.kind === 'ok')
      found.add(`${userId} read ${conversationId} after having gone`, [gone, call]);
  }
  for (const call of evidence.acked.get(conversationId) ?? []) {
    const sent = evidence.sends.get(keyOf(conversationId, call.params.messageId));
    if (call.userId === userId && (sent?.startMs ?? 0) > gone.endMs)
      found.add(`${userId} wrote to ${conversationId} after having gone`, [gone, call]);
  }
  for (const { message, userId: reader, record } of evidence.sightings) {
    if (reader !== userId || message.conversationId !== conversationId) continue;
    const sent = evidence.sends.get(keyOf(conversationId, message.messageId));
    if ((sent?.startMs ?? 0) > gone.endMs)
      found.add(`${userId} saw ${message.messageId} of ${conversationId} after having gone`, [gone, record]);
  }
  for (const view of evidence.views.values()) {
    if (view.members.get(conversationId)?.some((member) => member.userId === userId) === true)
      found.addUnlessHealed(
        `${userId} is out of ${conversationId}, and on ${view.userId}'s list of members`,
        [gone],
      );
  }
}

/** A group has one name for all, which somebody gave it. */
function checkNames(evidence: Evidence, found: Findings): void {
  const { history } = evidence;
  const given = new Map<string, Set<string>>();
  const give = (conversationId: string, name: string): unknown =>
    given.set(conversationId, (given.get(conversationId) ?? new Set()).add(name));
  for (const { params, outcome } of history.callsOf('createGroup'))
    if (outcome.kind === 'ok') give(outcome.result.conversationId, params.name);
  for (const { params, outcome } of history.callsOf('renameGroup'))
    if (mayHaveHappened(outcome)) give(params.conversationId, params.name);
  const first = new Map<string, string>();
  for (const { userId, conversations } of evidence.views.values()) {
    for (const { conversationId, name } of conversations) {
      if (isDm(conversationId)) continue;
      const other = first.get(conversationId) ?? name;
      first.set(conversationId, other);
      if (name !== other)
        found.addUnlessHealed(`${userId} knows ${conversationId} as ${name}, another one as ${other}`, []);
      if (given.get(conversationId)?.has(name) === false)
        found.addUnlessHealed(`${userId} knows ${conversationId} as ${name}, which nobody called it`, []);
    }
  }
}

/** All who are in have the same list of members, themselves in it, with one owner. */
function checkLists(evidence: Evidence, found: Findings): void {
  const first = new Map<string, string>();
  for (const { userId, members } of evidence.views.values()) {
    for (const [conversationId, list] of members) {
      const text = list
        .map((member) => `${member.userId} ${member.role}`)
        .toSorted()
        .join(', ');
      const other = first.get(conversationId) ?? text;
      first.set(conversationId, other);
      const is = `${userId}'s list of the members of ${conversationId} is ${text}`;
      if (text !== other) found.addUnlessHealed(`${is}; another one's is ${other}`, []);
      if (!list.some((member) => member.userId === userId)) found.addUnlessHealed(`${is}, without them`, []);
      if (list.filter(({ role }) => role === 'owner').length !== 1) found.add(`${is}: not one owner`, []);
    }
  }
}

function stepsOf({ history }: Evidence): Map<string, Step[]> {
  const steps = new Map<string, Step[]>();
  const add = (
    userId: string,
    conversationId: string,
    isIn: boolean,
    call: CallRecord,
    startMs = call.startMs,
  ): void => {
    if (!mayHaveHappened(call.outcome)) return;
    const key = keyOf(conversationId, userId);
    steps.set(key, [...(steps.get(key) ?? []), { isIn, call, startMs }]);
  };
  const founded = new Map<string, number>();
  for (const call of history.callsOf('createGroup')) {
    const { members, requestId } = call.params;
    // Asked again for a group that is there already, it changes nothing any more.
    const startMs = founded.get(requestId) ?? call.startMs;
    founded.set(requestId, startMs);
    if (call.outcome.kind !== 'ok') continue;
    const { conversationId } = call.outcome.result;
    for (const userId of [call.userId, ...members]) add(userId, conversationId, true, call, startMs);
  }
  for (const call of history.callsOf('addMembers')) {
    for (const userId of call.params.members) add(userId, call.params.conversationId, true, call);
  }
  for (const call of history.callsOf('removeMembers')) {
    for (const userId of call.params.members) add(userId, call.params.conversationId, false, call);
  }
  for (const call of history.callsOf('leaveGroup')) add(call.userId, call.params.conversationId, false, call);
  return steps;
}

/** The last step that was answered, where all of the other kind were over before it began. */
function lastSureStep(steps: readonly Step[]): Step | undefined {
  const last = steps
    .filter(({ call }) => call.outcome.kind === 'ok')
    .toSorted((a, b) => a.startMs - b.startMs)
    .at(-1);
  if (last === undefined) return undefined;
  const isOpen = steps.some(({ isIn, call }) => isIn !== last.isIn && latestMs(call) > last.startMs);
  return isOpen ? undefined : last;
}
