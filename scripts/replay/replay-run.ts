import { setTimeout as sleep } from 'node:timers/promises';
import { registerAccounts } from '../../src/cli/bench/load-account.ts';
import type { MailringClient } from '../../src/client/mailring-client.ts';
import { dmIdOf } from '../../src/protocol/conversation-id.ts';
import { chatCorpus } from './chat-corpus.ts';
import type { ChatBurst, ChatTurn } from './chat-corpus.ts';
import { ChatRecord } from './chat-record.ts';
import type { SentMessage } from './chat-record.ts';
import { forEachOf } from './for-each-of.ts';
import { ReplayUser } from './replay-user.ts';
import { SeededRandom } from './seeded-random.ts';
import { Verifier } from './verifier.ts';
import { ViolationList } from './violation-list.ts';

export interface ReplayOptions {
  readonly wsUrls: readonly string[];
  readonly messages: number;
  readonly users: number;
  readonly seed: number;
  /** Share of the messages that are sent more than once. */
  readonly duplicates: number;
  /** Share of the messages after which the connection is torn down. */
  readonly reconnects: number;
  /** Bursts of conversation that go on at once. */
  readonly concurrency: number;
  readonly onProgress: (line: string) => void;
  /** Told how many messages have been acknowledged so far, at each one. */
  readonly onAcknowledged?: (count: number) => void;
}

export interface ReplayReport {
  readonly messages: number;
  readonly users: number;
  readonly acked: number;
  readonly duplicates: number;
  readonly reconnects: number;
  readonly conversations: number;
  readonly violations: number;
  readonly seconds: number;
}

const openAtOnce = 32;
const verifyAtOnce = 8;
const progressMs = 2_000;
const settleTimeoutMs = 60_000;

/** Plays a generated chat history through real clients, then holds what the server has against what was sent. */
export class ReplayRun {
  readonly violations = new ViolationList();
  readonly #options: ReplayOptions;
  readonly #record = new ChatRecord();
  readonly #random: SeededRandom;
  readonly #users: ReplayUser[] = [];
  #duplicates = 0;
  #reconnects = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed + 1);
  }

  async run(): Promise<ReplayReport> {
    const startedAtMs = performance.now();
    const { messages, users, onProgress } = this.#options;
    const timer = setInterval(() => onProgress(this.#progress()), progressMs);
    try {
      await this.#open();
      onProgress(`sending ${messages} messages among ${users} users`);
      await this.#chat();
      onProgress(this.#progress());
      await this.#settle();
      await this.#verify();
    } finally {
      clearInterval(timer);
      for (const user of this.#users) user.close();
    }
    return {
      messages,
      users,
      acked: this.#record.acked,
      duplicates: this.#duplicates,
      reconnects: this.#reconnects,
      conversations: this.#record.conversations.size,
      violations: this.violations.count,
      seconds: Math.round((performance.now() - startedAtMs) / 100) / 10,
    };
  }

  #progress(): string {
    return (
      `${this.#record.acked} of ${this.#options.messages} acknowledged, ${this.#duplicates} sent again, ` +
      `${this.#reconnects} reconnects, ${this.violations.count} violations`
    );
  }

  async #open(): Promise<void> {
    const { users, wsUrls, onProgress } = this.#options;
    onProgress(`registering ${users} users`);
    const accounts = await registerAccounts(`r${Date.now().toString(36)}`, users, wsUrls);
    for (const account of accounts) {
      const user = new ReplayUser(account, wsUrls, () => this.#random.next());
      user.onRetry = (messageId) => {
        const sent = this.#record.messages.get(messageId);
        if (sent !== undefined) sent.mayBeLate = true;
      };
      user.onBreak = () => this.#record.noteBreak(user.userId);
      this.#users.push(user);
    }
    await forEachOf(this.#users, openAtOnce, (user) => user.open());
  }

  async #chat(): Promise<void> {
    const { users, messages, concurrency } = this.#options;
    // A random sequence of its own: the corpus must not depend on the order in which answers arrive.
    const corpus = chatCorpus(new SeededRandom(this.#options.seed), users, messages);
    await forEachOf(corpus, concurrency, (burst) => this.#playBurst(burst));
  }

  async #playBurst(burst: ChatBurst): Promise<void> {
    let lastSeq: number | undefined;
    for (const turn of burst) lastSeq = await this.#playTurn(turn, lastSeq);
  }

  /** The seq of the turn's last message, where it was acknowledged. */
  async #playTurn(turn: ChatTurn, lastSeq: number | undefined): Promise<number | undefined> {
    const from = this.#user(turn.from);
    const to = this.#user(turn.to);
    const sends = turn.texts.map((text, place) => {
      const replyTo = turn.isReply && place === 0 ? lastSeq : undefined;
      return this.#send(from, to, text, replyTo);
    });
    const sent = await Promise.all(sends);
    const seq = sent.at(-1)?.reply?.seq;
    if (turn.isRead && seq !== undefined) await this.#markRead(to, from, seq);
    return seq;
  }

  async #send(
    from: ReplayUser,
    to: ReplayUser,
    text: string,
    replyTo: number | undefined,
  ): Promise<SentMessage> {
    const random = this.#random;
    const messageId = from.ids.next();
    const sent = this.#record.issue({ messageId, from: from.userId, to: to.userId, text, replyTo });
    const attempts = [this.#transmit(from.client, sent)];
    const isDuplicated = random.chance(this.#options.duplicates);
    const manner = random.below(3);
    if (isDuplicated && manner < 2) {
      if (manner === 0) sent.isUnordered = true;
      attempts.push(this.#transmit(manner === 0 ? from.secondClient : from.client, sent));
    }
    if (random.chance(this.#options.reconnects)) {
      this.#reconnects++;
      const delayMs = random.below(4);
      // 0: before the frame has left; later: while it is on its way, worked on, or being answered.
      if (delayMs === 0) from.client.breakConnection();
      else setTimeout(() => from.client.breakConnection(), delayMs);
    }
    await Promise.all(attempts);
    if (isDuplicated) {
      this.#duplicates++;
      if (manner === 2) await this.#transmit(from.client, sent);
    }
    return sent;
  }

  async #transmit(client: MailringClient, sent: SentMessage): Promise<void> {
    const { conversationId, messageId, text, to, replyTo } = sent;
    // Both ways to say where it goes.
    const target = this.#random.chance(0.5) ? { to } : { conversationId };
    const message = { ...target, messageId, text, ...(replyTo === undefined ? {} : { replyTo }) };
    try {
      const contradiction = this.#record.acknowledge(sent, await client.sendMessage(message));
      if (contradiction !== undefined) this.violations.add('G2', contradiction);
      this.#options.onAcknowledged?.(this.#record.acked);
    } catch (error) {
      this.violations.add('G4', `${messageId} was not accepted: ${String(error)}`);
    }
  }

  async #markRead(reader: ReplayUser, writer: ReplayUser, seq: number): Promise<void> {
    const conversationId = dmIdOf(reader.userId, writer.userId);
    try {
      const mark = await reader.client.call('markRead', { conversationId, seq });
      if (mark.seq < seq)
        this.violations.add('G9', `${conversationId}: marked ${seq}, the mark is ${mark.seq}`);
      this.#record.confirmRead(reader.userId, conversationId, mark.seq);
    } catch (error) {
      this.violations.add('G9', `markRead of ${conversationId} failed: ${String(error)}`);
    }
  }

  /** Waits until every user was pushed everything: a sender's own copy may come after the acknowledgement. */
  async #settle(): Promise<void> {
    const expected = new Map(this.#users.map(({ userId }) => [userId, 0]));
    for (const { from, to, reply } of this.#record.messages.values()) {
      if (reply === undefined) continue;
      for (const userId of [from, to]) expected.set(userId, (expected.get(userId) ?? 0) + 1);
    }
    const deadlineMs = performance.now() + settleTimeoutMs;
    const isMissing = ({ userId, heard, wasReset }: ReplayUser): boolean =>
      !wasReset && heard.filter(({ kind }) => kind === 'message').length < (expected.get(userId) ?? 0);
    let waiting = this.#users.filter(isMissing);
    while (waiting.length > 0 && performance.now() < deadlineMs) {
      await sleep(50);
      waiting = waiting.filter(isMissing);
    }
    for (const { userId } of waiting) this.violations.add('G8', `${userId} was not pushed all messages`);
  }

  async #verify(): Promise<void> {
    this.#options.onProgress(`verifying ${this.#record.conversations.size} conversations`);
    const verifier = new Verifier(this.#record, this.violations, this.#random);
    verifier.verifyOrder();
    await forEachOf(this.#users, verifyAtOnce, async (user) => {
      try {
        await verifier.verifyUser(user);
      } catch (error) {
        this.violations.add('reading', `${user.userId}: ${String(error)}`);
      }
    });
    this.#options.onProgress(
      `${verifier.resets} of ${this.#users.length} feeds no longer reach back to their start`,
    );
  }

  #user(index: number): ReplayUser {
    const user = this.#users[index];
    if (user === undefined) throw new RangeError(`no user ${index}`);
    return user;
  }
}
