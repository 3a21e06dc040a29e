import { dedupCell, type DedupEntry } from '../conversation/dedup-window.ts';
import type { GroupMessage } from '../conversation/group-message.ts';
import { ownAbove, withOwn } from '../conversation/own-runs.ts';
import type { GroupRole } from '../protocol/calls.ts';
import type { Cell } from '../row/cell.ts';
import {
  changeCell,
  groupMessageCell,
  infoCell,
  largeCell,
  markCell,
  memberCell,
  owedCell,
} from './group-cells.ts';
import { furthestMark, reachesMark, type FanOutMark } from './fan-out-mark.ts';
import {
  fanOutEnd,
  groupMessageBytes,
  type GroupChange,
  type GroupInfo,
  type GroupMember,
  type GroupState,
  type OwedEnrolment,
} from './group-state.ts';

/** The mark in the row lags behind what is confirmed by at most so many messages, changes or receipts: what a new owner tells again. */
const markLagMax = 64;
/** Numbers that say which messages of a large group are a member's own: beyond these its mailbox is told of them. */
const ownToldAt = 64;

/** One commit in preparation: what the inputs of a batch change, on top of a state that stays as it is. */
export class GroupDraft {
  readonly state: GroupState;
  /** Time of this commit, epoch ms, never before an earlier commit of the row. */
  readonly nowMs: number;
  readonly added: GroupMessage[] = [];
  /** Messages that were there before, as this commit changes them, by seq. */
  readonly changed = new Map<number, GroupMessage>();
  readonly changes: GroupChange[] = [];
  readonly dedup = new Map<string, DedupEntry>();
  /** undefined: that user is out. */
  readonly members = new Map<string, GroupMember | undefined>();
  readonly owed = new Map<string, OwedEnrolment>();
  info: GroupInfo | undefined;
  large: FanOutMark | undefined;
  /** Somebody came, or went, or has another role. */
  isRosterChanged = false;
  /** Commits the row though nothing in it changes. */
  isClaim = false;
  /** Clears the mark where everything is confirmed. */
  isSettling = false;
  /** As it was when the draft began: what comes in meanwhile is for the next commit. */
  readonly confirmed: FanOutMark;
  readonly mostlyConfirmed: FanOutMark;
  readonly confirmedEnrolments: ReadonlyMap<string, number>;
  #bytes = 0;

  constructor(state: GroupState, wallMs: number) {
    this.state = state;
    this.nowMs = Math.max(wallMs, state.info?.updatedAt ?? 0);
    this.info = state.info;
    this.large = state.large;
    this.confirmed = state.confirmed;
    this.mostlyConfirmed = state.mostlyConfirmed;
    this.confirmedEnrolments = new Map(state.confirmedEnrolments);
  }

  get size(): { readonly bytes: number; readonly changes: number } {
    return { bytes: this.#bytes, changes: this.added.length + this.changes.length };
  }

  member(userId: string): GroupMember | undefined {
    return this.members.has(userId) ? this.members.get(userId) : this.state.members.get(userId);
  }

  *memberIds(): Generator<string> {
    for (const userId of this.state.members.keys()) if (this.member(userId) !== undefined) yield userId;
    for (const [userId, member] of this.members) {
      if (member !== undefined && !this.state.members.has(userId)) yield userId;
    }
  }

  get memberCount(): number {
    let count = this.state.members.size;
    for (const [userId, member] of this.members) {
      count += Number(member !== undefined) - Number(this.state.members.has(userId));
    }
    return count;
  }

  /** One more event. @returns its number */
  event(info: GroupInfo): number {
    const event = info.event + 1;
    this.info = { ...info, event, updatedAt: this.nowMs };
    return event;
  }

  join(userId: string, role: GroupRole): void {
    const { info } = this;
    if (info === undefined) return;
    const joinEvent = this.event(info);
    const unmarked = { deliveredSeq: 0, readSeq: 0, receipt: 0, hiddenFrom: [] };
    this.isRosterChanged = true;
    this.members.set(userId, { role, joinEvent, joinSeq: info.lastSeq, ...unmarked });
    this.owed.set(userId, { kind: 'joined', event: joinEvent });
    this.#bytes += 100;
  }

  /** The marks of a member have moved. */
  mark(userId: string, member: GroupMember): void {
    if (this.info === undefined) return;
    const receipt = this.info.receipt + 1;
    this.members.set(userId, { ...member, receipt });
    this.info = { ...this.info, receipt, updatedAt: this.nowMs };
    this.#bytes += 100;
  }

  leave(userId: string): void {
    if (this.info === undefined) return;
    this.isRosterChanged = true;
    this.members.set(userId, undefined);
    this.owed.set(userId, { kind: 'left', event: this.event(this.info) });
    this.#bytes += 100;
  }

  /** From here on mailboxes are told no more of messages, for good. */
  becomeLarge(): void {
    if (this.info === undefined || this.large !== undefined) return;
    const { lastSeq, op, receipt } = this.info;
    this.large = { seq: lastSeq, event: this.event(this.info), op, receipt };
  }

  /**
   * In a large group: a message of this member's has this seq. Its mailbox is told of its own messages when it asks, or
   * when there are many to be remembered here.
   */
  noteOwn(userId: string, seq: number): void {
    const member = this.member(userId);
    if (this.large === undefined || member === undefined) return;
    const known = this.state.ownKnown.get(userId) ?? 0;
    const own = withOwn(ownAbove(member.own ?? [], known), seq);
    this.members.set(userId, { ...member, own });
    this.#bytes += 60 + 5 * own.length;
    if (own.length <= ownToldAt || this.owed.has(userId) || this.state.owed.has(userId)) return;
    this.owed.set(userId, { kind: 'joined', event: member.joinEvent });
  }

  add(message: GroupMessage, fingerprint: number): void {
    const { seq, timestamp, messageId } = message;
    this.added.push(message);
    this.dedup.set(messageId, { seq, timestamp, fingerprint });
    if (this.info !== undefined) this.info = { ...this.info, lastSeq: seq, updatedAt: this.nowMs };
    this.#bytes += groupMessageBytes(message);
  }

  /** What all mailboxes know, but for a few that cannot be told: these must not hold up the others. */
  get known(): FanOutMark {
    return furthestMark(this.confirmed, this.mostlyConfirmed);
  }

  /** A message that is there, as it has become by `message.op`; it keeps its place. */
  change(message: GroupMessage & { readonly op: number }): void {
    const { seq, op } = message;
    const index = this.added.findIndex((other) => other.seq === seq);
    if (index >= 0) this.added[index] = message;
    else this.changed.set(seq, message);
    this.changes.push({ op, seq });
    if (this.info !== undefined) this.info = { ...this.info, op, updatedAt: this.nowMs };
    this.#bytes += groupMessageBytes(message);
  }

  /** Users whose owed cell this commit clears. */
  *clearedEnrolments(): Generator<string> {
    for (const [userId, event] of this.confirmedEnrolments) {
      if (!this.owed.has(userId) && this.state.owed.get(userId)?.event === event) yield userId;
    }
  }

  /** The mark that the row has after this commit. */
  get nextMark(): FanOutMark | undefined {
    const { state, confirmed, info, isSettling } = this;
    if (info === undefined) return undefined;
    const isBehind = !reachesMark(confirmed, fanOutEnd(info, this.large));
    if (state.mark === undefined) return isBehind ? confirmed : undefined;
    if (isSettling && !isBehind) return undefined;
    const { seq, op, receipt } = state.mark;
    const lag = Math.max(confirmed.seq - seq, confirmed.op - op, confirmed.receipt - receipt);
    return lag >= markLagMax || isSettling ? confirmed : state.mark;
  }

  /** All cells of the commit; none where the inputs changed nothing. */
  cells(): Cell[] {
    const cells: Cell[] = [];
    const { info, state } = this;
    if (info === undefined) return cells;
    if (info !== state.info || this.isClaim) cells.push(infoCell(info));
    if (this.large !== undefined && this.large !== state.large) cells.push(largeCell(this.large));
    for (const [userId, member] of this.members) cells.push(memberCell(userId, member));
    for (const message of this.added) cells.push(groupMessageCell(message));
    for (const message of this.changed.values()) cells.push(groupMessageCell(message));
    for (const change of this.changes) cells.push(changeCell(change));
    for (const [messageId, entry] of this.dedup) cells.push(dedupCell(messageId, entry));
    for (const [userId, owed] of this.owed) cells.push(owedCell(userId, owed));
    // What is owed is worked off beside: that alone is worth a commit only where it is asked for.
    if (cells.length === 0 && !this.isSettling) return cells;
    for (const userId of this.clearedEnrolments()) cells.push(owedCell(userId, undefined));
    const mark = this.nextMark;
    if (mark !== state.mark) cells.push(markCell(mark));
    return cells;
  }
}
