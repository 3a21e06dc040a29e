import type {
  GetConversationsResult,
  GetMessagesParams,
  GetMessagesResult,
  MarkParams,
  MarkResult,
  SendMessageParams,
  SendMessageResult,
} from '../../src/protocol/calls.ts';
import { peerInDm } from '../../src/protocol/conversation-id.ts';
import type { Message } from '../../src/protocol/message.ts';
import { MessageChanges } from './message-changes.ts';

/** One message that somebody tried to send, over all of its tries. */
export interface Attempted {
  readonly messageId: string;
  readonly conversationId: string;
  readonly from: string;
  readonly to: string;
  /** All contents that were tried under this id. */
  readonly texts: Set<string>;
  /** It has to come after this seq: the greatest its author had seen, or had acknowledged, when it was first tried. */
  readonly above: number;
  acked: boolean;
  firsts: number;
}

interface Fact {
  readonly seq: number;
  readonly timestamp: number;
  text: string | undefined;
}

/** What must be in one user's view of one conversation: seqs acknowledged or seen before. */
export type MustSee = ReadonlySet<number>;

function check(isRight: boolean, what: string): asserts isRight {
  if (!isRight) throw new Error(what);
}

/**
 * Everything that clients did and saw, and an independent idea of what may come of it: any two observations of
 * one message have to agree, nothing comes from nowhere, nothing that was acknowledged or seen goes away again.
 */
export class MailboxHistory {
  readonly attempts = new Map<string, Attempted>();
  readonly changes = new MessageChanges();
  /** `<who> <whom>`: was blocked at some time. */
  readonly blocks = new Set<string>();
  readonly #facts = new Map<string, Fact>();
  readonly #idAt = new Map<string, string>();
  /** By user and conversation: acknowledged to somebody (received), or seen there (own copies). */
  readonly #mustSee = new Map<string, Set<number>>();
  readonly #marks = new Map<string, number>();
  readonly #delivered = new Map<string, number>();

  attempt(from: string, to: string, params: SendMessageParams): Attempted {
    const { messageId, conversationId, text } = params;
    const known = this.attempts.get(messageId);
    if (known !== undefined) {
      known.texts.add(text);
      return known;
    }
    const own = [...this.attempts.values()].filter((other) => other.from === from && other.acked);
    const acked = own.filter((other) => other.conversationId === conversationId);
    const above = Math.max(
      0,
      ...this.mustSeeOf(from, conversationId, true),
      ...acked.map((other) => this.#facts.get(other.messageId)?.seq ?? 0),
    );
    const texts = new Set([text]);
    const made = { messageId, conversationId, from, to, texts, above, acked: false, firsts: 0 };
    this.attempts.set(messageId, made);
    return made;
  }

  acknowledged(attempt: Attempted, text: string, result: SendMessageResult): void {
    const { messageId, conversationId, to, above } = attempt;
    check(result.messageId === messageId && result.conversationId === conversationId, 'an answer to another');
    this.#observe(conversationId, messageId, { seq: result.seq, timestamp: result.timestamp, text });
    check(result.seq > above, `G3: ${messageId} got ${result.seq}, its author had seen ${above}`);
    if (!result.duplicate) attempt.firsts++;
    check(attempt.firsts <= 1, `G2: ${messageId} was new twice`);
    attempt.acked = true;
    this.#setOf(to, conversationId).add(result.seq);
  }

  /** @param seenOnly only what the user's own devices have seen */
  mustSeeOf(userId: string, conversationId: string, seenOnly = false): MustSee {
    return new Set(this.#setOf(seenOnly ? `${userId}!` : userId, conversationId));
  }

  markOf(userId: string, conversationId: string): number {
    return this.#marks.get(`${userId}/${conversationId}`) ?? 0;
  }

  saw(userId: string, message: Message): void {
    const { conversationId, messageId, seq, timestamp, text, from } = message;
    const attempt = this.attempts.get(messageId);
    check(attempt !== undefined && attempt.from === from, `${messageId} comes from nowhere`);
    check(attempt.conversationId === conversationId, `${messageId} is in a foreign conversation`);
    check(peerInDm(conversationId, userId) !== undefined, `${conversationId} is not of ${userId}`);
    const isChanged = message.editedAt !== undefined || message.deletedAt !== undefined;
    this.#observe(conversationId, messageId, { seq, timestamp, text: isChanged ? undefined : text });
    this.changes.saw(userId, message);
    this.#setOf(userId, conversationId).add(seq);
    this.#setOf(`${userId}!`, conversationId).add(seq);
  }

  /** `must` and `changed`: what was known before the page was asked for. */
  sawPage(
    userId: string,
    params: GetMessagesParams,
    must: MustSee,
    page: GetMessagesResult,
    changed: ReadonlyMap<string, number>,
  ): void {
    const { messages, hasMore } = page;
    const seqs = messages.map(({ seq }) => seq);
    const ascending = params.after !== undefined;
    seqs.forEach((seq, index) => {
      const previous = seqs[index - 1];
      check(
        previous === undefined || (ascending ? seq > previous : seq < previous),
        `G3: page ${seqs.join()}`,
      );
    });
    const { before = Infinity, after = 0, limit, offset = 0 } = params;
    check(seqs.length <= limit && (!hasMore || seqs.length === limit), `page of ${seqs.length}, ${hasMore}`);
    check(
      seqs.every((seq) => seq > after && seq < before),
      'a page with what was not asked for',
    );
    const last = seqs.at(-1);
    const low = ascending ? after : hasMore ? (last ?? 0) : 0;
    const high = ascending && hasMore ? (last ?? 0) + 1 : offset > 0 ? (seqs[0] ?? 0) + 1 : before;
    for (const seq of must) {
      const isMissing = seq > low && seq < high && !seqs.includes(seq);
      check(!isMissing, `G7: ${seq} is not in ${userId}'s page ${seqs.join()} of ${JSON.stringify(params)}`);
    }
    for (const message of messages) {
      this.changes.checkRead(userId, message, changed);
      this.saw(userId, message);
    }
  }

  /** `must` and `before`: what was known, and the mark, before the call. */
  marked(
    userId: string,
    { conversationId, seq }: MarkParams,
    must: MustSee,
    before: number,
    result: MarkResult,
  ): void {
    check(result.seq >= before, `G9: the mark went back from ${before} to ${result.seq}`);
    const known = Math.max(0, ...must);
    check(result.seq >= Math.min(seq, known), `G9: marked ${seq} of ${known}, got ${result.seq}`);
    check(result.unread >= 0, `G9: unread ${result.unread}`);
    const key = `${userId}/${conversationId}`;
    this.#marks.set(key, Math.max(this.#marks.get(key) ?? 0, result.seq));
  }

  /** The same of a delivered mark. */
  markedDelivered(
    userId: string,
    { conversationId, seq }: MarkParams,
    must: MustSee,
    before: number,
    result: MarkResult,
  ): void {
    check(result.seq >= before, `G9: the delivered mark went back from ${before} to ${result.seq}`);
    const known = Math.max(0, ...must);
    check(result.seq >= Math.min(seq, known), `G9: delivered ${seq} of ${known}, got ${result.seq}`);
    const key = `${userId}/${conversationId}`;
    this.#delivered.set(key, Math.max(this.#delivered.get(key) ?? 0, result.seq));
  }

  /** The greatest mark that was acknowledged: what is read is delivered too. */
  deliveredOf(userId: string, conversationId: string): number {
    const key = `${userId}/${conversationId}`;
    return Math.max(this.#delivered.get(key) ?? 0, this.markOf(userId, conversationId));
  }

  /** `must` and `marks`: as they were before the list was asked for. */
  sawList(
    userId: string,
    list: GetConversationsResult,
    must: (conversationId: string) => MustSee,
    mark: (conversationId: string) => number,
  ): void {
    list.conversations.forEach((conversation, index) => {
      const { conversationId, lastTimestamp, readSeq, unread, lastSeq, peer } = conversation;
      const previous = list.conversations[index - 1];
      check(previous === undefined || previous.lastTimestamp >= lastTimestamp, 'the list is not sorted');
      check(readSeq >= mark(conversationId), `G9: ${userId} reads ${readSeq} again`);
      const seen = [...must(conversationId)];
      check(lastSeq >= Math.max(0, ...seen), `G7: lastSeq ${lastSeq} of ${conversationId}`);
      const fromPeer = (seq: number): boolean =>
        this.attempts.get(this.#idAt.get(`${conversationId}/${seq}`) ?? '')?.from === peer;
      const least = seen.filter((seq) => seq > readSeq && fromPeer(seq)).length;
      check(unread >= least, `G9: unread ${unread}, but ${least} are known`);
    });
  }

  #observe(conversationId: string, messageId: string, fact: Fact): void {
    const known = this.#facts.get(messageId);
    if (known === undefined) this.#facts.set(messageId, fact);
    else {
      const isSameText = known.text === undefined || fact.text === undefined || known.text === fact.text;
      known.text ??= fact.text;
      check(
        known.seq === fact.seq && known.timestamp === fact.timestamp && isSameText,
        `G2: ${messageId} is ${JSON.stringify(known)} and ${JSON.stringify(fact)}`,
      );
    }
    const place = `${conversationId}/${fact.seq}`;
    const other = this.#idAt.get(place);
    check(other === undefined || other === messageId, `G3: ${place} is ${String(other)} and ${messageId}`);
    this.#idAt.set(place, messageId);
  }

  #setOf(userId: string, conversationId: string): Set<number> {
    const key = `${userId}/${conversationId}`;
    let set = this.#mustSee.get(key);
    if (set === undefined) {
      set = new Set();
      this.#mustSee.set(key, set);
    }
    return set;
  }
}
