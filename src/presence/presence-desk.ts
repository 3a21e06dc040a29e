import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { PeerHandler, PeerIdentity, PeerNote, PeerReply, PeerRequest } from '../peer/peer-request.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { ClusterRouter } from '../router/cluster-router.ts';
import type { OwnerLinks } from '../router/owner-calls.ts';
import type { RingPort } from '../router/ring-port.ts';
import type { RingView } from '../ring/ring-view.ts';
import type { Time } from '../std/time.ts';
import { PresenceBoard } from './presence-board.ts';
import type { Presence, Typing } from '../protocol/calls.ts';
import type { PresencePort, PresenceWatch } from './presence-port.ts';
import { PresenceWatches } from './presence-watches.ts';
import {
  packAttend,
  packPresenceNews,
  packSightings,
  unpackAttend,
  unpackPresenceNews,
  unpackSightings,
} from './presence-wire.ts';
import type { AttendAsk, PresenceNews, Sighting } from './presence-wire.ts';
import { TypingDesk } from './typing-desk.ts';

export interface PresenceDeskParts {
  readonly registry: EntityRegistry;
  readonly router: ClusterRouter;
  readonly links: OwnerLinks;
  readonly ring: RingPort;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  readonly alarm: (error: unknown, what: string) => void;
}

/** For Prometheus. */
export interface PresenceStats {
  /** Sessions of this node that watch somebody. */
  readonly watches: number;
  /** Users of this node who are watched, counted once for each who does, at whichever node. */
  readonly watched: number;
  readonly changesTold: number;
  readonly typingTold: number;
}

/** Who is there and who writes, on this node and between nodes (docs/adr/0012-presence-and-typing.md). */
export class PresenceDesk implements PeerHandler, PresencePort {
  readonly #parts: PresenceDeskParts;
  readonly #board: PresenceBoard;
  readonly #watches: PresenceWatches;
  readonly #typing: TypingDesk;
  #typed: (userId: string, typing: Typing) => void = () => undefined;
  #typingTold = 0;

  constructor(parts: PresenceDeskParts) {
    const { registry, router, ring, time, random, alarm } = parts;
    this.#parts = parts;
    this.#board = new PresenceBoard({
      ...{ registry, time, alarm },
      isOwn: (userId) => router.isOwn(userId),
      keeps: (userId, sinceEpoch) => ring.keeps(userId, sinceEpoch),
      epoch: () => ring.view?.epoch ?? 0,
      send: (peer, sighting, watchIds) => this.#sendSeen(peer, sighting, watchIds),
    });
    this.#watches = new PresenceWatches({
      ...{ time, random, alarm },
      view: () => this.#view,
      mailbox: (userId) => router.mailbox(userId),
      ask: (nodeId, ask, deadline) => this.#attend(nodeId, ask, deadline),
      dismiss: (nodeId, watchId) => this.#dismiss(nodeId, watchId),
    });
    this.#typing = new TypingDesk({
      ...{ registry, time, alarm },
      selfId: ring.self.nodeId,
      nodeOf: (userId) => this.#view.ownerOf(userId).nodeId,
      listenersOf: (userId) => router.listenersOf(userId),
      sendToOwners: (nodeId, typing, userIds) => {
        this.#note(nodeId, { kind: 'typing', typing, userIds });
      },
      sendToDevices: (nodeId, userId, typing) => {
        this.#note(nodeId, { kind: 'typed', typing }, userId);
      },
      typed: (userId, typing) => this.#tellTyping(userId, typing),
    });
  }

  get stats(): PresenceStats {
    const { count: watches, changesTold } = this.#watches;
    return { watches, watched: this.#board.entries, changesTold, typingTold: this.#typingTold };
  }

  watch(
    watcher: string,
    userIds: readonly string[],
    push: (presence: Presence) => void,
    deadline: number,
  ): Promise<PresenceWatch> {
    return this.#watches.watch(watcher, userIds, push, deadline);
  }

  async reachable(userId: string, others: readonly string[], deadline: number): Promise<readonly string[]> {
    const mailbox = this.#parts.router.mailbox(userId);
    return (await mailbox.call('acquaintances', { userIds: others }, deadline)).userIds;
  }

  type(typing: Typing, userIds: readonly string[]): void {
    this.#typing.type(typing, userIds);
  }

  onTyped(listener: (userId: string, typing: Typing) => void): void {
    this.#typed = listener;
  }

  /** A view was adopted. */
  adopted(view: RingView): void {
    const incarnations = new Set(view.members.map(({ incarnation }) => incarnation));
    this.#board.adopted((incarnation) => incarnations.has(incarnation));
    this.#watches.adopted();
  }

  /** The link to this node has lost what was under way. */
  linkReset(nodeId: string): void {
    this.#watches.linkReset(nodeId);
  }

  stop(): void {
    this.#watches.stop();
    this.#board.stop();
  }

  async handle(request: PeerRequest, from: PeerIdentity): Promise<PeerReply> {
    this.#parts.ring.heard(from.incarnation, request.epoch);
    // Or a start of this node that has been replaced, and does not know it yet, would answer for the one that is meant.
    if (request.epoch > this.#view.epoch) throw new ProtocolError('unavailable', 'not in this view yet');
    const sightings = await this.#board.attend(from, unpackAttend(request.body), request.deadline);
    return { kind: 'ok', body: packSightings(sightings) };
  }

  note({ to, epoch, body }: PeerNote, from: PeerIdentity): void {
    this.#parts.ring.heard(from.incarnation, epoch);
    const news = unpackPresenceNews(body);
    // It is for a former start of this node.
    if (this.#parts.ring.view === undefined) return;
    switch (news.kind) {
      case 'unattend':
        this.#board.unattend(from, news.watchId);
        return;
      case 'seen':
        this.#watches.seen(from, news.sighting, news.watchIds);
        return;
      case 'typing':
        this.#typing.toOwn(news.typing, news.userIds);
        return;
      case 'typed':
        this.#tellTyping(to, news.typing);
    }
  }

  reset({ nodeId, incarnation }: PeerIdentity): void {
    this.#board.forget(incarnation);
    this.#watches.linkReset(nodeId);
  }

  #tellTyping(userId: string, typing: Typing): void {
    this.#typingTold += 1;
    this.#typed(userId, typing);
  }

  get #view(): RingView {
    const { view } = this.#parts.ring;
    if (view !== undefined) return view;
    throw new ProtocolError('unavailable', 'this node has not joined its cluster yet');
  }

  async #attend(nodeId: string, ask: AttendAsk, deadline: number): Promise<readonly Sighting[]> {
    const { ring, links } = this.#parts;
    if (nodeId === ring.self.nodeId) return this.#board.attend(ring.self, ask, deadline);
    const { epoch } = this.#view;
    const reply = await links.request(nodeId, { to: '', epoch, deadline, body: packAttend(ask) });
    if (reply.kind === 'ok') return unpackSightings(reply.body);
    const why = reply.kind === 'refused' ? reply.message : 'asked in another view';
    throw new ProtocolError('unavailable', why);
  }

  #dismiss(nodeId: string, watchId: number): void {
    const { ring } = this.#parts;
    if (nodeId === ring.self.nodeId) this.#board.unattend(ring.self, watchId);
    else this.#note(nodeId, { kind: 'unattend', watchId });
  }

  #sendSeen(peer: PeerIdentity, sighting: Sighting, watchIds: readonly number[]): boolean {
    const { ring } = this.#parts;
    if (peer.incarnation !== ring.self.incarnation) {
      return this.#note(peer.nodeId, { kind: 'seen', sighting, watchIds });
    }
    this.#watches.seen(ring.self, sighting, watchIds);
    return true;
  }

  #note(nodeId: string, news: PresenceNews, to = ''): boolean {
    const { links, ring } = this.#parts;
    const epoch = ring.view?.epoch ?? 0;
    return links.note(nodeId, { to, epoch, body: packPresenceNews(news) }) === undefined;
  }
}
