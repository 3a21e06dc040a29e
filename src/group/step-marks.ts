import { noSuchGroup } from './group-access.ts';
import type { GroupDraft } from './group-draft.ts';
import type { GroupInput, GroupResult } from './group-input.ts';
import type { GroupLimits } from './group-state.ts';

/** The marks of a member, told by its mailbox; never back, and clamped. A group with many members takes no note of them. */
export function stepMarks(
  draft: GroupDraft,
  input: Extract<GroupInput, { kind: 'marks' }>,
  limits: GroupLimits,
): GroupResult {
  const { from } = input;
  const { info } = draft;
  const member = draft.member(from);
  if (info === undefined || member === undefined) return noSuchGroup();
  if (draft.large !== undefined || draft.memberCount > limits.receiptMembersMax) return { kind: 'done' };
  const deliveredSeq = Math.max(member.deliveredSeq, Math.min(input.deliveredSeq, info.lastSeq));
  const readSeq = Math.max(member.readSeq, Math.min(input.readSeq, info.lastSeq));
  if (deliveredSeq > member.deliveredSeq || readSeq > member.readSeq) {
    const hiddenFrom = input.hiddenFrom.filter((userId) => draft.member(userId) !== undefined);
    draft.mark(from, { ...member, deliveredSeq, readSeq, hiddenFrom });
  }
  return { kind: 'done' };
}
