import { setTimeout as sleep } from 'node:timers/promises';

import type { Change, Conversation, Message } from '../../src/protocol/message.ts';
import type { ChatRecord, SentMessage } from './chat-record.ts';
import { type ChangeList, MailboxReader } from './mailbox-reader.ts';
import type { ReplayUser } from './replay-user.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { ViolationList } from './violation-list.ts';

const pageLimitMax = 200;
const changesLimit = 500;
const settleMs = 3_000;
const lookMs = 50;

/** Holds what the server answers against what was sent. */
export class Verifier {
  readonly #record: ChatRecord;
  readonly #violations: ViolationList;
  readonly #random: SeededRandom;
  /** The first of the two copies of each conversation, as text, until the second one was compared. */
  readonly #copies = new Map<string, string>();
  /** Users whose feed no longer reached back to the beginning, which is allowed. */
  resets = 0;

  constructor(record: ChatRecord, violations: ViolationList, random: SeededRandom) {
    this.#record = record;
    this.#violations = violations;
    this.#random = random;
  }

  /** G3 from the acknowledgements alone: order in time and order on a connection are orders of seqs. */
  verifyOrder(): void {
    for (const [conversationId, messages] of this.#record.conversations) {
      const seqOf = ({ reply }: SentMessage): number => reply?.seq ?? 0;
      const acked = messages.filter(({ reply }) => reply !== undefined);
      if (new Set(acked.map(seqOf)).size < acked.length) {
        this.#violations.add('G3', `${conversationId}: a seq was given twice`);
      }
      this.#verifyTimeOrder(
        conversationId,
        acked.toSorted((a, b) => seqOf(b) - seqOf(a)),
      );
      const lastSeq = new Map<string, number>();
      for (const sent of acked.toSorted((a, b) => a.issuedAt - b.issuedAt)) {
        if (sent.isUnordered) continue;
        if (seqOf(sent) < (lastSeq.get(sent.from) ?? 0)) {
          this.#violations.add('G3', `${sent.messageId} overtook an earlier one of its connection`);
        }
        if (!sent.mayBeLate) lastSeq.set(sent.from, seqOf(sent));
      }
    }
  }

  /** Everything one user can read. */
  async verifyUser(user: ReplayUser): Promise<void> {
    const reader = new MailboxReader(user.client);
    const ids = this.#record.conversationsOf(user.userId);
    const held = new Map<string, readonly Message[]>();
    for (const conversationId of ids) {
      held.set(conversationId, await this.#verifyMessages(user, reader, conversationId));
    }
    const list = await reader.conversations(1 + this.#random.below(100));
    this.#verifyList(user, list, held);
    const history = await reader.changes(user.firstCursor, changesLimit);
    if (history.kind === 'reset') this.resets++;
    else this.#verifyChanges(user, await this.#untilPushed(user, reader, history), held);
  }

  /**
   * The feed as far as it was pushed: receipts of what others read still come while this is read, so that at any
   * moment one of the two may be ahead. Reads on until they are as long, for some seconds.
   */
  async #untilPushed(
    user: ReplayUser,
    reader: MailboxReader,
    history: ChangeList,
  ): Promise<readonly Change[]> {
    const changes = [...history.changes];
    let { cursor } = history;
    const isApart = (): boolean => !user.wasReset && changes.length !== user.heard.length;
    for (let waitedMs = 0; isApart() && waitedMs < settleMs; waitedMs += lookMs) {
      await sleep(lookMs);
      const next = await reader.changes(cursor, changesLimit);
      if (next.kind === 'reset') break;
      changes.push(...next.changes);
      cursor = next.cursor;
    }
    return changes;
  }

  #verifyTimeOrder(conversationId: string, newestFirst: readonly SentMessage[]): void {
    let earliestAck = Infinity;
    for (const sent of newestFirst) {
      if (sent.issuedAt > earliestAck) {
        this.#violations.add(
          'G3',
          `${conversationId}: ${sent.messageId} is below one acknowledged before it was sent`,
        );
      }
      earliestAck = Math.min(earliestAck, sent.acknowledgedAt);
    }
  }

  async #verifyMessages(
    { userId }: ReplayUser,
    reader: MailboxReader,
    conversationId: string,
  ): Promise<readonly Message[]> {
    const what = `${conversationId} as ${userId} sees it`;
    const messages = await reader.messagesBefore(conversationId, pageLimitMax);
    const text = JSON.stringify(messages.map(fieldsOf));
    const others = [
      await reader.messagesAfter(conversationId, pageLimitMax - this.#random.below(100)),
      await reader.messagesByOffset(conversationId, pageLimitMax - this.#random.below(150)),
    ];
    for (const other of others) {
      if (JSON.stringify(other.map(fieldsOf)) === text) continue;
      this.#violations.add('paging', `${what}: before, after and offset do not give the same messages`);
    }
    if (messages.some(({ seq }, place) => seq <= (messages[place - 1]?.seq ?? 0))) {
      this.#violations.add('G3', `${what} is not in the order of seqs`);
    }
    this.#verifyContents(what, conversationId, messages);
    const otherCopy = this.#copies.get(conversationId);
    if (otherCopy === undefined) this.#copies.set(conversationId, text);
    else if (otherCopy !== text) this.#violations.add('G5', `the two copies of ${conversationId} differ`);
    return messages;
  }

  #verifyContents(what: string, conversationId: string, messages: readonly Message[]): void {
    const byId = new Map(messages.map((message) => [message.messageId, message]));
    if (byId.size < messages.length) this.#violations.add('G2', `${what} has a message twice`);
    for (const sent of this.#record.conversations.get(conversationId) ?? []) {
      const message = byId.get(sent.messageId);
      byId.delete(sent.messageId);
      if (sent.reply === undefined) continue; // Not acknowledged: it may be there or not.
      if (message === undefined) {
        this.#violations.add('G1', `${what} lacks acknowledged message ${sent.messageId}`);
      } else {
        this.#violations.expectEqual(
          'G2',
          `${what}, ${sent.messageId}`,
          fieldsOf(message),
          expectedFields(sent),
        );
      }
    }
    for (const messageId of byId.keys()) {
      this.#violations.add('G2', `${what} has ${messageId}, which nobody sent`);
    }
  }

  #verifyList(
    { userId }: ReplayUser,
    list: readonly Conversation[],
    held: ReadonlyMap<string, readonly Message[]>,
  ): void {
    this.#violations.expectEqual(
      'list',
      `${userId}'s conversations`,
      list.map(({ conversationId }) => conversationId).toSorted(),
      [...held.keys()].toSorted(),
    );
    const isSorted = (key: 'lastTimestamp' | 'updatedAt'): boolean =>
      list.every((one, place) => one[key] <= (list[place - 1]?.[key] ?? Infinity));
    if (!isSorted('lastTimestamp') && !isSorted('updatedAt')) {
      this.#violations.add('list', `${userId}'s conversations are not in order, most recent first`);
    }
    for (const conversation of list) {
      const messages = held.get(conversation.conversationId);
      const last = messages?.at(-1);
      if (messages === undefined || last === undefined) continue;
      const what = `${conversation.conversationId} in ${userId}'s list`;
      const { lastSeq, lastTimestamp, lastFrom, peer, type, unread, readSeq, snippet } = conversation;
      const markSeq = this.#record.readSeq(userId, conversation.conversationId);
      this.#violations.expectEqual(
        'list',
        what,
        [lastSeq, lastTimestamp, lastFrom, peer, type],
        [
          ...[last.seq, last.timestamp, last.from],
          ...[messages.find(({ from }) => from !== userId)?.from ?? peer, 'dm'],
        ],
      );
      this.#violations.expectEqual(
        'G9',
        `read mark and unread of ${what}`,
        [readSeq, unread],
        [markSeq, messages.filter(({ from, seq }) => from !== userId && seq > markSeq).length],
      );
      if (snippet === '') this.#violations.add('list', `${what} has no snippet`);
    }
  }

  /** The feed from its beginning: what was pushed, each message once, as it is in the history. */
  #verifyChanges(
    { userId, heard, wasReset }: ReplayUser,
    changes: readonly Change[],
    held: ReadonlyMap<string, readonly Message[]>,
  ): void {
    if (!wasReset) {
      const differs = changes.findIndex((change, place) => !isSameChange(change, heard[place]));
      const place = differs < 0 ? changes.length : differs;
      this.#violations.expectEqual('G8', `${userId}: push number ${place}`, heard[place], changes[place]);
    }
    const inFeed = changes.flatMap((change) => (change.kind === 'message' ? [change.message] : []));
    const inHistory = [...held.values()].flat();
    const sorted = (messages: readonly Message[]): string[] =>
      messages.map((message) => JSON.stringify(fieldsOf(message))).toSorted();
    const [feed, history] = [sorted(inFeed), sorted(inHistory)];
    const differs = history.findIndex((message, place) => message !== feed[place]);
    const place = differs < 0 ? history.length : differs;
    this.#violations.expectEqual(
      'G8',
      `${userId}: messages in feed and history`,
      feed[place],
      history[place],
    );
    const marks = new Map<string, number>();
    for (const change of changes)
      if (change.kind === 'read') marks.set(change.conversationId, change.readSeq);
    for (const [conversationId, readSeq] of marks) {
      const expected = this.#record.readSeq(userId, conversationId);
      this.#violations.expectEqual('G9', `last read mark in ${userId}'s feed`, readSeq, expected);
    }
  }
}

function isSameChange(one: Change, other: Change | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

const fieldsOf = (message: Message): readonly unknown[] => [
  ...[message.conversationId, message.seq, message.messageId, message.from, message.text, message.timestamp],
  ...[message.replyTo, message.mediaRef, message.editedAt, message.deletedAt],
];

const expectedFields = ({
  conversationId,
  messageId,
  from,
  text,
  replyTo,
  reply,
}: SentMessage): unknown[] => [
  ...[conversationId, reply?.seq, messageId, from, text, reply?.timestamp],
  ...[replyTo, undefined, undefined, undefined],
];
