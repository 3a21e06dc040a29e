import type { EnvelopePort } from '../actor/mailbox-host.ts';
import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { ViewChange } from '../membership/membership-event.ts';
import type { Envelope, EnvelopeReply } from '../mailbox/envelope.ts';
import type { GroupCallName, GroupParamsOf } from '../group/group-calls.ts';
import type { CallName, ParamsOf } from '../mailbox/mailbox-calls.ts';
import { packEnvelopeReply, unpackEnvelopeReply } from '../peer/envelope-codec.ts';
import { defaultPeerLimits } from '../peer/peer-limits.ts';
import type { PeerHandler, PeerIdentity, PeerNote, PeerReply, PeerRequest } from '../peer/peer-request.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Cancel, Time } from '../std/time.ts';
import { FeedRelay } from './feed-relay.ts';
import type { Elsewhere, MailboxDirectory, UserPort } from './mailbox-port.ts';
import { MemberRelay } from './member-relay.ts';
import { OwnerCalls } from './owner-calls.ts';
import type { OwnerLinks } from './owner-calls.ts';
import { isMoved, OwnerFinder } from './owner-finder.ts';
import { packNews, unpackAsk, unpackNews } from './peer-ask.ts';
import type { PeerAsk } from './peer-ask.ts';
import type { RingPort } from './ring-port.ts';
import { RoutedMailbox } from './routed-mailbox.ts';
import { WatchedFeeds } from './watched-feeds.ts';

export interface ClusterRouterParts {
  readonly registry: EntityRegistry;
  readonly links: OwnerLinks;
  readonly ring: RingPort;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  readonly alarm: (error: unknown, what: string) => void;
  readonly charge: ChargeUser;
}

/** Takes one call from the rate of a user: 0, or the ms until there is one again, and nothing was taken. */
export type ChargeUser = (userId: string) => number;

/**
 * Calls of other nodes' devices served at once. They wait for envelopes at third nodes, so they must not take all
 * handlers there are for peers: two nodes full of each other's calls would wait for each other.
 */
const callsMax = Math.floor(defaultPeerLimits.handlersMax / 2);

/**
 * Who owns a user, at which epoch: local actor or peer link. One hop: a node that is asked for a user that it does
 * not own answers `wrongOwner` and never forwards.
 */
export class ClusterRouter implements MailboxDirectory, EnvelopePort, PeerHandler {
  /** Between groups and the mailboxes of their members. */
  readonly members: MemberRelay;
  readonly #parts: ClusterRouterParts;
  readonly #finder: OwnerFinder;
  readonly #calls: OwnerCalls;
  readonly #feeds: FeedRelay;
  readonly #watched: WatchedFeeds;
  readonly #moveListeners = new Set<() => void>();
  #callsUnderWay = 0;

  constructor(parts: ClusterRouterParts) {
    const { registry, links, ring, time } = parts;
    this.#parts = parts;
    this.#finder = new OwnerFinder(parts);
    this.#calls = new OwnerCalls(this.#finder, registry, links, ring);
    this.members = new MemberRelay(this.#calls, registry, ring.self.nodeId, time, parts.alarm);
    this.#feeds = new FeedRelay({ ...parts, calls: this.#calls });
    this.#watched = new WatchedFeeds(registry, links, ring, time);
  }

  mailbox(userId: string): UserPort {
    return new RoutedMailbox(userId, false, this.#calls, this.#feeds);
  }

  mailboxOfClient(userId: string): UserPort {
    return new RoutedMailbox(userId, true, this.#calls, this.#feeds);
  }

  elsewhere(userId: string): Elsewhere | undefined {
    const owner = this.#finder.ownerOf(userId);
    if (owner.kind === 'here') return undefined;
    const { nodeId, clientUrl } = owner.member;
    return { nodeId, url: clientUrl, epoch: owner.epoch };
  }

  onMoves(listener: () => void): Cancel {
    this.#moveListeners.add(listener);
    return () => {
      this.#moveListeners.delete(listener);
    };
  }

  /** This node owns the user by the view in force. */
  isOwn(userId: string): boolean {
    return this.#finder.ownerOf(userId).kind === 'here';
  }

  /** A view was adopted: what it takes away leaves, feeds follow their users, the others are told. */
  adopted(change: ViewChange): void {
    const { registry, ring, links } = this.#parts;
    const isOwn = (userId: string): boolean => this.isOwn(userId);
    registry.release(isOwn);
    registry.followers.askAgain();
    this.#watched.release(isOwn);
    this.#feeds.moved(change);
    const { epoch, members } = this.#finder.view;
    for (const { nodeId } of members) {
      if (nodeId === ring.self.nodeId) continue;
      // Who misses it sees it on the board, or in the next frame.
      links.note(nodeId, { to: '', epoch, body: packNews({ kind: 'adopted' }) });
    }
    for (const listener of this.#moveListeners) listener();
  }

  /** Other nodes that serve devices of this node's user. */
  listenersOf(userId: string): readonly string[] {
    return this.#watched.listenersOf(userId);
  }

  /** The link to this node has lost what was under way. */
  linkReset(nodeId: string): void {
    this.#feeds.watchAgain(nodeId);
    this.#parts.registry.followers.askAgain();
  }

  request(to: string, envelope: Envelope, deadline: number): Promise<EnvelopeReply> {
    return this.#finder.ask(to, deadline, async (owner) => {
      if (owner.kind === 'here') return this.#parts.registry.mailbox(to).accept(envelope, deadline);
      const body = await this.#calls.ask(owner, to, { kind: 'envelope', envelope }, deadline);
      return unpackEnvelopeReply(body);
    });
  }

  async handle(request: PeerRequest, from: PeerIdentity): Promise<PeerReply> {
    this.#parts.ring.heard(from.incarnation, request.epoch);
    try {
      if (request.epoch > this.#finder.view.epoch) {
        await this.#finder.until(request.epoch, request.deadline);
      }
      const ask = unpackAsk(request.body);
      if (!namesItsOwn(ask) && !this.isOwn(request.to)) return this.#wrongOwner();
      return { kind: 'ok', body: await this.#served(ask, request, from) };
    } catch (error) {
      if (isMoved(error)) return this.#wrongOwner();
      throw error;
    }
  }

  note(note: PeerNote, from: PeerIdentity): void {
    this.#parts.ring.heard(from.incarnation, note.epoch);
    const news = unpackNews(note.body);
    // It is for a former start of this node: nobody listens here yet.
    if (this.#parts.ring.view === undefined) return;
    if (news.kind === 'changes') this.#feeds.heard(note.to, from, news.batch);
    else if (news.kind === 'unwatch') this.#watched.unwatch(note.to, from);
  }

  reset(from: PeerIdentity): void {
    this.#watched.forget(from);
    this.#feeds.watchAgain(from.nodeId, from.incarnation);
  }

  async #served(ask: PeerAsk, { to, epoch, deadline }: PeerRequest, from: PeerIdentity): Promise<unknown> {
    switch (ask.kind) {
      case 'envelope': {
        const reply = await this.#parts.registry.mailbox(to).accept(ask.envelope, deadline);
        return packEnvelopeReply(reply);
      }
      case 'call':
      case 'groupCall':
        if (ask.name === 'sendMessage') this.#checkRun(to, epoch);
        return this.#serveCall(to, ask, deadline);
      case 'watch':
        this.#refuseAhead(epoch);
        this.#watched.watch(to, from);
        return this.#parts.registry.headSentAhead(to) ?? null;
      case 'subscribe':
        this.#refuseAhead(epoch);
        return this.members.serve(ask, to, from.nodeId, deadline);
      case 'tell':
      case 'cards':
      case 'memberNews':
      case 'newsOfAll':
      case 'announce':
      case 'groupRange':
      case 'groupMarks':
        return this.members.serve(ask, to, from.nodeId, deadline);
    }
  }

  /** Who listens would be forgotten here at a view between this node's and the peer's, and the peer would not ask again. */
  #refuseAhead(epoch: number): void {
    if (epoch > this.#finder.view.epoch) throw new ProtocolError('moved', 'not in this view yet');
  }

  async #serveCall(
    entityId: string,
    ask: Extract<PeerAsk, { kind: 'call' | 'groupCall' }>,
    deadline: number,
  ): Promise<unknown> {
    // A user may come by every node: what is carried out here for all of them is no more than for one of them.
    if (ask.isCharged) this.#charge(ask.kind === 'call' ? entityId : ask.from);
    if (this.#callsUnderWay >= callsMax) {
      throw new ProtocolError('overloaded', 'the node is busy', { retryAfterMs: 500 });
    }
    this.#callsUnderWay += 1;
    try {
      // Peers are nodes of this cluster, and have checked what they pass on.
      if (ask.kind === 'call') {
        return await this.#calls.serve(entityId, ask.name, ask.params as ParamsOf<CallName>, deadline);
      }
      const asked = { from: ask.from, params: ask.params as GroupParamsOf<GroupCallName> };
      return await this.#calls.serveGroup(entityId, ask.name, asked, deadline);
    } finally {
      this.#callsUnderWay -= 1;
    }
  }

  #charge(userId: string): void {
    const retryAfterMs = this.#parts.charge(userId);
    if (retryAfterMs > 0) throw new ProtocolError('rate_limited', 'too many calls', { retryAfterMs });
  }

  /** Who was refused by a view in between must not be overtaken by what was sent after it (see OrderedSends, G3). */
  #checkRun(userId: string, sinceEpoch: number): void {
    if (this.#parts.ring.keeps(userId, sinceEpoch)) return;
    throw new ProtocolError('moved', 'not served here without a break since that view');
  }

  #wrongOwner(): PeerReply {
    return { kind: 'wrongOwner', epoch: this.#finder.view.epoch };
  }
}

/** Asks that name themselves whom they are for, or are for whoever is there. */
function namesItsOwn({ kind }: PeerAsk): boolean {
  return kind === 'tell' || kind === 'cards' || kind === 'newsOfAll' || kind === 'announce';
}
