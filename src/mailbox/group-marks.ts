import type { Marks } from './envelope.ts';
import type { GroupEntry } from './group-entry.ts';
import type { MailboxState } from './mailbox-state.ts';

const noMarks: Marks = { delivered: 0, read: 0 };

/** Does the group lack marks of this user, which knows those that are confirmed? */
export function owesMarks(entry: GroupEntry, confirmed: Marks): boolean {
  if (!entry.isIn || !entry.takesReceipts) return false;
  return entry.deliveredSeq > confirmed.delivered || entry.readSeq > confirmed.read;
}

/** What the group knows of the user's marks, once the entry is as it is here. */
export function confirmedMarks(state: MailboxState, entry: GroupEntry): Marks {
  const { conversationId, enrolmentEvent } = entry;
  const known = state.groups.get(conversationId);
  // Who came in anew begins at nothing there; and a large group that became small knows nothing yet.
  if (known?.enrolmentEvent !== enrolmentEvent || !known.takesReceipts) return noMarks;
  const { deliveredSeq: delivered, readSeq: read } = known;
  return state.owedMarks.get(conversationId) ?? { delivered, read };
}

/** The group knows of these marks: less is owed. Never goes back. */
export function noteConfirmedMarks(state: MailboxState, groupId: string, marks: Marks): void {
  const known = state.owedMarks.get(groupId);
  if (known === undefined) return;
  const [delivered, read] = [Math.max(known.delivered, marks.delivered), Math.max(known.read, marks.read)];
  state.owedMarks.set(groupId, { delivered, read });
}
