import { LRUCache } from 'lru-cache';
import type { Conversation } from '../protocol/message.ts';
import type { MailboxDirectory } from '../router/mailbox-port.ts';
import type { Time } from '../std/time.ts';
import type { Notice } from './notice.ts';
import type { PushTally } from './push-tally.ts';

export interface NoticeDeskOptions {
  readonly directory: MailboxDirectory;
  /** Does a device of the user listen now? */
  readonly isHeard: (userId: string) => boolean;
  /** How long after a message a device may come and fetch it by itself. */
  readonly delayMs: number;
  /** Whether notices have the beginning of the newest message. */
  readonly hasPreview: boolean;
  readonly deliver: (notice: Notice) => void;
  readonly tally: PushTally;
  readonly time: Time;
  /** A mailbox could not be read; its user is not told this time. */
  readonly onTrouble: (error: unknown) => void;
}

/** Users who are looked at a moment later, at once. */
const waitingMax = 20_000;
const knownMax = 100_000;
const readTimeoutMs = 5_000;
const pageSize = 100;
/** A commit takes no longer, so a message that is older than what was heard of it is not the news. */
const commitMaxMs = 60_000;
/** What was sent so long before a sign of life was not yet there for the device to answer. */
const onItsWayMs = 5_000;

/**
 * Notes who got something while no device listened, or only one that was not there any more, looks a moment later what is unread, and tells about it once.
 * Kept in memory: what happens just before a node dies may go untold.
 */
export class NoticeDesk {
  readonly #options: NoticeDeskOptions;
  /** By user: since when what came is news. */
  readonly #waiting = new Map<string, number>();
  /** By user: time of the newest message that was told about. */
  readonly #told = new LRUCache<string, number>({ max: knownMax });
  #isStopped = false;

  constructor(options: NoticeDeskOptions) {
    this.#options = options;
  }

  /** The user's mailbox has changed, and no device listens. */
  unheard(userId: string): void {
    this.#lookLater(userId, this.#options.time.wallMs() - commitMaxMs);
  }

  /** What a device was sent in the last `quietMs` may not have arrived: it was lost without a word. */
  lost(userId: string, quietMs: number): void {
    this.#lookLater(userId, this.#options.time.wallMs() - quietMs - onItsWayMs);
  }

  #lookLater(userId: string, sinceMs: number): void {
    const { time, delayMs, tally } = this.#options;
    if (this.#isStopped) return;
    const waitingSinceMs = this.#waiting.get(userId);
    if (waitingSinceMs !== undefined) {
      this.#waiting.set(userId, Math.min(sinceMs, waitingSinceMs));
      return;
    }
    if (this.#waiting.size >= waitingMax) {
      tally.dropped += 1;
      return;
    }
    this.#waiting.set(userId, sinceMs);
    time.after(delayMs, () => {
      const newsSinceMs = this.#waiting.get(userId) ?? sinceMs;
      this.#waiting.delete(userId);
      if (!this.#isStopped) void this.#look(userId, newsSinceMs);
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #look(userId: string, sinceMs: number): Promise<void> {
    const { isHeard, deliver, onTrouble } = this.#options;
    // A device that was lost has come back, as most do.
    if (isHeard(userId)) return;
    try {
      const notice = await this.#noticeOf(userId, sinceMs);
      if (notice === undefined || isHeard(userId)) return;
      this.#told.set(userId, notice.timestamp);
      deliver(notice);
    } catch (error) {
      onTrouble(error);
    }
  }

  async #noticeOf(userId: string, sinceMs: number): Promise<Notice | undefined> {
    const unread = await this.#unreadOf(userId);
    // One's own message can be the newest of a conversation in which others are unread.
    const newest = unread.find(({ lastFrom }) => lastFrom !== userId);
    if (newest === undefined) return undefined;
    const { conversationId, name, lastFrom: from, lastTimestamp: timestamp, snippet } = newest;
    if (timestamp < sinceMs || timestamp <= (this.#told.get(userId) ?? 0)) return undefined;
    const count = unread.reduce((sum, conversation) => sum + conversation.unread, 0);
    const notice = { userId, unread: count, conversationId, name, from, timestamp };
    return this.#options.hasPreview ? { ...notice, preview: snippet } : notice;
  }

  /** Conversations with unread messages, the most recent first. */
  async #unreadOf(userId: string): Promise<readonly Conversation[]> {
    const { directory, time } = this.#options;
    const mailbox = directory.mailbox(userId);
    const deadline = time.monotonicMs() + readTimeoutMs;
    const unread: Conversation[] = [];
    for (let offset = 0; ; offset += pageSize) {
      const page = await mailbox.call('getConversations', { limit: pageSize, offset }, deadline);
      unread.push(...page.conversations.filter((conversation) => conversation.unread > 0));
      if (!page.hasMore) return unread;
    }
  }
}
