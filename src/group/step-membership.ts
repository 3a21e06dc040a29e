import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import { isMadeBy, mayManage, noSuchGroup, notAllowed, otherGroup } from './group-access.ts';
import type { GroupDraft } from './group-draft.ts';
import type { GroupInput, GroupResult } from './group-input.ts';
import type { GroupLimits, GroupMember } from './group-state.ts';

type InputOf<Kind extends GroupInput['kind']> = Extract<GroupInput, { kind: Kind }>;

/** The same request again finds its own group, whatever has become of it since. */
export function stepCreate(draft: GroupDraft, input: InputOf<'create'>, limits: GroupLimits): GroupResult {
  const { from, requestId, name, history } = input;
  const present = draft.info;
  if (present !== undefined) {
    return isMadeBy(present, input) ? membersNow(draft, []) : otherGroup();
  }
  const others = [...new Set(input.members)].filter((userId) => userId !== from);
  const full = refuseMore(draft, 1 + others.length, limits);
  if (full !== undefined) return full;
  const { nowMs } = draft;
  draft.info = {
    ...{ name, history, requestId, creator: from, createdAt: nowMs },
    ...{ lastSeq: 0, event: 0, op: 0, receipt: 0, updatedAt: nowMs },
  };
  draft.join(from, 'owner');
  for (const userId of others) draft.join(userId, 'member');
  growLarge(draft, limits);
  return membersNow(draft, [from, ...others]);
}

/** Who is in already stays as they are. */
export function stepAdd(
  draft: GroupDraft,
  { from, members }: InputOf<'add'>,
  limits: GroupLimits,
): GroupResult {
  const refused = refuseUnlessManager(draft, from);
  if (refused !== undefined) return refused;
  const fresh = [...new Set(members)].filter((userId) => draft.member(userId) === undefined);
  const full = refuseMore(draft, fresh.length, limits);
  if (full !== undefined) return full;
  for (const userId of fresh) draft.join(userId, 'member');
  growLarge(draft, limits);
  return membersNow(draft, fresh);
}

/** One way only: it stays large however few are left. */
function growLarge(draft: GroupDraft, { fanOutMembersMax }: GroupLimits): void {
  if (draft.memberCount > fanOutMembersMax) draft.becomeLarge();
}

/** Who is out already stays out. */
export function stepRemove(draft: GroupDraft, { from, members }: InputOf<'remove'>): GroupResult {
  const refused = refuseUnlessManager(draft, from);
  if (refused !== undefined) return refused;
  const present = [...new Set(members)].filter((userId) => draft.member(userId) !== undefined);
  if (present.some((userId) => draft.member(userId)?.role === 'owner')) {
    return refusal('forbidden', 'the owner of the group cannot be removed');
  }
  for (const userId of present) draft.leave(userId);
  // Again those who are out already: the one who asks once more may not have heard that they are.
  return membersNow(draft, [...new Set(members)]);
}

export function stepLeave(draft: GroupDraft, { from }: InputOf<'leave'>): GroupResult {
  const member = draft.member(from);
  if (draft.info === undefined || member === undefined) return noSuchGroup();
  draft.leave(from);
  if (member.role === 'owner') handOver(draft, successor(draft));
  return membersNow(draft, [from]);
}

export function stepRename(draft: GroupDraft, { from, name }: InputOf<'rename'>): GroupResult {
  const refused = refuseUnlessManager(draft, from);
  if (refused !== undefined || draft.info === undefined) return refused ?? noSuchGroup();
  if (draft.info.name !== name) {
    draft.event(draft.info);
    draft.info = { ...draft.info, name };
  }
  return { kind: 'done' };
}

/** `owner` hands over: the former owner becomes an admin. */
export function stepSetRole(draft: GroupDraft, input: InputOf<'setRole'>): GroupResult {
  const { from, userId, role } = input;
  const { info } = draft;
  const asking = draft.member(from);
  if (info === undefined || asking === undefined) return noSuchGroup();
  const member = draft.member(userId);
  // The former owner asks again, who may not have heard that it is so.
  const isRepeated =
    member?.role === 'owner' && role === 'owner' && asking.role === 'admin' && info.handedOverBy === from;
  if (asking.role !== 'owner' && !isRepeated) {
    return refusal('forbidden', 'only the owner of the group sets roles');
  }
  if (member === undefined) return refusal('not_found', 'no such member');
  if (member.role === role || isRepeated) return { kind: 'done' };
  if (userId === from) return refusal('forbidden', 'the owner first makes somebody else the owner');
  draft.event(role === 'owner' ? { ...info, handedOverBy: from } : info);
  draft.isRosterChanged = true;
  draft.members.set(userId, { ...member, role });
  if (role === 'owner') draft.members.set(from, { ...asking, role: 'admin' });
  return { kind: 'done' };
}

function membersNow(draft: GroupDraft, affected: readonly string[]): GroupResult {
  return { kind: 'members', members: draft.memberCount, affected };
}

function refuseUnlessManager(draft: GroupDraft, from: string): Refusal | undefined {
  const member = draft.member(from);
  if (draft.info === undefined || member === undefined) return noSuchGroup();
  return mayManage(member) ? undefined : notAllowed();
}

function refuseMore(draft: GroupDraft, more: number, limits: GroupLimits): Refusal | undefined {
  if (more > 0 && draft.memberCount + more > limits.membersMax) {
    const why = `a group has at most ${limits.membersMax} members`;
    return refusal('too_large', why, { path: 'members' });
  }
  const owed = draft.state.owed.size - draft.confirmedEnrolments.size + draft.owed.size;
  if (owed > 0 && owed + more > Math.max(limits.pendingMax, limits.membersMax)) {
    const why = 'too many members came and went at once';
    return refusal('overloaded', why, { retryAfterMs: 1_000 });
  }
  return undefined;
}

/** The oldest admin, else the oldest member. */
function successor(draft: GroupDraft): [string, GroupMember] | undefined {
  let best: [string, GroupMember] | undefined;
  for (const userId of draft.memberIds()) {
    const member = draft.member(userId);
    if (member === undefined) continue;
    if (best === undefined || isBefore(member, best[1])) best = [userId, member];
  }
  return best;
}

function isBefore(a: GroupMember, b: GroupMember): boolean {
  if (a.role !== b.role) return a.role === 'admin';
  return a.joinEvent < b.joinEvent;
}

function handOver(draft: GroupDraft, next: [string, GroupMember] | undefined): void {
  if (next === undefined) return;
  const [userId, member] = next;
  draft.members.set(userId, { ...member, role: 'owner' });
}
