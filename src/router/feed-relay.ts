import type { ChangeBatch, ChangeListener } from '../actor/change-batch.ts';
import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { ViewChange } from '../membership/membership-event.ts';
import type { PeerIdentity } from '../peer/peer-request.ts';
import { backoffDelayMs, jitteredMs } from '../std/backoff.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { OwnerCalls, OwnerLinks } from './owner-calls.ts';
import type { Owner } from './owner-finder.ts';
import { packNews } from './peer-ask.ts';

export interface FeedRelayParts {
  readonly calls: OwnerCalls;
  readonly registry: EntityRegistry;
  readonly links: OwnerLinks;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  /** A listener has thrown, which it must not. */
  readonly alarm: (error: unknown, what: string) => void;
}

/** Where the changes of a user come from at the moment. */
type Source =
  | { readonly kind: 'here'; readonly unsubscribe: Cancel }
  /** The owner was asked to send them, or will be after a pause. */
  | { readonly kind: 'there'; readonly nodeId: string; readonly incarnation: string; cancelRetry: Cancel }
  /** This node is out of the view, so no owner has a link to tell it anything: listeners look for themselves. */
  | { readonly kind: 'out'; readonly cancelLook: Cancel }
  | { readonly kind: 'none' };

interface Feed {
  readonly userId: string;
  readonly listeners: Set<ChangeListener>;
  source: Source;
  tries: number;
}

/**
 * What was missed is not told. Whoever stands at `head` has missed nothing; all others read on from their own cursor (G8),
 * as everybody does where it is not known.
 */
function missed(head = ''): ChangeBatch {
  return { previous: head, head, changes: [], hasUnlisted: true };
}

const watchTimeoutMs = 5_000;
/** Between two looks of those who listen at a node that is out of the view. */
const lookEveryMs = 3_000;
const backoff = { baseMs: 50, maxMs: 2_000 };
const nothing: Cancel = () => undefined;

/**
 * The change feeds that somebody on this node listens on, from here or from the node that owns the user, and from
 * the next one when that changes. Where changes may have been missed listeners are told to read on.
 */
export class FeedRelay {
  readonly #parts: FeedRelayParts;
  readonly #feeds = new Map<string, Feed>();

  constructor(parts: FeedRelayParts) {
    this.#parts = parts;
  }

  subscribe(userId: string, listener: ChangeListener): Cancel {
    let feed = this.#feeds.get(userId);
    if (feed === undefined) {
      feed = { userId, listeners: new Set(), source: { kind: 'none' }, tries: 0 };
      this.#attach(feed);
      this.#feeds.set(userId, feed);
    }
    feed.listeners.add(listener);
    const joined = feed;
    return () => {
      if (!joined.listeners.delete(listener) || joined.listeners.size > 0) return;
      this.#detach(joined);
      if (this.#feeds.get(userId) === joined) this.#feeds.delete(userId);
    };
  }

  /** The owner has sent changes. */
  heard(userId: string, { nodeId, incarnation }: PeerIdentity, batch: ChangeBatch): void {
    const feed = this.#feeds.get(userId);
    // The note that ended this was lost, or has overtaken the request that began it.
    if (feed === undefined) this.#unwatch(userId, nodeId);
    else if (feed.source.kind === 'there' && feed.source.incarnation === incarnation) {
      this.#publish(feed, batch);
    }
  }

  /**
   * What this node sent may be lost, or what it is sent, or the node that it was sent to has started anew: ask once more.
   * @param incarnation only what comes from this start of the node; undefined: from any
   */
  watchAgain(nodeId: string, incarnation?: string): void {
    for (const feed of this.#feeds.values()) {
      const { source } = feed;
      if (source.kind !== 'there' || source.nodeId !== nodeId) continue;
      if (incarnation !== undefined && source.incarnation !== incarnation) continue;
      this.#attach(feed);
      // The owner since a view that is just coming into force.
      if (feed.source.kind === 'here') this.#publish(feed, missed());
    }
  }

  /**
   * A new view is in force. Owners forget who watches when they lose the user, and nodes that are not in their view: where
   * this node has seen every view, and was and is in it, the feed goes on if its owner is the one that it was.
   */
  moved({ before, isInOrder }: ViewChange): void {
    const { finder } = this.#parts.calls;
    const isUnbroken = isInOrder && before !== undefined && finder.isSelfIn(before) && this.#isIn;
    for (const feed of this.#feeds.values()) {
      const owner = finder.ownerOf(feed.userId);
      if (isUnbroken && isFrom(feed.source, owner)) continue;
      feed.tries = 0;
      this.#attach(feed);
      if (owner.kind === 'here') this.#publish(feed, missed(this.#parts.registry.headSentAhead(feed.userId)));
    }
  }

  #attach(feed: Feed): void {
    this.#detach(feed);
    const owner = this.#parts.calls.finder.ownerOf(feed.userId);
    if (owner.kind === 'here') {
      const { registry } = this.#parts;
      const unsubscribe = registry.subscribe(feed.userId, (batch) => {
        this.#publish(feed, batch);
      });
      feed.source = { kind: 'here', unsubscribe };
      return;
    }
    if (!this.#isIn) {
      this.#lookLater(feed);
      return;
    }
    const { nodeId, incarnation } = owner.member;
    const source: Source = { kind: 'there', nodeId, incarnation, cancelRetry: nothing };
    feed.source = source;
    const { calls, time } = this.#parts;
    calls.ask(owner, feed.userId, { kind: 'watch' }, time.monotonicMs() + watchTimeoutMs).then(
      (head) => {
        if (feed.source !== source) return;
        feed.tries = 0;
        this.#publish(feed, missed(typeof head === 'string' ? head : undefined));
      },
      () => {
        // Refused or out of reach: that is what retries are for. Sessions read from their cursor meanwhile.
        if (feed.source === source) this.#attachLater(feed, source);
      },
    );
  }

  get #isIn(): boolean {
    const { finder } = this.#parts.calls;
    return finder.isSelfIn(finder.view);
  }

  #lookLater(feed: Feed): void {
    const { random, time } = this.#parts;
    const cancelLook = time.after(jitteredMs(lookEveryMs, random), () => {
      this.#lookLater(feed);
      this.#publish(feed, missed());
    });
    feed.source = { kind: 'out', cancelLook };
  }

  #attachLater(feed: Feed, source: Extract<Source, { kind: 'there' }>): void {
    const { random, time } = this.#parts;
    source.cancelRetry = time.after(backoffDelayMs(backoff, feed.tries++, random), () => {
      this.#attach(feed);
    });
  }

  #detach(feed: Feed): void {
    const { source, userId } = feed;
    feed.source = { kind: 'none' };
    if (source.kind === 'here') source.unsubscribe();
    if (source.kind === 'out') source.cancelLook();
    if (source.kind !== 'there') return;
    source.cancelRetry();
    this.#unwatch(userId, source.nodeId);
  }

  /** Where this doesn't arrive the owner goes on, and is told again when it sends something. */
  #unwatch(userId: string, nodeId: string): void {
    const { calls, links } = this.#parts;
    const { epoch } = calls.finder.view;
    links.note(nodeId, { to: userId, epoch, body: packNews({ kind: 'unwatch' }) });
  }

  #publish(feed: Feed, batch: ChangeBatch): void {
    for (const listener of feed.listeners) {
      try {
        listener(batch);
      } catch (error) {
        this.#parts.alarm(error, 'listener on a change feed');
      }
    }
  }
}

function isFrom(source: Source, owner: Owner): boolean {
  if (source.kind !== 'there' || owner.kind !== 'there') return source.kind === owner.kind;
  return source.incarnation === owner.member.incarnation;
}
