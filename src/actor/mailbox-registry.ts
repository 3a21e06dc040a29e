import { evictMessages } from '../mailbox/evict-messages.ts';
import { mailboxOverheadBytes } from '../mailbox/mailbox-state.ts';
import type { ChangeBatch, ChangeListener } from './change-batch.ts';
import { EvictionPolicy } from './eviction-policy.ts';
import { Mailbox } from './mailbox.ts';
import type { MailboxHost } from './mailbox-host.ts';

export interface CacheLimits {
  readonly budgetBytes: number;
  /** Messages older than this go first, ms. */
  readonly recentMs: number;
}

/** Counters since the start, and what is in memory now. */
export interface CacheStats {
  readonly mailboxes: number;
  readonly bytes: number;
  readonly evictedTiers: number;
  readonly evictedMailboxes: number;
}

export type RegistryHost = Omit<MailboxHost, 'isWatched' | 'publish' | 'accounted'>;

/** Evictions in one tick, so that a burst doesn't hold up messages. */
const evictionsPerTick = 64;
/** How soon mailboxes that still had something under way are looked at again. */
const releasePollMs = 250;

/** The active mailboxes of this node, within a budget of bytes, and who listens on them. */
export class MailboxRegistry {
  readonly #host: MailboxHost;
  readonly #limits: CacheLimits;
  readonly #mailboxes = new Map<string, Mailbox>();
  readonly #listeners = new Map<string, Set<ChangeListener>>();
  readonly #policy: EvictionPolicy;
  #isOwn: (userId: string) => boolean = () => true;
  #isReleasing = false;
  #isEvicting = false;
  #evictedTiers = 0;
  #evictedMailboxes = 0;

  constructor(host: RegistryHost, limits: CacheLimits) {
    this.#limits = limits;
    this.#policy = new EvictionPolicy(limits.budgetBytes);
    this.#host = {
      ...host,
      isWatched: (userId) => this.#listeners.has(userId),
      publish: (userId, batch) => {
        this.#publish(userId, batch);
      },
      accounted: (userId, bytes) => {
        this.#policy.account(userId, bytes);
        this.#evictSoon();
      },
    };
  }

  get stats(): CacheStats {
    return {
      mailboxes: this.#mailboxes.size,
      bytes: this.#policy.bytes,
      evictedTiers: this.#evictedTiers,
      evictedMailboxes: this.#evictedMailboxes,
    };
  }

  /** The user's mailbox, to be used at once: it may be dropped from memory whenever it is idle. */
  mailbox(userId: string): Mailbox {
    this.#policy.touch(userId);
    let mailbox = this.#mailboxes.get(userId);
    if (mailbox === undefined) {
      mailbox = new Mailbox(userId, this.#host);
      this.#mailboxes.set(userId, mailbox);
      this.#policy.account(userId, mailboxOverheadBytes);
      this.#evictSoon();
    }
    return mailbox;
  }

  /** The ring has changed: mailboxes of others leave memory, as soon as nothing of theirs is under way. */
  release(isOwn: (userId: string) => boolean): void {
    this.#isOwn = isOwn;
    let isBusy = false;
    for (const [userId, mailbox] of this.#mailboxes) {
      if (isOwn(userId)) continue;
      mailbox.leave();
      if (mailbox.isIdle) this.#drop(userId);
      else isBusy = true;
    }
    if (!isBusy || this.#isReleasing) return;
    this.#isReleasing = true;
    this.#host.time.after(releasePollMs, () => {
      this.#isReleasing = false;
      this.release(this.#isOwn);
    });
  }

  /** Users on whose feed somebody listens. */
  get watchedUsers(): readonly string[] {
    return [...this.#listeners.keys()];
  }

  subscribe(userId: string, listener: ChangeListener): () => void {
    let listeners = this.#listeners.get(userId);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(userId, listeners);
    }
    listeners.add(listener);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      if (this.#listeners.get(userId) === listeners) this.#listeners.delete(userId);
    };
  }

  #publish(userId: string, batch: ChangeBatch): void {
    for (const listener of this.#listeners.get(userId) ?? []) {
      try {
        listener(batch);
      } catch (error) {
        this.#host.alarm(error, 'listener on a change feed');
      }
    }
  }

  #drop(userId: string): void {
    this.#mailboxes.delete(userId);
    this.#policy.forget(userId);
  }

  #evictSoon(): void {
    if (this.#isEvicting || !this.#policy.isOverBudget) return;
    this.#isEvicting = true;
    this.#host.time.soon(() => {
      this.#isEvicting = false;
      this.#evict();
    });
  }

  #evict(): void {
    const recentSince = this.#host.time.wallMs() - this.#limits.recentMs;
    const busy = new Set<string>();
    for (let count = 0; count < evictionsPerTick; count++) {
      const eviction = this.#policy.next();
      // Everybody who is left is busy: their next commit calls again.
      if (eviction === undefined || busy.has(eviction.userId)) return;
      const mailbox = this.#mailboxes.get(eviction.userId);
      if (mailbox?.state && evictMessages(mailbox.state, eviction.step, recentSince)) {
        this.#policy.account(eviction.userId, mailbox.state.bytes);
        this.#evictedTiers++;
      } else if (mailbox === undefined || mailbox.isIdle) {
        this.#drop(eviction.userId);
        this.#evictedMailboxes++;
      } else {
        mailbox.settleSoon();
        busy.add(eviction.userId);
        this.#policy.touch(eviction.userId);
      }
    }
    this.#evictSoon();
  }
}
