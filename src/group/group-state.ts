import { newDedupWindow, type DedupWindow } from '../conversation/dedup-window.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
import type { OwnRuns } from '../conversation/own-runs.ts';
import type { GroupHistory, GroupRole } from '../protocol/calls.ts';
import type { RowVersion } from '../row/row-version.ts';
import { markOfGroup, nothingTold, reachesMark, type FanOutMark } from './fan-out-mark.ts';

/** The group itself: what its `h` `g` cell holds. */
export interface GroupInfo {
  readonly name: string;
  readonly history: GroupHistory;
  readonly createdAt: number;
  readonly creator: string;
  readonly requestId: string;
  /** 0 before the first message. */
  readonly lastSeq: number;
  /** Number of the last event: created, renamed, somebody in, out, or in another role. */
  readonly event: number;
  /** Number of the last edit or deletion of a message. */
  readonly op: number;
  /** Number of the last receipt: how often marks of members have moved. */
  readonly receipt: number;
  /** Time of the last commit, epoch ms; never runs back. */
  readonly updatedAt: number;
  /** The owner before this one, who made this one the owner. */
  readonly handedOverBy?: string;
}

export interface GroupMember {
  readonly role: GroupRole;
  /** The event that let the member in; so the member with the least one is the oldest. */
  readonly joinEvent: number;
  /** The group's last seq by then. */
  readonly joinSeq: number;
  /** The member's marks, where the group is small enough to be told of them; never back, while it is in. */
  readonly deliveredSeq: number;
  readonly readSeq: number;
  /** Number of the last time that they moved; 0: never. */
  readonly receipt: number;
  /** Members whom this one has blocked, who are not told. */
  readonly hiddenFrom: readonly string[];
  /** In a large group: the seqs of the member's messages, less those that its mailbox was found to know of. */
  readonly own?: OwnRuns;
}

/** A user whose mailbox may not know of its last coming or going. */
export interface OwedEnrolment {
  readonly kind: 'joined' | 'left';
  readonly event: number;
}

/** One edit or deletion. Those of a message that come later have overtaken it. */
export interface GroupChange {
  readonly op: number;
  /** Of the message. */
  readonly seq: number;
}

/** The durable state of one group in memory. Changed only by `applyGroupDraft`, by the cache and by confirmations. */
export interface GroupState {
  readonly groupId: string;
  version: RowVersion | undefined;
  /** undefined: there is no such group. */
  info: GroupInfo | undefined;
  readonly members: Map<string, GroupMember>;
  /** Members, the oldest first; undefined: nobody has asked for them yet. */
  roster: readonly string[] | undefined;
  /** Where the group became large, for good; undefined: it is not. */
  large: FanOutMark | undefined;
  /** In a large group: how far mailboxes know of their own messages, of those members that have some. */
  readonly ownKnown: Map<string, number>;
  /** As the row has it; a user's entry goes when the mailbox has confirmed it and a commit has cleared its cell. */
  readonly owed: Map<string, OwedEnrolment>;
  /** As the row has it: mailboxes know all up to here. undefined: nothing is owed, they know everything. */
  mark: FanOutMark | undefined;
  /** What mailboxes have confirmed since the row was loaded: the mark that the next commit may write. */
  confirmed: FanOutMark;
  /** The same of all mailboxes but for a few that cannot be told and are told one by one. */
  mostlyConfirmed: FanOutMark;
  /** Of `owed`: the event that the mailbox has confirmed. */
  readonly confirmedEnrolments: Map<string, number>;
  /** Contiguous and ascending, up to the last one; those at or below `runAbove` are in the store only. */
  messages: GroupMessage[];
  runAbove: number;
  /** Contiguous and ascending by `op`, up to the last one; those at or below `changesAbove` are in the store only. */
  changes: GroupChange[];
  changesAbove: number;
  /** Version number of the last commit that changed messages: older images of them are stale. */
  touchedVersion: number;
  dedup: DedupWindow;
  /** Memory taken, bytes, estimated. */
  bytes: number;
}

/** Every limit of a group. */
export interface GroupLimits {
  readonly membersMax: number;
  /** Users named in one call that makes a group, or changes who is in it. */
  readonly membersPerCallMax: number;
  /** A group that has more members than these is large from then on. */
  readonly fanOutMembersMax: number;
  /** Messages, their changes, and members come or gone, that mailboxes have not confirmed: so many of each. */
  readonly pendingMax: number;
  /** How far back a messageId may lie, ms. */
  readonly dedupWindowMs: number;
  /** Members of a group in which they are told of each other's marks. */
  readonly receiptMembersMax: number;
}

export const groupDedupMax = 4_096;
/** Changes of messages that stay in memory. */
const changesInMemory = 1_024;
/** Of a group with nothing in it. */
export const groupOverheadBytes = 1_500;
export const memberBytes = 250;
const messageOverheadBytes = 200;

export function groupMessageBytes({ messageId, text, mediaRef }: GroupMessage): number {
  return messageOverheadBytes + messageId.length + text.length + (mediaRef?.ref.length ?? 0);
}

export function emptyGroup(groupId: string): GroupState {
  return {
    groupId,
    version: undefined,
    info: undefined,
    members: new Map(),
    roster: undefined,
    large: undefined,
    ownKnown: new Map(),
    owed: new Map(),
    mark: undefined,
    confirmed: nothingTold,
    mostlyConfirmed: nothingTold,
    confirmedEnrolments: new Map(),
    messages: [],
    runAbove: 0,
    changes: [],
    changesAbove: 0,
    touchedVersion: 0,
    dedup: newDedupWindow(),
    bytes: groupOverheadBytes,
  };
}

/** What the mailboxes of all members have to know: everything, or that the group has become large. */
export function fanOutEnd(info: GroupInfo, large: FanOutMark | undefined): FanOutMark {
  return large ?? markOfGroup(info);
}

/** Those whose mailboxes know all up to `through` know that the group is large: they ask, and are told only what they are owed. */
export function isToldLarge({ large }: GroupState, through: FanOutMark): boolean {
  return large !== undefined && reachesMark(through, large);
}

/** So it is with all members. */
export function isReadByMembers(state: GroupState): boolean {
  return isToldLarge(state, state.confirmed);
}

/** Forgets messages at or below `seq` but never the last one; they stay in the store. */
export function forgetGroupMessages(state: GroupState, seq: number): boolean {
  const last = state.messages.at(-1);
  const upTo = Math.min(seq, (last?.seq ?? 0) - 1);
  const cut = state.messages.findIndex((message) => message.seq > upTo);
  if (cut <= 0) return false;
  for (const message of state.messages.splice(0, cut)) state.bytes -= groupMessageBytes(message);
  state.runAbove = Math.max(state.runAbove, upTo);
  return true;
}

/** Puts the changed message in the place of the one before, where that is in memory. */
export function replaceGroupMessage(state: GroupState, message: GroupMessage): void {
  const index = message.seq - state.runAbove - 1;
  const former = state.messages[index];
  if (former === undefined) return;
  state.messages[index] = message;
  state.bytes += groupMessageBytes(message) - groupMessageBytes(former);
}

/** Adds what is durable by now; beyond a limit the older half is forgotten, and stays in the store. */
export function addChanges(state: GroupState, changes: readonly GroupChange[]): void {
  state.changes.push(...changes);
  if (state.changes.length <= changesInMemory) return;
  const gone = state.changes.splice(0, state.changes.length - changesInMemory / 2);
  state.changesAbove = gone.at(-1)?.op ?? state.changesAbove;
}
