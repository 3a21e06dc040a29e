import type { Presence, TypingParams, WatchPresenceResult } from '../protocol/calls.ts';
import { isGroupId, peerInDm } from '../protocol/conversation-id.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { PresencePort, PresenceWatch } from '../presence/presence-port.ts';
import type { UserPort } from '../router/mailbox-port.ts';
import type { KeyedBuckets } from '../std/keyed-buckets.ts';
import type { Time } from '../std/time.ts';

export interface CompanyParts {
  readonly mailbox: UserPort;
  readonly presence: PresencePort;
  /** By user: of `typing` and of `watchPresence`. */
  readonly typingBuckets: KeyedBuckets;
  readonly watchBuckets: KeyedBuckets;
  readonly time: Time;
  /**
   * Where changes go; undefined: this ends with its first answer. False: there is no room now, and `resume` will be called.
   */
  readonly push: ((presence: Presence) => boolean) | undefined;
}

/** Members of a group that are told who types; in larger ones nobody is. */
export const typingMembersMax = 100;
/** How long somebody counts as writing who does not say so again. */
export const typingMs = 10_000;
/** Who is told is asked for once in a while, not at each word. */
const audienceMs = 10_000;
/** Said again within this time it is not passed on. */
const repeatMs = 2_000;
/** Conversations that one device writes in at once. */
const conversationsMax = 8;

interface Writing {
  readonly conversationId: string;
  audience: Promise<readonly string[]>;
  audienceUntilMs: number;
  isOn: boolean;
  toldMs: number;
}

/** Users who are watched. What changes after `result` was made follows it: it waits until that was handed on. */
interface Watched {
  readonly watch: PresenceWatch;
  readonly result: WatchPresenceResult;
  readonly unsent: Unsent;
}

/** Changes that have to wait or found no room, the last one of each user. */
interface Unsent {
  readonly news: Map<string, Presence>;
  isHeld: boolean;
}

/** The others, as one device has to do with them beside messages: whom it watches, and whom it tells that its user writes. */
export class Company {
  readonly #parts: CompanyParts;
  /** The longest untouched first. */
  readonly #writings = new Map<string, Writing>();
  #watched: Watched | undefined;
  /** Of the last call: an earlier one that is answered later is not kept. */
  #watchCalls = 0;
  #isEnded = false;

  constructor(parts: CompanyParts) {
    this.#parts = parts;
  }

  /** Watches these instead of those before. Rejects with ProtocolError. */
  async watchPresence(userIds: readonly string[], deadline: number): Promise<WatchPresenceResult> {
    const { mailbox, presence, push, watchBuckets } = this.#parts;
    this.#pay(watchBuckets);
    const call = ++this.#watchCalls;
    const unsent: Unsent = { news: new Map(), isHeld: true };
    const send = (news: Presence): void => this.#send(news, unsent);
    const watch = await presence.watch(mailbox.userId, userIds, send, deadline);
    const result = { presence: watch.presence };
    if (push === undefined || this.#isEnded || call !== this.#watchCalls) {
      watch.end();
    } else {
      this.#watched?.watch.end();
      this.#watched = { watch, result, unsent };
    }
    return result;
  }

  /** The answer of `watchPresence` is on its way, or nobody waits for it any more: changes may follow. */
  answered(result: object): void {
    if (this.#watched?.result !== result) return;
    this.#watched.unsent.isHeld = false;
    this.resume();
  }

  /** Tells the others that this user writes or has stopped. Rejects with ProtocolError. */
  async type({ conversationId, on }: TypingParams, deadline: number): Promise<object> {
    this.#pay(this.#parts.typingBuckets);
    const nowMs = this.#parts.time.monotonicMs();
    const writing = this.#writing(conversationId, nowMs, deadline);
    if (on && writing.isOn && nowMs - writing.toldMs < repeatMs) return {};
    if (!on && !writing.isOn) return {};
    writing.isOn = on;
    writing.toldMs = nowMs;
    await this.#tell(writing);
    return {};
  }

  /** There is room again. */
  resume(): void {
    if (this.#watched === undefined) return;
    const { unsent } = this.#watched;
    for (const news of [...unsent.news.values()]) this.#send(news, unsent);
  }

  /** Called now and then: who says nothing more has stopped. */
  tick(nowMs: number): void {
    for (const writing of this.#writings.values()) {
      if (writing.isOn && nowMs - writing.toldMs >= typingMs) this.#stop(writing);
      if (!writing.isOn && nowMs >= writing.audienceUntilMs) this.#writings.delete(writing.conversationId);
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#watched?.watch.end();
    for (const writing of this.#writings.values()) if (writing.isOn) this.#stop(writing);
    this.#writings.clear();
  }

  #send(news: Presence, unsent: Unsent): void {
    // In the order of the last change.
    unsent.news.delete(news.userId);
    if (unsent.isHeld || this.#parts.push?.(news) !== true) unsent.news.set(news.userId, news);
  }

  #pay(buckets: KeyedBuckets): void {
    const { mailbox, time } = this.#parts;
    const retryAfterMs = buckets.take(mailbox.userId, time.monotonicMs());
    if (retryAfterMs > 0) throw new ProtocolError('rate_limited', 'too often', { retryAfterMs });
  }

  #stop(writing: Writing): void {
    writing.isOn = false;
    // Where it cannot be told, those who were told go by the time.
    this.#tell(writing).catch(() => undefined);
  }

  async #tell({ conversationId, audience, isOn }: Writing): Promise<void> {
    const { mailbox, presence } = this.#parts;
    presence.type({ conversationId, userId: mailbox.userId, on: isOn }, await audience);
  }

  #writing(conversationId: string, nowMs: number, deadline: number): Writing {
    const known = this.#writings.get(conversationId);
    if (known !== undefined && nowMs < known.audienceUntilMs) return known;
    const audience = this.#audienceOf(conversationId, deadline);
    const writing: Writing = {
      ...{ conversationId, audience, audienceUntilMs: nowMs + audienceMs },
      ...{ isOn: known?.isOn ?? false, toldMs: known?.toldMs ?? 0 },
    };
    this.#writings.delete(conversationId);
    const [oldest] = this.#writings.values();
    if (this.#writings.size >= conversationsMax && oldest !== undefined) {
      if (oldest.isOn) this.#stop(oldest);
      this.#writings.delete(oldest.conversationId);
    }
    this.#writings.set(conversationId, writing);
    // Whom it could not find is asked for again at the next word.
    audience.catch(() => {
      if (this.#writings.get(conversationId) === writing) this.#writings.delete(conversationId);
    });
    return writing;
  }

  /** Who is in the conversation and not blocked. */
  async #audienceOf(conversationId: string, deadline: number): Promise<readonly string[]> {
    const { mailbox, presence } = this.#parts;
    const { userId } = mailbox;
    const peer = peerInDm(conversationId, userId);
    if (peer !== undefined) return presence.reachable(userId, [peer], deadline);
    if (!isGroupId(conversationId)) throw new ProtocolError('not_found', 'no such conversation');
    const limit = typingMembersMax;
    const members = await mailbox.callGroup(conversationId, 'memberIds', { limit }, deadline);
    const others = members.userIds.filter((member) => member !== userId);
    return members.hasMore ? [] : presence.reachable(userId, others, deadline);
  }
}
