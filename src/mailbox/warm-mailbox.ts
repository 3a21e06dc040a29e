import { dedupCell } from '../conversation/dedup-window.ts';
import { StoreError } from '../row/row-store.ts';
import type { Cell, CellRange, Family } from '../row/cell.ts';
import type { RowCopy, RowSnapshot } from '../row/row-snapshot.ts';
import { logCell, logOf } from './log-cells.ts';
import {
  conversationCell,
  groupEntryCell,
  marksOutboxCell,
  localOfMessage,
  messageCell,
  messageOf,
  outboxCell,
  profileCell,
} from './mailbox-cells.ts';
import { idOfLocal, insertMessages, logEntryBytes } from './mailbox-state.ts';
import type { ConversationState, LogCommit, MailboxState } from './mailbox-state.ts';
import { deviceCell } from './devices.ts';
import { personCell } from './people.ts';
import { restoreMailbox } from './restore-mailbox.ts';

/**
 * Of a mailbox: what lies above or beside these is all in the snapshot.
 * - `dedupAboveMs`, `logAbove`: as `dedup.knownAboveMs` and `logKnownAbove` of the state.
 * - `newLocalsFrom`: conversations with this local number or a greater one were not there yet.
 * - `runs`: [local, runAbove] of those whose latest messages are in; of others none are.
 */
type MailboxMarks = [
  dedupAboveMs: number,
  logAbove: number,
  newLocalsFrom: number,
  runs: [local: number, runAbove: number][],
];

/** What a cell takes beside its value, estimated. */
const cellOverheadBytes = 40;

/**
 * What is in memory of a mailbox, up to so many bytes: the messages of the least recent conversations stay behind.
 * @returns undefined where it is larger without any message
 */
export function snapshotMailbox(state: MailboxState, bytesMax: number): RowSnapshot | undefined {
  const cells: Cell[] = [];
  let bytes = 0;
  const add = (cell: Cell): void => {
    cells.push(cell);
    bytes += cell.value.length + cellOverheadBytes;
  };
  if (state.profile !== undefined) add(profileCell(state.profile));
  for (const person of state.people.values()) add(personCell(person));
  for (const device of state.devices.values()) add(deviceCell(device));
  const conversations = [...state.conversations.values()];
  for (const { head, outbox } of conversations) {
    add(conversationCell(head));
    if (outbox.open) add(outboxCell(head.local, outbox));
  }
  for (const entry of state.groups.values()) {
    add(groupEntryCell(entry));
    const confirmed = state.owedMarks.get(entry.conversationId);
    if (confirmed !== undefined) add(marksOutboxCell(entry.local, confirmed));
  }
  for (const [messageId, entry] of state.dedup.entries) add(dedupCell(messageId, entry));
  const localOf = (id: string): number =>
    state.conversations.get(id)?.head.local ?? state.groups.get(id)?.local ?? 0;
  for (const commit of state.log) add(logCell(commit, localOf));
  if (bytes > bytesMax) return undefined;
  const runs: MailboxMarks[3] = [];
  const newestFirst = conversations.sort((a, b) => b.head.lastTimestamp - a.head.lastTimestamp);
  for (const { head, messages, messageBytes, runAbove } of newestFirst) {
    if (messages.length === 0 && head.lastSeq > 0) continue;
    if (bytes + messageBytes > bytesMax) break;
    for (const message of messages) add(messageCell(head.local, message));
    runs.push([head.local, runAbove]);
  }
  const marks: MailboxMarks = [state.dedup.knownAboveMs, state.logKnownAbove, state.nextLocal, runs];
  return { cells, marks };
}

/**
 * The state that a snapshot was made of, with the cells of later commits on top of it.
 * @param ranges those of the head
 * @throws StoreError `corrupt`
 */
export function reviveMailbox(userId: string, copy: RowCopy, ranges: readonly CellRange[]): MailboxState {
  const [dedupAboveMs, logAbove, newLocalsFrom, runs] = copy.marks as MailboxMarks;
  const of = (family: Family): readonly Cell[] => copy.cells.filter((cell) => cell.family === family);
  const head = [of('h'), of('o'), of('d').toSorted((a, b) => a.qualifier.compare(b.qualifier))];
  const state = restoreMailbox(userId, { version: copy.version, ranges: head }, ranges);
  state.dedup.knownAboveMs = dedupAboveMs;
  const runAbove = new Map(runs);
  const messages = Map.groupBy(of('m'), localOfMessage);
  for (const conversation of state.conversations.values()) {
    const { local } = conversation.head;
    const above = runAbove.get(local) ?? (local >= newLocalsFrom ? 0 : undefined);
    if (above !== undefined) fillRun(state, conversation, above, messages.get(local) ?? []);
  }
  reviveLog(state, of('l'), logAbove);
  return state;
}

function fillRun(
  state: MailboxState,
  conversation: ConversationState,
  runAbove: number,
  cells: readonly Cell[],
): void {
  const messages = cells.map(messageOf).filter(({ seq }) => seq > runAbove);
  conversation.runAbove = runAbove;
  insertMessages(
    state,
    conversation,
    messages.sort((a, b) => a.seq - b.seq),
  );
}

function reviveLog(state: MailboxState, cells: readonly Cell[], logAbove: number): void {
  const conversationIdOf = (local: number): string => {
    const conversationId = idOfLocal(state, local);
    if (conversationId === '') throw new StoreError('corrupt', `a change of no conversation: ${local}`);
    return conversationId;
  };
  const commits = cells
    .map((cell): LogCommit => logOf(cell, conversationIdOf))
    .filter(({ version }) => version > logAbove)
    .sort((a, b) => a.version - b.version);
  state.log = commits;
  state.logKnownAbove = logAbove;
  state.bytes += commits.reduce((sum, { entries }) => sum + entries.length, 0) * logEntryBytes;
}
