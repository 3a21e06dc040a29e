import { type Evidence, keyOf } from '../evidence.ts';
import { mayHaveHappened } from '../outcome.ts';
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
    if (last.isIn) continue;
    for (const call of evidence.history.callsOf('getMessages')) {
      if (call.userId !== userId || call.params.conversationId !== conversationId) continue;
      if (call.startMs > last.call.endMs && call.outcome.kind === 'ok')
        found.add(`${userId} read ${conversationId} after having gone`, [last.call, call]);
    }
  }
  checkLists(evidence, found);
  return found.violations;
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
  const isOpen = steps.some(({ isIn, call }) => isIn !== last.isIn && call.endMs > last.startMs);
  return isOpen ? undefined : last;
}
