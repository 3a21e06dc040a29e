import { dedupEntryBytes, growDedup } from '../conversation/dedup-window.ts';
import type { RowVersion } from '../row/row-version.ts';
import { furthestMark, type FanOutMark } from './fan-out-mark.ts';
import type { GroupDraft } from './group-draft.ts';
import {
  addChanges,
  groupDedupMax,
  groupMessageBytes,
  memberBytes,
  replaceGroupMessage,
  type GroupState,
} from './group-state.ts';

/** Makes a draft that is durable by now the state of the group. */
export function applyGroupDraft(state: GroupState, draft: GroupDraft, version: RowVersion): void {
  // By the state that the draft stands on.
  const cleared = [...draft.clearedEnrolments()];
  const mark = draft.nextMark;
  state.version = version;
  state.info = draft.info;
  state.large = draft.large;
  state.mark = mark;
  for (const userId of cleared) {
    state.owed.delete(userId);
    state.confirmedEnrolments.delete(userId);
  }
  for (const [userId, owed] of draft.owed) {
    state.owed.set(userId, owed);
    state.confirmedEnrolments.delete(userId);
  }
  if (draft.isRosterChanged) renewRoster(state, draft);
  for (const [userId, member] of draft.members) {
    state.bytes += memberBytes * (Number(member !== undefined) - Number(state.members.has(userId)));
    if (member === undefined) state.members.delete(userId);
    else state.members.set(userId, member);
    if ((member?.own ?? []).length === 0) state.ownKnown.delete(userId);
  }
  for (const message of draft.added) {
    state.messages.push(message);
    state.bytes += groupMessageBytes(message);
  }
  if (draft.changes.length > 0) {
    state.touchedVersion = version.number;
    for (const message of draft.changed.values()) replaceGroupMessage(state, message);
    addChanges(state, draft.changes);
  }
  state.bytes += growDedup(state.dedup, draft.dedup, groupDedupMax) * dedupEntryBytes;
}

/** Who comes is the youngest, so nobody has to be sorted anew. Before the members of the draft are those of the state. */
function renewRoster(state: GroupState, draft: GroupDraft): void {
  if (state.roster === undefined) return;
  const isMoved = (userId: string): boolean =>
    draft.members.has(userId) &&
    draft.members.get(userId)?.joinEvent !== state.members.get(userId)?.joinEvent;
  const joined = [...draft.members].flatMap(([userId, member]) =>
    member !== undefined && isMoved(userId) ? [{ userId, joinEvent: member.joinEvent }] : [],
  );
  joined.sort((a, b) => a.joinEvent - b.joinEvent);
  const stayed = state.roster.filter((userId) => !isMoved(userId));
  state.roster = [...stayed, ...joined.map(({ userId }) => userId)];
}

/** Mailboxes of all members know all up to here. Never goes back. */
export function noteConfirmedMark(state: GroupState, mark: FanOutMark): void {
  state.confirmed = furthestMark(state.confirmed, mark);
}

/** Mailboxes but for a few know all up to here. Never goes back. */
export function noteMostlyConfirmed(state: GroupState, mark: FanOutMark): void {
  state.mostlyConfirmed = furthestMark(state.mostlyConfirmed, mark);
}

/** In a large group: a mailbox knows of all own messages up to `seq`, durably. Never goes back. */
export function noteOwnKnown({ members, ownKnown }: GroupState, userId: string, seq: number): void {
  // Of all the others there is nothing to be remembered.
  if (members.get(userId)?.own === undefined) return;
  ownKnown.set(userId, Math.max(seq, ownKnown.get(userId) ?? 0));
}

/** A mailbox knows of its user's coming or going. */
export function noteConfirmedEnrolment(state: GroupState, userId: string, event: number): void {
  if (state.owed.get(userId)?.event === event) state.confirmedEnrolments.set(userId, event);
}
