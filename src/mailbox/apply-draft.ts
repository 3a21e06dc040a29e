import { dedupEntryBytes, growDedup } from '../conversation/dedup-window.ts';
import type { RowVersion } from '../row/row-version.ts';
import { aheadOfTail, emptyTail, extendRanges, type RangeEntry } from './feed-tail.ts';
import { owesMarks } from './group-marks.ts';
import { outboxFate, type ConversationDraft, type MailboxDraft } from './mailbox-draft.ts';
import {
  addConversation,
  dedupEntriesMax,
  insertMessages,
  logCommitsInMemory,
  logEntryBytes,
  putDevice,
  putPerson,
  replaceMessage,
  type LogCommit,
  type MailboxState,
  type Outbox,
  putGroup,
  type CommittedChanges,
  type Profile,
} from './mailbox-state.ts';
import { furthest, nothing, owedBy, type Standing } from './standing.ts';

/** Peers that are told at once of another name. */
const renameTellMax = 1_000;

function applyConversation(state: MailboxState, draft: ConversationDraft, version: number): void {
  const fate = outboxFate(draft);
  const isNew = draft.base === undefined;
  const conversation = draft.base ?? addConversation(state, draft.conversationId, draft.head);
  if (isNew) {
    conversation.runAbove = 0;
    conversation.outbox.confirmed = nothing;
  }
  const before = isNew ? nothing : owedBy(conversation.head);
  conversation.head = draft.head;
  const { delivered, read } = owedBy(draft.head);
  if (delivered > before.delivered || read > before.read) state.untold.add(conversation);
  const { outbox } = conversation;
  if (draft.added.length > 0) {
    conversation.touchedVersion = version;
    const { runAbove } = conversation;
    // A copy below the run is in the store only; a read of that part asks for it.
    insertMessages(
      state,
      conversation,
      draft.added.filter((message) => message.seq > runAbove),
    );
    for (const message of draft.added) if (!message.own) outbox.pending.push(message.seq);
  }
  if (draft.changed.size > 0) {
    conversation.touchedVersion = version;
    for (const message of draft.changed.values()) replaceMessage(state, conversation, message);
  }
  for (const [seq, op] of draft.operations) outbox.operations.set(seq, op);
  noteConfirmed(outbox, draft.confirmed);
  if (fate !== 'unchanged') outbox.open = fate === 'open';
  if (outbox.open) state.outboxOpen.add(conversation);
  else state.outboxOpen.delete(conversation);
}

/** The peer has what it is owed up to `confirmed`: less is owed. Never goes back. */
export function noteConfirmed(outbox: Outbox, confirmed: Standing): void {
  outbox.confirmed = furthest(outbox.confirmed, confirmed);
  const { seq, op } = outbox.confirmed;
  let settled = 0;
  while (settled < outbox.pending.length && (outbox.pending[settled] ?? 0) <= seq) settled++;
  if (settled > 0) outbox.pending.splice(0, settled);
  for (const [changed, last] of outbox.operations) if (last <= op) outbox.operations.delete(changed);
}

/** Envelopes carry the name anyway: only the most recent peers are told of another one right away. */
function applyProfile(state: MailboxState, profile: Profile): void {
  const isRenamed = state.profile !== undefined && state.profile.name !== profile.name;
  state.profile = profile;
  if (!isRenamed) return;
  const newestFirst = [...state.conversations.values()].sort((a, b) => b.head.updatedAt - a.head.updatedAt);
  for (const conversation of newestFirst.slice(0, renameTellMax)) state.untold.add(conversation);
}

function applyLog(state: MailboxState, commit: LogCommit): void {
  if (commit.entries.length === 0) return;
  state.log.push(commit);
  state.bytes += commit.entries.length * logEntryBytes;
  if (state.log.length <= logCommitsInMemory) return;
  const dropped = state.log.splice(0, state.log.length - logCommitsInMemory / 2);
  state.logKnownAbove = dropped.at(-1)?.version ?? state.logKnownAbove;
  state.bytes -= dropped.reduce((sum, { entries }) => sum + entries.length, 0) * logEntryBytes;
}

/** Makes a draft that is durable by now the state of the mailbox. */
export function applyDraft(state: MailboxState, draft: MailboxDraft, version: RowVersion): CommittedChanges {
  state.version = version;
  state.clockMs = Math.max(state.clockMs, draft.nowMs);
  if (draft.profile !== undefined) applyProfile(state, draft.profile);
  for (const person of draft.people.values()) putPerson(state, person);
  for (const [deviceId, device] of draft.changedDevices) putDevice(state, deviceId, device);
  for (const conversation of draft.conversations.values()) {
    applyConversation(state, conversation, version.number);
  }
  for (const [groupId, confirmed] of draft.owedMarks) {
    state.untoldGroups.delete(groupId);
    if (confirmed === undefined) state.owedMarks.delete(groupId);
    else state.owedMarks.set(groupId, confirmed);
  }
  for (const entry of draft.passed.values()) putGroup(state, entry);
  for (const entry of draft.groups.values()) {
    putGroup(state, entry);
    const confirmed = state.owedMarks.get(entry.conversationId);
    if (confirmed && owesMarks(entry, confirmed)) state.untoldGroups.add(entry.conversationId);
  }
  state.tail = emptyTail;
  state.bytes += growDedup(state.dedup, draft.dedup, dedupEntriesMax) * dedupEntryBytes;
  const commit: LogCommit = { version: version.number, entries: draft.log };
  applyLog(state, commit);
  state.recent = undefined;
  const { fresh, pushed, hasUnlisted } = draft;
  return { ...commit, fresh, pushed, hasUnlisted };
}

/** A draft that is worth no commit: what it has to push stands behind the last one. @returns undefined: nothing */
export function passDraft(state: MailboxState, draft: MailboxDraft): CommittedChanges | undefined {
  const ranges = draft.log.slice(draft.pushed).filter(({ kind }) => kind === 'groupRange') as RangeEntry[];
  if (ranges.length === 0) return undefined;
  const { tail, version } = state;
  state.tail = { ranges: extendRanges(tail.ranges, ranges), groups: draft.passed };
  state.clockMs = Math.max(state.clockMs, draft.nowMs);
  const ahead = aheadOfTail(tail);
  const { fresh } = draft;
  return { version: version?.number ?? 0, entries: ranges, fresh, pushed: 0, ahead, hasUnlisted: false };
}
