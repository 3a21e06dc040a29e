import type { MarkResult, SendMessageResult } from '../../src/protocol/calls.ts';
import type { Change, Conversation, Message } from '../../src/protocol/message.ts';
import { MessageChanges, type AttemptedChange } from './message-changes.ts';

/** One message that somebody tried to send to a group, over all of its tries. */
export interface GroupAttempt {
  readonly messageId: string;
  readonly from: string;
  readonly text: string;
  /** The greatest seq that its author had seen, or had acknowledged, when it was first tried. */
  readonly above: number;
  acked: boolean;
  firsts: number;
}

interface Fact {
  readonly seq: number;
  readonly timestamp: number;
}

/** All members see the same row. */
const everybody = 'everybody';

function check(isRight: boolean, what: string): asserts isRight {
  if (!isRight) throw new Error(what);
}

/** What came of one member at the end of a run, as the store has it. */
export interface MemberView {
  readonly userId: string;
  readonly joinSeq: number;
  /** undefined: not in the list. */
  readonly entry: Conversation | undefined;
  /** Messages of the group in the member's feed, in its order. */
  readonly fed: readonly Message[];
  /** The feed names every message since the member joined: that was at the beginning, and for good. */
  readonly isWhole: boolean;
}

/** How far a member has got and read, as another one was told. */
type Receipt = Omit<Extract<Change, { kind: 'receipt' }>, 'kind' | 'cursor' | 'conversationId'>;

/** What clients did to one group and saw of it, and an independent idea of what may come of that. */
export class GroupHistory {
  readonly groupId: string;
  readonly attempts = new Map<string, GroupAttempt>();
  readonly #changes = new MessageChanges();
  readonly #facts = new Map<string, Fact>();
  readonly #idAt = new Map<number, string>();
  /** By user: the greatest seq seen or acknowledged. */
  readonly #seen = new Map<string, number>();
  readonly #marks = new Map<string, number>();
  /** By who was told, and of whom: the receipt that was told last. */
  readonly #receipts = new Map<string, Receipt>();

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  attempt(messageId: string, from: string, text: string): GroupAttempt {
    const attempt = { messageId, from, text, above: this.seenBy(from), acked: false, firsts: 0 };
    this.attempts.set(messageId, attempt);
    return attempt;
  }

  seenBy(userId: string): number {
    return this.#seen.get(userId) ?? 0;
  }

  acknowledged(attempt: GroupAttempt, result: SendMessageResult): void {
    const { messageId, from, above } = attempt;
    this.#observe(messageId, result);
    check(result.seq > above, `G3: ${messageId} got ${result.seq}, its author had seen ${above}`);
    if (!result.duplicate) attempt.firsts++;
    check(attempt.firsts <= 1, `G2: ${messageId} was new twice`);
    attempt.acked = true;
    this.#noteSeen(from, result.seq);
  }

  saw(userId: string, message: Message): void {
    const { messageId, seq, text, from } = message;
    const attempt = this.attempts.get(messageId);
    const isChanged = message.editedAt !== undefined || message.deletedAt !== undefined;
    const isKnown = attempt?.from === from && (isChanged || attempt.text === text);
    check(isKnown, `${messageId} comes from nowhere`);
    this.#changes.saw(everybody, message);
    this.#observe(messageId, message);
    this.#noteSeen(userId, seq);
  }

  /** Messages of this author that were acknowledged. */
  ownOf(userId: string): readonly number[] {
    const own = [...this.attempts.values()].filter(({ from, acked }) => acked && from === userId);
    return own.flatMap(({ messageId }) => this.#facts.get(messageId)?.seq ?? []);
  }

  attemptChange(change: Omit<AttemptedChange, 'at' | 'conversationId'>): AttemptedChange {
    return this.#changes.attempt({ ...change, conversationId: this.groupId });
  }

  changed(attempt: AttemptedChange, at: number): void {
    this.#changes.acknowledged(attempt, everybody, at);
  }

  mayBeDeleted(seq: number): boolean {
    return this.#changes.mayBeDeleted(this.groupId, seq);
  }

  /** What every page that is asked for from now on has to show of changes: they are in one row. */
  knownChanges(): ReadonlyMap<string, number> {
    return this.#changes.known(everybody);
  }

  /** A page, and what was known before it was asked for: the greatest seq that its reader had seen, and changes. */
  sawPage(
    userId: string,
    messages: readonly Message[],
    before: { readonly seen: number; readonly changes: ReadonlyMap<string, number> },
    isNewest: boolean,
  ): void {
    messages.forEach((message, index) => {
      const previous = messages[index - 1];
      check(previous === undefined || message.seq === previous.seq - 1, 'G3: a page with a gap');
      this.saw(userId, message);
      this.#changes.checkRead(everybody, message, before.changes);
    });
    const newest = messages[0]?.seq ?? 0;
    check(!isNewest || newest >= before.seen, `G7: ${userId} read up to ${newest} of ${before.seen}`);
  }

  markOf(userId: string): number {
    return this.#marks.get(userId) ?? 0;
  }

  /** @param before what the user had seen, and where the mark was, before the call */
  marked(
    userId: string,
    wanted: number,
    before: { readonly seen: number; readonly mark: number },
    result: MarkResult,
  ): void {
    check(result.seq >= Math.min(wanted, before.seen), `G9: marked ${wanted}, got ${result.seq}`);
    check(result.seq >= before.mark, `G9: a mark went back from ${before.mark} to ${result.seq}`);
    check(result.unread >= 0, `G9: unread ${result.unread}`);
    this.#marks.set(userId, Math.max(this.markOf(userId), result.seq));
  }

  /** @param label which device; what it is told never goes back */
  toldReceipt(label: string, receipt: Receipt): void {
    const key = `${label}/${receipt.userId}`;
    const { deliveredSeq = 0, readSeq = 0 } = this.#receipts.get(key) ?? {};
    const isBack = receipt.deliveredSeq < deliveredSeq || receipt.readSeq < readSeq;
    check(!isBack, `a receipt of ${receipt.userId} goes back at ${label}`);
    check(receipt.readSeq <= receipt.deliveredSeq, `${receipt.userId} reads what it has not got`);
    this.#receipts.set(key, receipt);
  }

  /** Who comes or goes, and all that it was told or is told of, begins anew. */
  forgetReceipts(userId: string): void {
    for (const key of this.#receipts.keys()) {
      if (key.startsWith(`${userId}/`) || key.endsWith(`/${userId}`)) this.#receipts.delete(key);
    }
  }

  /** At the end, of two who were always in. */
  checkReceipt(label: string, userId: string, marks: { deliveredSeq: number; readSeq: number }): void {
    const { deliveredSeq = 0, readSeq = 0 } = this.#receipts.get(`${label}/${userId}`) ?? {};
    const isSame = deliveredSeq === marks.deliveredSeq && readSeq === marks.readSeq;
    check(isSame, `${label} knows of ${userId} ${deliveredSeq}, ${readSeq}, not ${JSON.stringify(marks)}`);
  }

  /** Who comes in again begins anew. */
  rejoined(userId: string): void {
    this.#marks.delete(userId);
  }

  /** After everything has come to rest. `messages`: all that the group has, oldest first. */
  audit(messages: readonly Message[], members: readonly MemberView[]): void {
    messages.forEach((message, index) => {
      check(message.seq === index + 1, `G3: message ${index + 1} of ${this.groupId} has seq ${message.seq}`);
      this.saw('', message);
    });
    const ids = messages.map(({ messageId }) => messageId);
    check(new Set(ids).size === ids.length, 'G2: a message is there twice');
    for (const { messageId, acked } of this.attempts.values()) {
      check(!acked || ids.includes(messageId), `G1: ${messageId} was acknowledged and is not there`);
    }
    this.#changes.checkFinal(everybody, messages);
    for (const member of members) this.#auditMember(messages, member);
  }

  #auditMember(messages: readonly Message[], member: MemberView): void {
    const { userId, joinSeq, entry, fed, isWhole } = member;
    check(entry !== undefined, `${this.groupId} is not in the list of ${userId}`);
    const last = messages.at(-1);
    const { lastSeq, readSeq, unread } = entry;
    check(lastSeq === messages.length, `${userId} knows ${lastSeq} of ${messages.length} messages`);
    check(readSeq >= this.markOf(userId), `G9: ${userId} reads ${readSeq} again`);
    const mark = Math.max(readSeq, joinSeq);
    const counted = messages.filter(({ from, seq }) => from !== userId && seq > mark).length;
    check(unread === counted, `G9: ${userId} has ${unread} unread, but ${counted} are there`);
    const isShown = last === undefined || last.seq === joinSeq || entry.lastFrom === last.from;
    check(isShown, 'a foreign snippet');
    const text = last?.text ?? '';
    const isSnippet = last !== undefined && last.seq > joinSeq && text.length <= 100;
    check(!isSnippet || entry.snippet === text, `${userId} lists ${entry.snippet} for ${text}`);
    fed.forEach((message, index) => {
      this.checkCopy(userId, message, messages);
      check(message.seq > (fed[index - 1]?.seq ?? 0), `G8: ${message.seq} comes again to ${userId}`);
    });
    const due = messages.filter(({ seq }) => seq > joinSeq).map(({ seq }) => seq);
    const told = fed.map(({ seq }) => seq).filter((seq) => seq > joinSeq);
    const isTold = JSON.stringify(due) === JSON.stringify(told);
    check(!isWhole || isTold, `G8: the feed of ${userId} has ${told.join()} of ${due.join()}`);
  }

  /** What a member has of a message at the end is what its group has. */
  checkCopy(userId: string, message: Message, messages: readonly Message[]): void {
    const stored = JSON.stringify(messages[message.seq - 1]);
    check(JSON.stringify(message) === stored, `${userId} has ${JSON.stringify(message)} of ${stored}`);
  }

  #observe(messageId: string, { seq, timestamp }: Fact): void {
    const known = this.#facts.get(messageId);
    if (known === undefined) this.#facts.set(messageId, { seq, timestamp });
    else {
      const isSame = known.seq === seq && known.timestamp === timestamp;
      check(isSame, `G2: ${messageId} is at ${known.seq} and at ${seq}`);
    }
    const other = this.#idAt.get(seq);
    check(other === undefined || other === messageId, `G3: ${seq} is ${String(other)} and ${messageId}`);
    this.#idAt.set(seq, messageId);
  }

  #noteSeen(userId: string, seq: number): void {
    this.#seen.set(userId, Math.max(this.seenBy(userId), seq));
  }
}
