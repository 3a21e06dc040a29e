import { snippetOf } from '../conversation/snippet.ts';
import { dedupCell, type DedupEntry } from '../conversation/dedup-window.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
import type { Cell } from '../row/cell.ts';
import { aheadGroupsMax } from '../protocol/cursor.ts';
import type { Marks } from './envelope.ts';
import { tailRangesMax, type RangeEntry } from './feed-tail.ts';
import type { GroupEntry } from './group-entry.ts';
import { confirmedMarks, owesMarks } from './group-marks.ts';
import { logCell } from './log-cells.ts';
import {
  conversationCell,
  groupEntryCell,
  marksOutboxCell,
  messageCell,
  outboxCell,
  profileCell,
  type StoredOutbox,
} from './mailbox-cells.ts';
import { messageBytes } from './mailbox-state.ts';
import type {
  ConversationHead,
  ConversationState,
  LogEntry,
  MailboxState,
  Profile,
  StoredMessage,
} from './mailbox-state.ts';
import { deviceCell, noDeviceCell, type Device } from './devices.ts';
import { personCell, type Person } from './people.ts';
import { nothing, owedBy, reaches, type Standing } from './standing.ts';

/** A conversation as the commit in preparation will leave it. */
export interface ConversationDraft {
  readonly conversationId: string;
  /** The durable one; undefined where this commit creates it. */
  readonly base: ConversationState | undefined;
  readonly head: ConversationHead;
  /** Messages this commit adds, in the order they were added. */
  readonly added: StoredMessage[];
  /** Messages that were there before, as this commit changes them, by seq. */
  readonly changed: Map<number, StoredMessage>;
  /** Messages of the peer's that this commit changes, by seq, with the number of the last change. */
  readonly operations: Map<number, number>;
  confirmed: Standing;
  headChanged: boolean;
  /** Clears the outbox cell, unless something is owed. */
  isClearing: boolean;
}

/** What a commit does to a conversation's outbox cell: whatever is owed when it lands has one. */
export function outboxFate({
  base,
  head,
  confirmed,
  headChanged,
  isClearing,
  operations,
}: ConversationDraft): OutboxFate {
  if (!headChanged && !isClearing) return 'unchanged';
  // These are nowhere else but in the cell.
  if (operations.size > 0) return 'open';
  const isOpen = base?.outbox.open ?? false;
  if (!reaches(confirmed, owedBy(head))) return isOpen ? 'unchanged' : 'open';
  return isOpen && isClearing ? 'clear' : 'unchanged';
}

type OutboxFate = 'unchanged' | 'open' | 'clear';

function openOutbox({ base, confirmed, operations }: ConversationDraft): StoredOutbox {
  const owed = [...(base?.outbox.operations ?? []), ...operations].filter(([, op]) => op > confirmed.op);
  return { confirmed, operations: new Map(owed) };
}

/** One commit in preparation: what the inputs of a batch change, on top of a state that stays as it is. */
export class MailboxDraft {
  readonly state: MailboxState;
  /** Time of this commit, epoch ms, never before an earlier commit of the row. */
  readonly nowMs: number;
  readonly conversations = new Map<string, ConversationDraft>();
  /** Entries of groups that this commit writes. */
  readonly groups = new Map<string, GroupEntry>();
  /** Messages of groups that came with this commit: they are pushed without being read again. */
  readonly fresh = new Map<string, Map<number, GroupMessage>>();
  /** Groups whose outbox cell goes, unless marks are owed to them. */
  readonly clearedMarks = new Set<string>();
  /** Outbox cells of groups that this commit writes: what the group has confirmed; undefined: nothing is owed. */
  readonly owedMarks = new Map<string, Marks | undefined>();
  /** Entries of groups that have moved on in what is pushed, which alone is worth no commit. */
  readonly passed: Map<string, GroupEntry>;
  /** So many of the first changes were pushed before. */
  readonly pushed: number;
  /** Writes what was only pushed. */
  isFlushing = false;
  readonly dedup = new Map<string, DedupEntry>();
  readonly log: LogEntry[];
  /** People as this commit leaves them, by id. */
  readonly people = new Map<string, Person>();
  profile: Profile | undefined;
  readonly #devices = new Map<string, Device | undefined>();
  #nextLocal: number;
  #bytes = 0;

  constructor(state: MailboxState, wallMs: number) {
    this.state = state;
    this.nowMs = Math.max(wallMs, state.clockMs);
    this.#nextLocal = state.nextLocal;
    this.passed = new Map(state.tail.groups);
    this.log = [...state.tail.ranges];
    this.pushed = this.log.length;
  }

  conversation(conversationId: string): ConversationDraft | undefined {
    const known = this.conversations.get(conversationId);
    if (known !== undefined) return known;
    const base = this.state.conversations.get(conversationId);
    if (base === undefined) return undefined;
    const draft: ConversationDraft = {
      conversationId,
      base,
      head: { ...base.head },
      added: [],
      changed: new Map(),
      operations: new Map(),
      confirmed: base.outbox.confirmed,
      headChanged: false,
      isClearing: false,
    };
    this.conversations.set(conversationId, draft);
    return draft;
  }

  group(conversationId: string): GroupEntry | undefined {
    const { groups, passed, state } = this;
    return groups.get(conversationId) ?? passed.get(conversationId) ?? state.groups.get(conversationId);
  }

  /** A group has moved on by messages that come along: they are pushed, and written when something else is. */
  pass(entry: GroupEntry, range: RangeEntry, messages: readonly GroupMessage[]): void {
    const { conversationId } = entry;
    if (this.groups.has(conversationId)) this.setGroup(entry);
    else this.passed.set(conversationId, entry);
    this.log.push(range);
    this.hasFresh(conversationId, messages);
    if (this.passed.size > aheadGroupsMax || this.log.length > tailRangesMax) this.isFlushing = true;
  }

  setGroup(entry: GroupEntry): void {
    this.groups.set(entry.conversationId, entry);
    this.#bytes += 200;
  }

  /** Messages of a group that came along, each as it was later than the one that came before. */
  hasFresh(groupId: string, messages: readonly GroupMessage[]): void {
    const fresh = this.fresh.get(groupId) ?? new Map<number, GroupMessage>();
    this.fresh.set(groupId, fresh);
    for (const message of messages) fresh.set(message.seq, message);
  }

  /** A number within the row, for a conversation that is new. */
  takeLocal(): number {
    return this.#nextLocal++;
  }

  openConversation(conversationId: string, peer: string, name: string): ConversationDraft {
    const draft: ConversationDraft = {
      conversationId,
      base: undefined,
      head: {
        local: this.takeLocal(),
        peer,
        name,
        lastSeq: 0,
        lastTimestamp: 0,
        updatedAt: this.nowMs,
        snippet: '',
        lastOwn: false,
        receivedCount: 0,
        readSeq: 0,
        readCount: 0,
        ownSeq: 0,
        peerSeq: 0,
        deliveredSeq: 0,
        peerDeliveredSeq: 0,
        peerReadSeq: 0,
        ownOp: 0,
        peerOp: 0,
        isBlocked: this.person(peer)?.isBlocked ?? false,
      },
      added: [],
      changed: new Map(),
      operations: new Map(),
      confirmed: nothing,
      headChanged: true,
      isClearing: false,
    };
    this.conversations.set(conversationId, draft);
    return draft;
  }

  person(userId: string): Person | undefined {
    return this.people.get(userId) ?? this.state.people.get(userId);
  }

  device(deviceId: string): Device | undefined {
    return this.#devices.has(deviceId) ? this.#devices.get(deviceId) : this.state.devices.get(deviceId);
  }

  /** As this commit leaves them. */
  devices(): readonly Device[] {
    const all = new Map<string, Device | undefined>([...this.state.devices, ...this.#devices]);
    return [...all.values()].filter((device) => device !== undefined);
  }

  /** Devices that this commit changes; undefined: it is forgotten. */
  get changedDevices(): ReadonlyMap<string, Device | undefined> {
    return this.#devices;
  }

  setDevice(deviceId: string, device: Device | undefined): void {
    this.#devices.set(deviceId, device);
  }

  get conversationCount(): number {
    const { conversations, groups, nextLocal } = this.state;
    return conversations.size + groups.size + (this.#nextLocal - nextLocal);
  }

  /** Does it write what the feed does not tell of? */
  get hasUnlisted(): boolean {
    return this.profile !== undefined || this.people.size > 0 || this.#devices.size > 0;
  }

  /** How large the commit has become: bytes (estimated) and changes of the feed. */
  get size(): { readonly bytes: number; readonly changes: number } {
    return { bytes: this.#bytes, changes: this.log.length };
  }

  add(conversation: ConversationDraft, message: StoredMessage): void {
    conversation.added.push(message);
    this.#bytes += messageBytes(message);
    const { conversationId } = conversation;
    this.log.push({ kind: 'message', conversationId, seq: message.seq });
    this.touch(conversation);
  }

  /** A message that is there, as it has become; it keeps its place and its count. */
  change(conversation: ConversationDraft, message: StoredMessage, kind: 'edited' | 'deleted'): void {
    const { conversationId, head, added, changed } = conversation;
    const index = added.findIndex(({ seq }) => seq === message.seq);
    if (index >= 0) added[index] = message;
    else changed.set(message.seq, message);
    this.#bytes += messageBytes(message);
    this.log.push({ kind, conversationId, seq: message.seq });
    if (message.seq === head.lastSeq) head.snippet = snippetOf(message.text, message.mediaRef);
    this.touch(conversation);
  }

  /** Its entry has changed, and clients see that. */
  touch(conversation: ConversationDraft): void {
    conversation.head.updatedAt = this.nowMs;
    this.keep(conversation);
  }

  /** The peer's name, as it came along. A blocked one changes nothing of what its blocker sees. */
  takeName(conversation: ConversationDraft, name: string): void {
    const { head } = conversation;
    if (head.name === name || head.isBlocked) return;
    head.name = name;
    this.touch(conversation);
    this.log.push({ kind: 'renamed', conversationId: conversation.conversationId });
  }

  /** Its entry has changed in what clients don't see. */
  keep(conversation: ConversationDraft): void {
    conversation.headChanged = true;
  }

  /** What is confirmed by a group may be more when this commit has landed: it is settled here, once. */
  #settleMarks(): void {
    const { state, owedMarks } = this;
    for (const [groupId, entry] of this.groups) {
      const confirmed = confirmedMarks(state, entry);
      const isOpen = state.owedMarks.get(groupId) === confirmed;
      if (!isOpen && owesMarks(entry, confirmed)) owedMarks.set(groupId, confirmed);
    }
    for (const groupId of this.clearedMarks) {
      const entry = this.group(groupId);
      const isOwed = entry !== undefined && owesMarks(entry, confirmedMarks(state, entry));
      if (!isOwed) owedMarks.set(groupId, undefined);
    }
  }

  /** All cells of the commit; none where the inputs changed nothing. */
  cells(version: number): Cell[] {
    const cells: Cell[] = [];
    if (this.profile !== undefined) cells.push(profileCell(this.profile));
    for (const person of this.people.values()) cells.push(personCell(person));
    for (const [deviceId, device] of this.#devices) {
      cells.push(device === undefined ? noDeviceCell(deviceId) : deviceCell(device));
    }
    for (const conversation of this.conversations.values()) {
      const { head, added, changed, headChanged } = conversation;
      for (const message of added) cells.push(messageCell(head.local, message));
      for (const message of changed.values()) cells.push(messageCell(head.local, message));
      if (headChanged) cells.push(conversationCell(head));
      const fate = outboxFate(conversation);
      if (fate !== 'unchanged') {
        cells.push(outboxCell(head.local, fate === 'open' ? openOutbox(conversation) : undefined));
      }
    }
    for (const entry of this.groups.values()) cells.push(groupEntryCell(entry));
    this.#settleMarks();
    for (const [groupId, confirmed] of this.owedMarks) {
      cells.push(marksOutboxCell(this.group(groupId)?.local ?? 0, confirmed));
    }
    for (const [messageId, entry] of this.dedup) cells.push(dedupCell(messageId, entry));
    if (cells.length === 0 && !this.isFlushing) return cells;
    for (const [id, entry] of this.passed) if (!this.groups.has(id)) cells.push(groupEntryCell(entry));
    if (this.log.length > 0) {
      const commit = { version, entries: this.log };
      cells.push(logCell(commit, (id) => this.conversation(id)?.head.local ?? this.group(id)?.local ?? 0));
    }
    return cells;
  }
}
