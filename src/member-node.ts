import { newActorTally, type ActorTally } from './actor/actor-tally.ts';
import { EntityRegistry, type CacheLimits, type RegistryHost } from './actor/entity-registry.ts';
import { OutboxSweeper, type SweeperTiming } from './actor/outbox-sweeper.ts';
import { MailboxClaims } from './actor/mailbox-claims.ts';
import type { LeaseBoard } from './membership/lease-board.ts';
import type { LeaseTerms } from './membership/lease-clock.ts';
import type { MembershipEvent, ViewChange } from './membership/membership-event.ts';
import { Membership } from './membership/membership.ts';
import type { RemovalTerms } from './membership/removals.ts';
import type { ReadRule } from './membership/ring-tenure.ts';
import type { PeerLimits } from './peer/peer-limits.ts';
import type { PeerMember } from './peer/peer-link.ts';
import { PeerLinks } from './peer/peer-links.ts';
import type { PeerAddress, PeerNetwork } from './peer/peer-network.ts';
import { PeerServer } from './peer/peer-server.ts';
import type { PeerEvents, PeerSetup } from './peer/peer-setup.ts';
import { PeerTally } from './peer/peer-tally.ts';
import { ArrivalGate } from './handoff/arrival-gate.ts';
import { Handoff, type HandoffParts } from './handoff/handoff.ts';
import type { HandoffLimits } from './handoff/handoff-limits.ts';
import { PeerDesk } from './handoff/peer-desk.ts';
import { RingChanges } from './handoff/ring-changes.ts';
import type { RingControl, RingProgress } from './handoff/ring-control.ts';
import { RingDesk } from './handoff/ring-desk.ts';
import { ordinaryWeight, type Member } from './ring/member.ts';
import type { RingView } from './ring/ring-view.ts';
import { PresenceDesk } from './presence/presence-desk.ts';
import { ClusterRouter, type ChargeUser } from './router/cluster-router.ts';
import { RingSeat } from './router/ring-seat.ts';
import { rowHashCount } from './row/row-key.ts';
import type { RowStore } from './row/row-store.ts';
import type { Time } from './std/time.ts';

export interface MemberNodeParts {
  readonly nodeId: string;
  /** This start of the node; the one that its row versions name. 16 hex digits. */
  readonly incarnation: string;
  /** Earlier incarnations of this node that have certainly ended: nobody has to wait for them. */
  readonly ended?: readonly string[];
  readonly store: RowStore;
  readonly board: LeaseBoard;
  readonly readRule: ReadRule;
  readonly leaseTerms: LeaseTerms;
  readonly removal: RemovalTerms;
  readonly network: PeerNetwork;
  /** What the nodes of the cluster share, at least 32 bytes. */
  readonly secret: Uint8Array;
  /** Cryptographically random bytes. */
  readonly entropy: (bytes: number) => Uint8Array;
  readonly peerLimits: PeerLimits;
  readonly mailboxes: Omit<
    RegistryHost,
    | 'store'
    | 'time'
    | 'random'
    | 'tenure'
    | 'envelopes'
    | 'groups'
    | 'members'
    | 'tally'
    | 'alarm'
    | 'handoff'
  >;
  readonly cache: CacheLimits;
  readonly handoff: HandoffLimits;
  readonly sweeping: SweeperTiming;
  readonly time: Time;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  readonly events: MemberNodeEvents;
  /** For calls of users that come by other nodes. */
  readonly charge: ChargeUser;
}

/** For the log and the metrics; none of them may throw. */
export interface MemberNodeEvents {
  readonly membership: (event: MembershipEvent) => void;
  readonly peers: Omit<PeerEvents, 'linkReset'>;
  /** A change of the ring that this node carries out has come to its next phase. */
  readonly ringChange: (progress: RingProgress) => void;
  /** A scan for what is owed has failed and will be tried again. */
  readonly sweepFailed: (error: unknown) => void;
  /** A bug: it was contained. */
  readonly alarm: (error: unknown, what: string) => void;
}

/** Where this node is to be found. */
export interface MemberAddresses {
  /** For clients, `ws://…` or `wss://…`. */
  readonly clientUrl: string;
  /** Where to listen for peers, which dial the same address; port 0 takes a free one. */
  readonly peer: PeerAddress;
}

/** For requests under way when a link or the node ends. */
const drainMs = 2_000;

/**
 * A node of the ring without its doors for clients: mailboxes, routing, links to the other nodes, membership. All of
 * the outside is an argument, so that the simulator runs this very class.
 */
export class MemberNode {
  readonly registry: EntityRegistry;
  readonly router: ClusterRouter;
  readonly tally: ActorTally = newActorTally();
  readonly peerTally = new PeerTally();
  readonly links: PeerLinks;
  readonly handoff: Handoff;
  readonly presence: PresenceDesk;
  /** For operators. */
  readonly control: RingControl;
  readonly #parts: MemberNodeParts;
  readonly #seat: RingSeat;
  readonly #server: PeerServer;
  readonly #sweeper: OutboxSweeper;
  readonly #claims: MailboxClaims;
  readonly #changes: RingChanges;
  readonly #gate: ArrivalGate;
  #membership: Membership | undefined;
  #peerAddress = '';
  /** Another node has been in the ring, and may still have something on its way. */
  #hasHadCompany = false;
  readonly #answer: HandoffParts['onChange'];

  constructor(parts: MemberNodeParts) {
    const { nodeId, incarnation, store, time, random, events } = parts;
    this.#parts = parts;
    this.#seat = new RingSeat({ nodeId, incarnation });
    const setup = this.#peerSetup();
    this.links = new PeerLinks(setup);
    this.handoff = this.#newHandoff();
    this.#gate = new ArrivalGate({
      isReachedBy: (member) => this.#server.isConnectedWith(member),
      onUnreached: (by, waitedMs) => {
        events.membership({ kind: 'unreached', by, peerAddress: this.#peerAddress, waitedMs });
      },
      time,
    });
    this.#changes = new RingChanges({
      gate: this.#gate,
      ...{ self: this.#seat.self, handoff: this.handoff, limits: parts.handoff, time, random },
      ...{ onProgress: events.ringChange, alarm: events.alarm },
    });
    const desk = new RingDesk({ nodeId, changes: this.#changes, handoff: this.handoff, time });
    this.#answer = (ask) => desk.answer(ask);
    this.control = desk;
    this.registry = new EntityRegistry(
      {
        ...parts.mailboxes,
        ...{ store, time, random, tenure: this.#seat, tally: this.tally, alarm: events.alarm },
        handoff: this.handoff,
        ...this.#ports(),
      },
      parts.cache,
    );
    const { registry, links } = this;
    this.router = new ClusterRouter({
      ...{ registry, links, ring: this.#seat, time, random, alarm: events.alarm },
      charge: parts.charge,
    });
    this.presence = new PresenceDesk({
      ...{ registry, links, ring: this.#seat, router: this.router, time, random, alarm: events.alarm },
    });
    const { router, handoff, presence } = this;
    this.#server = new PeerServer(setup, new PeerDesk({ router, handoff, presence }));
    this.#sweeper = this.#newSweeper();
    const deadlineMs = parts.mailboxes.actorLimits.commitDeadlineMs;
    this.#claims = new MailboxClaims({ registry, time, random, deadlineMs, alarm: events.alarm });
    // Always alone, and with reads that ask the store anyway, there is nothing to be gained by a claim.
    registry.onAudience((userId, isHeard) => {
      const isOfUse = parts.readRule === 'held' || this.#hasHadCompany;
      if (isHeard && isOfUse) this.#claims.heard(userId);
    });
    this.#seat.onView((change) => {
      this.#adopted(change);
    });
  }

  /** The view in force; undefined before this node has joined. */
  get view(): RingView | undefined {
    return this.#seat.view;
  }

  /** In the view in force, and so in service. */
  get isMember(): boolean {
    return this.#membership?.isMember ?? false;
  }

  /** Of this node in the view in force; 0 where it is not in there. */
  get weight(): number {
    return this.view?.member(this.#parts.nodeId)?.weight ?? 0;
  }

  /** Those that live and don't reach this node, which therefore gets no users yet; empty: that is not so. */
  get unreachedBy(): readonly string[] {
    return this.#gate.unreachedBy;
  }

  /** Does it carry out a change of the ring? */
  get isChangingRing(): boolean {
    return this.#changes.running !== undefined;
  }

  /** Listens for peers and joins the ring. Rejects where that is not possible before the deadline. */
  async start({ clientUrl, peer }: MemberAddresses, deadline: number): Promise<void> {
    const { nodeId, incarnation, store, board, time, random, readRule, leaseTerms, removal, events } =
      this.#parts;
    const { host, port } = await this.#server.listen(peer);
    const peerAddress = `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
    this.#peerAddress = peerAddress;
    const self: Member = { nodeId, incarnation, weight: ordinaryWeight, clientUrl, peerAddress };
    this.#membership = new Membership({
      ...{ self, store, board, time, random, readRule, terms: leaseTerms, onEvent: events.membership },
      removal,
      unheardMs: (other) => Math.min(this.links.unheardMs(other), this.#server.unheardMs(other)),
      refusedMs: (other) => {
        const refusedMs = this.links.refusedMs(other.nodeId);
        return refusedMs !== undefined && this.#server.isConnectedWith(other) ? undefined : refusedMs;
      },
      ended: this.#parts.ended ?? [],
      entersEmpty: true,
    });
    this.#seat.take(this.#membership);
    this.#changes.take(this.#membership);
    await this.#membership.start(deadline);
    await this.#within(this.#changes.arrive(), deadline);
  }

  /**
   * Gives away what it serves, hot, where somebody is there to take it; goes on for its devices, whose users others serve.
   * Resolves at the deadline at the latest. @returns whether others serve all of them now
   */
  async handOver(deadline: number): Promise<boolean> {
    try {
      await this.#within(this.#changes.handOver(deadline), deadline);
    } catch (error) {
      this.#parts.events.membership({ kind: 'trouble', what: 'handing over', error });
    }
    return this.isMember && this.weight === 0;
  }

  /** Leaves the ring in good order, then the links. What clients asked must be done before. */
  async stop(deadline: number): Promise<void> {
    this.#sweeper.stop();
    this.#claims.stop();
    this.#changes.stop();
    this.handoff.stop();
    this.presence.stop();
    try {
      await this.#membership?.leave(deadline);
    } catch (error) {
      // The others find out when the lease has run out.
      this.#parts.events.membership({ kind: 'trouble', what: 'leaving the ring', error });
    }
    await Promise.all([this.links.close(drainMs), this.#server.close(drainMs)]);
  }

  #adopted(change: ViewChange): void {
    this.#hasHadCompany ||= change.after.members.length > 1 || this.#membership?.hasRemoved === true;
    this.links.adopt(change.after.members.map(peerMember), drainMs);
    // Before the others hear of the adoption: on each link the last words come first.
    this.handoff.adopted(change);
    this.router.adopted(change);
    this.presence.adopted(change.after);
    this.#sweeper.start();
    this.#claims.begin((userId) => this.#isNewHere(userId, change));
    // Also after it was taken out while it lived.
    void this.#changes.arrive();
  }

  /** Did another node own the user before that view, for all that this node knows? */
  #isNewHere(userId: string, { before, isInOrder }: ViewChange): boolean {
    if (!this.router.isOwn(userId)) return false;
    if (before === undefined) return this.#hasHadCompany;
    return !isInOrder || before.ownerOf(userId).incarnation !== this.#parts.incarnation;
  }

  #newSweeper(): OutboxSweeper {
    const { store, time, random, events, sweeping } = this.#parts;
    const wake = async (entityId: string, deadline: number): Promise<void> => {
      if (this.router.isOwn(entityId)) await this.registry.entity(entityId).wake(deadline);
    };
    const everything = { fromHash: 0, toHash: rowHashCount };
    return new OutboxSweeper(everything, { store, time, random, wake, failed: events.sweepFailed }, sweeping);
  }

  #newHandoff(): Handoff {
    const { time, cache, handoff: limits, events } = this.#parts;
    return new Handoff({
      ...{ ring: this.#seat, links: this.links, budgetBytes: cache.budgetBytes, limits, time },
      registry: () => this.registry,
      onChange: (ask) => this.#answer(ask),
      alarm: events.alarm,
    });
  }

  #within(work: Promise<void>, deadline: number): Promise<void> {
    const { time } = this.#parts;
    return new Promise((resolve, reject) => {
      const cancel = time.after(deadline - time.monotonicMs(), resolve);
      work.then(resolve, reject).finally(cancel);
    });
  }

  /** How entities of this node reach others; the router comes after the registry. */
  #ports(): Pick<RegistryHost, 'envelopes' | 'groups' | 'members'> {
    return {
      envelopes: { request: (to, envelope, deadline) => this.router.request(to, envelope, deadline) },
      groups: {
        news: (groupId, userId, known, deadline) =>
          this.router.members.news(groupId, userId, known, deadline),
        mark: (groupId, userId, marks, deadline) =>
          this.router.members.mark(groupId, userId, marks, deadline),
        newsOfAll: (userId, known, deadline) => this.router.members.newsOfAll(userId, known, deadline),
        subscribe: (groupId, deadline) => this.router.members.subscribe(groupId, deadline),
        range: (groupId, userId, bounds, deadline) =>
          this.router.members.range(groupId, userId, bounds, deadline),
      },
      members: {
        nodeOf: (userId) => this.router.members.nodeOf(userId),
        tell: (nodeId, circular, deadline) => this.router.members.tell(nodeId, circular, deadline),
        announce: (nodeId, announcement, deadline) =>
          this.router.members.announce(nodeId, announcement, deadline),
        cards: (groupId, asked, deadline) => this.router.members.cards(groupId, asked, deadline),
      },
    };
  }

  #peerSetup(): PeerSetup {
    const { nodeId, incarnation, secret, entropy, peerLimits, network, time, random, events } = this.#parts;
    return {
      handshake: { self: { nodeId, incarnation }, secret, entropy },
      ...{ limits: peerLimits, network, time, random, tally: this.peerTally },
      events: {
        ...events.peers,
        linkDown: (peerId, fault, failures) => {
          if (fault.isRefusal) this.#membership?.missed();
          events.peers.linkDown(peerId, fault, failures);
        },
        linkReset: (peerId) => {
          this.router.linkReset(peerId);
          this.presence.linkReset(peerId);
        },
      },
    };
  }
}

function peerMember({ nodeId, incarnation, peerAddress }: Member): PeerMember {
  const split = peerAddress.lastIndexOf(':');
  const host = peerAddress.slice(0, split).replace(/^\[(.*)\]$/, '$1');
  return { nodeId, incarnation, address: { host, port: Number(peerAddress.slice(split + 1)) } };
}
