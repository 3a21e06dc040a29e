import type { Presence, Typing, WatchPresenceResult } from '../protocol/calls.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { MailringClient } from './mailring-client.ts';

export interface CompanyOptions {
  readonly client: Pick<MailringClient, 'call'>;
  readonly time: Time;
  /** Who is there, or who writes, has changed. */
  readonly changed: () => void;
}

/** How many users the server lets a session watch. */
const watchedMax = 200;
/** How long somebody counts as writing who does not say so again. */
const typingMs = 10_000;
/** As long as one writes, that is said so often; after as long without a key one has stopped. */
const repeatMs = 4_000;
/** What is not told by then is of no use. */
const timeoutMs = 3_000;
const watchTimeoutMs = 15_000;
/** Users come and go in the list: what is watched follows a moment later. */
const settleMs = 500;

/** The others, as a device sees them: who is there, who writes where; and tells them that its user writes. Nothing here is kept. */
export class Company {
  readonly #options: CompanyOptions;
  readonly #presence = new Map<string, Presence>();
  /** By conversation and user: ends what they last said. */
  readonly #typists = new Map<string, Map<string, Cancel>>();
  #watched: readonly string[] = [];
  #watchCalls = 0;
  #cancelWatch: Cancel | undefined;
  #writing: { readonly conversationId: string; saidMs: number; cancelIdle: Cancel } | undefined;

  constructor(options: CompanyOptions) {
    this.#options = options;
  }

  /** undefined: not known, or not watched. */
  presenceOf(userId: string): Presence | undefined {
    return this.#presence.get(userId);
  }

  typistsIn(conversationId: string): readonly string[] {
    return [...(this.#typists.get(conversationId)?.keys() ?? [])];
  }

  /** These users are of interest, the first ones most. */
  watch(userIds: readonly string[]): void {
    const wanted = [...new Set(userIds)].slice(0, watchedMax);
    if (wanted.length === this.#watched.length && wanted.every((userId) => this.#watched.includes(userId))) {
      return;
    }
    this.#watched = wanted;
    this.#watchSoon();
  }

  /** A session has begun: the server knows of nothing that was watched before. */
  sessionOpened(): void {
    if (this.#watched.length > 0) this.#watchSoon();
  }

  /** No session: nothing is known of anybody. */
  sessionLost(): void {
    this.#presence.clear();
    for (const typists of this.#typists.values()) for (const cancel of typists.values()) cancel();
    this.#typists.clear();
    if (this.#writing !== undefined) this.#writing.saidMs = 0;
  }

  /** What `ClientEvents.pushed` hears. */
  pushed(method: string, params: unknown): void {
    if (method === 'presence') {
      const news = params as Presence;
      this.#presence.set(news.userId, news);
      this.#options.changed();
    } else if (method === 'typing') {
      this.#typed(params as Typing);
    }
  }

  /** The user presses keys in a conversation. */
  writes(conversationId: string): void {
    const { time } = this.#options;
    if (this.#writing?.conversationId !== conversationId) this.stopsWriting();
    const nowMs = time.monotonicMs();
    const writing = (this.#writing ??= { conversationId, saidMs: 0, cancelIdle: () => undefined });
    writing.cancelIdle();
    writing.cancelIdle = time.after(repeatMs, () => this.stopsWriting());
    if (writing.saidMs > 0 && nowMs - writing.saidMs < repeatMs) return;
    writing.saidMs = nowMs;
    this.#say(conversationId, true);
  }

  /** Sent, given up, or gone elsewhere. */
  stopsWriting(): void {
    const writing = this.#writing;
    if (writing === undefined) return;
    this.#writing = undefined;
    writing.cancelIdle();
    this.#say(writing.conversationId, false);
  }

  close(): void {
    this.#cancelWatch?.();
    this.#writing?.cancelIdle();
    this.sessionLost();
  }

  #say(conversationId: string, on: boolean): void {
    // Nobody waits for it: what fails is not said again.
    this.#options.client.call('typing', { conversationId, on }, timeoutMs).catch(() => undefined);
  }

  #typed({ conversationId, userId, on }: Typing): void {
    const typists = this.#typists.get(conversationId) ?? new Map<string, Cancel>();
    this.#typists.set(conversationId, typists);
    typists.get(userId)?.();
    typists.delete(userId);
    const { time, changed } = this.#options;
    if (on) {
      const end = (): void => {
        typists.delete(userId);
        changed();
      };
      typists.set(userId, time.after(typingMs, end));
    }
    if (typists.size === 0) this.#typists.delete(conversationId);
    changed();
  }

  #watchSoon(): void {
    this.#cancelWatch ??= this.#options.time.after(settleMs, () => {
      this.#cancelWatch = undefined;
      void this.#watch();
    });
  }

  async #watch(): Promise<void> {
    const call = ++this.#watchCalls;
    const userIds = this.#watched;
    let result: WatchPresenceResult;
    try {
      result = await this.#options.client.call('watchPresence', { userIds }, watchTimeoutMs);
    } catch {
      // Asked again with the next session or the next list; until then nobody is shown as there.
      return;
    }
    if (call !== this.#watchCalls) return;
    this.#presence.clear();
    for (const presence of result.presence) this.#presence.set(presence.userId, presence);
    this.#options.changed();
  }
}
