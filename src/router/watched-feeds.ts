import type { ChangeBatch } from '../actor/change-batch.ts';
import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { PeerIdentity } from '../peer/peer-request.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { OwnerLinks } from './owner-calls.ts';
import { packNews } from './peer-ask.ts';
import type { RingPort } from './ring-port.ts';

interface Watch {
  readonly peer: PeerIdentity;
  readonly userId: string;
  unsubscribe: Cancel;
  /** Set while something could not be sent: the peer has to be told to read on. */
  cancelRetry: Cancel | undefined;
}

/** After a note that found no room. */
const retryMs = 500;

/** The feeds of this node's users that other nodes listen on, because a device is connected there. */
export class WatchedFeeds {
  readonly #registry: EntityRegistry;
  readonly #links: OwnerLinks;
  readonly #ring: RingPort;
  readonly #time: Time;
  /** By the incarnation that watches, then by user. */
  readonly #watches = new Map<string, Map<string, Watch>>();

  constructor(registry: EntityRegistry, links: OwnerLinks, ring: RingPort, time: Time) {
    this.#registry = registry;
    this.#links = links;
    this.#ring = ring;
    this.#time = time;
  }

  watch(userId: string, peer: PeerIdentity): void {
    const watches = this.#watches.get(peer.incarnation) ?? new Map<string, Watch>();
    this.#watches.set(peer.incarnation, watches);
    if (watches.has(userId)) return;
    const watch: Watch = { peer, userId, unsubscribe: () => undefined, cancelRetry: undefined };
    watch.unsubscribe = this.#registry.subscribe(userId, (batch) => {
      this.#send(watch, batch);
    });
    watches.set(userId, watch);
  }

  unwatch(userId: string, { incarnation }: PeerIdentity): void {
    const watches = this.#watches.get(incarnation);
    const watch = watches?.get(userId);
    if (watches === undefined || watch === undefined) return;
    this.#end(watch);
    watches.delete(userId);
    if (watches.size === 0) this.#watches.delete(incarnation);
  }

  /** The peer has started anew or was away for long: it asks again for what it wants. */
  forget({ incarnation }: PeerIdentity): void {
    for (const watch of this.#watches.get(incarnation)?.values() ?? []) this.#end(watch);
    this.#watches.delete(incarnation);
  }

  /** Nodes that listen on this user's feed. */
  listenersOf(userId: string): readonly string[] {
    const nodeIds: string[] = [];
    for (const watches of this.#watches.values()) {
      const watch = watches.get(userId);
      if (watch !== undefined) nodeIds.push(watch.peer.nodeId);
    }
    return nodeIds;
  }

  /** A new view: whoever moved away is watched at the new owner; who is gone listens on nothing. */
  release(isOwn: (userId: string) => boolean): void {
    const members = new Set(this.#ring.view?.members.map(({ incarnation }) => incarnation));
    for (const watches of [...this.#watches.values()]) {
      const [watch] = watches.values();
      if (watch !== undefined && !members.has(watch.peer.incarnation)) this.forget(watch.peer);
    }
    for (const watches of [...this.#watches.values()]) {
      for (const { userId, peer } of [...watches.values()]) if (!isOwn(userId)) this.unwatch(userId, peer);
    }
  }

  #send(watch: Watch, batch: ChangeBatch): void {
    if (watch.cancelRetry !== undefined) return;
    const { peer, userId } = watch;
    const epoch = this.#ring.view?.epoch ?? 0;
    const body = packNews({ kind: 'changes', batch });
    if (this.#links.note(peer.nodeId, { to: userId, epoch, body }) === undefined) return;
    watch.cancelRetry = this.#time.after(retryMs, () => {
      watch.cancelRetry = undefined;
      this.#send(watch, { previous: '', head: '', changes: [], hasUnlisted: true });
    });
  }

  #end(watch: Watch): void {
    watch.unsubscribe();
    watch.cancelRetry?.();
  }
}
