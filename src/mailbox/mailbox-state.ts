import { newDedupWindow, type DedupWindow } from '../conversation/dedup-window.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
import type { Marks } from './envelope.ts';
import { emptyTail, type FeedTail, type RangeEntry } from './feed-tail.ts';
import { groupEntryBytes, type GroupEntry } from './group-entry.ts';
import type { RowVersion } from '../row/row-version.ts';
import type { Ahead } from '../protocol/cursor.ts';
import type { Conversation, MediaRef } from '../protocol/message.ts';
import { deviceBytes, type Device } from './devices.ts';
import { personBytes, type Person } from './people.ts';
import { owedBy, type Standing } from './standing.ts';

/** A message as this mailbox keeps it. `own`: sent by the mailbox's user. */
export interface StoredMessage {
  readonly seq: number;
  readonly messageId: string;
  readonly own: boolean;
  readonly text: string;
  readonly timestamp: number;
  /** Messages received in this conversation up to and including this one: what `unread` is derived from (G9). */
  readonly receivedCount: number;
  readonly mediaRef?: MediaRef;
  readonly replyTo?: number;
  readonly editedAt?: number;
  /** Text and mediaRef are gone. */
  readonly deletedAt?: number;
}

/** A conversation's entry in the index: what its `h` cell holds. */
export interface ConversationHead {
  /** 4-byte number of the conversation within this row, so that message keys stay short. */
  readonly local: number;
  readonly peer: string;
  name: string;
  lastSeq: number;
  lastTimestamp: number;
  updatedAt: number;
  snippet: string;
  lastOwn: boolean;
  /** Messages from the peer so far. */
  receivedCount: number;
  readSeq: number;
  /** `receivedCount` at `readSeq`; unread = receivedCount - readCount. */
  readCount: number;
  /** Greatest seq of own messages copied here; copies are applied in order, so all below are here too. */
  ownSeq: number;
  /** Greatest seq received from the peer. */
  peerSeq: number;
  /** Own delivered mark; never below `readSeq`. */
  deliveredSeq: number;
  /** The peer's marks, as far as it has told. */
  peerDeliveredSeq: number;
  peerReadSeq: number;
  /** Last change of an own message that was copied here; changes are applied in the order of their numbers. */
  ownOp: number;
  /** Last change of a message of the peer's; the number is given here. */
  peerOp: number;
  /** This user has blocked the peer. */
  isBlocked: boolean;
}

/**
 * What is owed to the peer: copies of its own messages, their changes, and this user's marks. `open` says that the row has an
 * outbox cell; `confirmed` is how far the peer has it all, as far as that was heard of, `pending` the seqs above
 * that which were committed since the row was loaded.
 */
export interface Outbox {
  open: boolean;
  confirmed: Standing;
  pending: number[];
  /** Changed messages of the peer's, by seq, with the number of the last change above what is confirmed. */
  readonly operations: Map<number, number>;
}

export interface ConversationState {
  readonly conversationId: string;
  head: ConversationHead;
  readonly outbox: Outbox;
  /** Ascending by seq; every message with `seq > runAbove` is in it. */
  messages: StoredMessage[];
  /** 0: the whole conversation is in memory. */
  runAbove: number;
  /** Version number of the last commit that wrote messages here: older images of them are stale. */
  touchedVersion: number;
  /** Memory taken by `messages`, bytes. */
  messageBytes: number;
}

export interface Profile {
  readonly name: string;
  readonly createdAt: number;
  readonly passwordHash: string;
  readonly tokensValidFrom: number;
  /** When a device was logged out last: see token-admission.ts. */
  readonly knownTokensBefore?: number;
}

export type LogEntry =
  /** Also of a group, but for its messages as they come. */
  | {
      readonly kind: 'message' | 'edited' | 'deleted';
      readonly conversationId: string;
      readonly seq: number;
    }
  | RangeEntry
  /** As it was by then, but for the snippet, which is not stored. */
  | { readonly kind: 'conversation'; readonly conversation: Conversation; readonly left?: true }
  | {
      readonly kind: 'read';
      readonly conversationId: string;
      readonly readSeq: number;
      readonly unread: number;
    }
  | { readonly kind: 'contact'; readonly userId: string; readonly removed?: true }
  /** The peer of a dm has another name; shown as the conversation is when the change is read. */
  | { readonly kind: 'renamed'; readonly conversationId: string }
  | {
      readonly kind: 'receipt';
      readonly conversationId: string;
      /** The member of a group; missing: the peer. */
      readonly userId?: string;
      readonly deliveredSeq: number;
      readonly readSeq: number;
    };

/** The changes of one commit; the position of entry i is (version, i). */
export interface LogCommit {
  readonly version: number;
  readonly entries: readonly LogEntry[];
}

/** What a commit has changed, with those messages of groups that came along and need not be read. */
export interface CommittedChanges extends LogCommit {
  /** So many of the first entries were pushed before. */
  readonly pushed: number;
  /** Nothing was written: these changes stand behind the commit of this version, and behind what is `ahead` of it. */
  readonly ahead?: Ahead;
  readonly fresh: ReadonlyMap<string, ReadonlyMap<number, GroupMessage>>;
  /** It has written people, devices or the profile, with changes of the feed or without. */
  readonly hasUnlisted: boolean;
}

/** The durable state of one mailbox in memory. Changed only by `applyDraft` and the cache. */
export interface MailboxState {
  readonly userId: string;
  version: RowVersion | undefined;
  profile: Profile | undefined;
  readonly conversations: Map<string, ConversationState>;
  /** Contacts and blocked users, by id. */
  readonly people: Map<string, Person>;
  readonly devices: Map<string, Device>;
  readonly byLocal: Map<number, ConversationState>;
  /** Groups, those that were left included. */
  readonly groups: Map<string, GroupEntry>;
  readonly groupIdByLocal: Map<number, string>;
  /** Those of the groups that are large and that the user is in. */
  readonly large: Set<string>;
  /** What was pushed behind the last commit. */
  tail: FeedTail;
  nextLocal: number;
  /** Greatest `updatedAt` in the row: the mailbox's own time never runs back. */
  clockMs: number;
  dedup: DedupWindow;
  /** The newest commits of the log, oldest first; every commit above `logKnownAbove` that has changes is in it. */
  log: LogCommit[];
  logKnownAbove: number;
  /** Conversations whose outbox cell is not empty. */
  readonly outboxOpen: Set<ConversationState>;
  /** Conversations whose own marks, or whose user's name, have changed: the peer is to be told soon. */
  readonly untold: Set<ConversationState>;
  /** Groups with an outbox cell, as they may lack marks of this user: what they have confirmed. */
  readonly owedMarks: Map<string, Marks>;
  /** Of those the ones that are to be told soon. */
  readonly untoldGroups: Set<string>;
  /** What is listed, most recent first; undefined: to be sorted anew. */
  recent: (ConversationState | GroupEntry)[] | undefined;
  /** Memory taken, bytes, estimated. */
  bytes: number;
}

/** Every limit of a mailbox. */
export interface MailboxLimits {
  /** Conversations in one mailbox; copies that were under way when it filled up may come on top. */
  readonly conversationsMax: number;
  /** Large groups that the user may be in: each of them is asked whenever the mailbox is read. */
  readonly largeGroupsMax: number;
  /** Received messages of one conversation whose copies are not confirmed. */
  readonly outboxPendingMax: number;
  /** How far back a messageId may lie, ms. */
  readonly dedupWindowMs: number;
}

export const dedupEntriesMax = 512;
export const logCommitsInMemory = 64;
export const logEntryBytes = 80;
/** Of a mailbox with nothing in it. */
export const mailboxOverheadBytes = 1_000;
const messageOverheadBytes = 200;
const conversationOverheadBytes = 600;

export function messageBytes(message: StoredMessage): number {
  return (
    messageOverheadBytes +
    message.messageId.length +
    message.text.length +
    (message.mediaRef?.ref.length ?? 0)
  );
}

export function unreadOf(head: ConversationHead): number {
  return head.receivedCount - head.readCount;
}

export function emptyMailbox(userId: string): MailboxState {
  return {
    userId,
    version: undefined,
    profile: undefined,
    conversations: new Map(),
    people: new Map(),
    devices: new Map(),
    byLocal: new Map(),
    groups: new Map(),
    groupIdByLocal: new Map(),
    large: new Set(),
    tail: emptyTail,
    nextLocal: 1,
    clockMs: 0,
    dedup: newDedupWindow(),
    log: [],
    logKnownAbove: 0,
    outboxOpen: new Set(),
    untold: new Set(),
    owedMarks: new Map(),
    untoldGroups: new Set(),
    recent: undefined,
    bytes: mailboxOverheadBytes,
  };
}

/** Adds a conversation that was loaded or just committed. */
export function addConversation(
  state: MailboxState,
  conversationId: string,
  head: ConversationHead,
): ConversationState {
  const conversation: ConversationState = {
    conversationId,
    head,
    outbox: { open: false, confirmed: owedBy(head), pending: [], operations: new Map() },
    messages: [],
    runAbove: head.lastSeq,
    // An image of messages that is older than the index just loaded may lack some of them.
    touchedVersion: state.version?.number ?? 0,
    messageBytes: 0,
  };
  state.conversations.set(conversationId, conversation);
  state.byLocal.set(head.local, conversation);
  state.nextLocal = Math.max(state.nextLocal, head.local + 1);
  state.clockMs = Math.max(state.clockMs, head.updatedAt);
  state.recent = undefined;
  state.bytes += conversationOverheadBytes;
  return conversation;
}

/** Puts in a group's entry that was loaded or just committed. */
export function putGroup(state: MailboxState, entry: GroupEntry): void {
  const { conversationId, local, updatedAt } = entry;
  if (!state.groups.has(conversationId)) state.bytes += groupEntryBytes;
  state.groups.set(conversationId, entry);
  if (entry.isLarge && entry.isIn) state.large.add(conversationId);
  else state.large.delete(conversationId);
  state.groupIdByLocal.set(local, conversationId);
  state.nextLocal = Math.max(state.nextLocal, local + 1);
  state.clockMs = Math.max(state.clockMs, updatedAt);
  state.recent = undefined;
}

/** The conversation with this number within the row. */
export function idOfLocal(state: MailboxState, local: number): string {
  return state.byLocal.get(local)?.conversationId ?? state.groupIdByLocal.get(local) ?? '';
}

/** Puts in a person that was loaded or just committed. */
export function putPerson(state: MailboxState, person: Person): void {
  const isKept = person.isContact || person.isBlocked;
  if (state.people.delete(person.userId)) state.bytes -= personBytes;
  if (!isKept) return;
  state.people.set(person.userId, person);
  state.bytes += personBytes;
}

/** Puts in a device that was loaded or just committed; undefined: it is forgotten. */
export function putDevice(state: MailboxState, deviceId: string, device: Device | undefined): void {
  if (state.devices.delete(deviceId)) state.bytes -= deviceBytes;
  if (device === undefined) return;
  state.devices.set(deviceId, device);
  state.bytes += deviceBytes;
}

/** Index of the first message with a seq above `seq`. */
export function indexAbove(messages: readonly StoredMessage[], seq: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((messages[middle]?.seq ?? 0) > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function messageAt(conversation: ConversationState, seq: number): StoredMessage | undefined {
  const message = conversation.messages[indexAbove(conversation.messages, seq) - 1];
  return message?.seq === seq ? message : undefined;
}

/** Puts messages (ascending, all above `runAbove`) into the run, keeping it sorted and its bytes counted. */
export function insertMessages(
  state: MailboxState,
  conversation: ConversationState,
  added: readonly StoredMessage[],
): void {
  let bytes = 0;
  for (const message of added) {
    const { messages } = conversation;
    const last = messages.at(-1);
    if (last === undefined || message.seq > last.seq) messages.push(message);
    else messages.splice(indexAbove(messages, message.seq), 0, message);
    bytes += messageBytes(message);
  }
  conversation.messageBytes += bytes;
  state.bytes += bytes;
}

/** Puts the changed message in the place of the one before, where that is in memory. */
export function replaceMessage(
  state: MailboxState,
  conversation: ConversationState,
  message: StoredMessage,
): void {
  const index = indexAbove(conversation.messages, message.seq) - 1;
  const former = conversation.messages[index];
  if (former?.seq !== message.seq) return;
  conversation.messages[index] = message;
  const bytes = messageBytes(message) - messageBytes(former);
  conversation.messageBytes += bytes;
  state.bytes += bytes;
}

/** Forgets the messages of a conversation that are at or below `seq`; they stay in the store. */
export function forgetMessages(state: MailboxState, conversation: ConversationState, seq: number): void {
  const cut = indexAbove(conversation.messages, seq);
  conversation.runAbove = Math.max(conversation.runAbove, seq);
  if (cut === 0) return;
  const gone = conversation.messages.splice(0, cut);
  const bytes = gone.reduce((sum, message) => sum + messageBytes(message), 0);
  conversation.messageBytes -= bytes;
  state.bytes -= bytes;
}
