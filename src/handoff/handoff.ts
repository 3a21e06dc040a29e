import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { HandoffPort, SentState } from '../actor/handoff-port.ts';
import { reviveEntity } from '../actor/revive-entity.ts';
import type { ViewChange } from '../membership/membership-event.ts';
import type { PeerLinks } from '../peer/peer-links.ts';
import type { PeerIdentity, PeerReply, PeerRequest } from '../peer/peer-request.ts';
import { plannedView } from '../ring/pending-change.ts';
import type { RingPort } from '../router/ring-port.ts';
import type { Cell } from '../row/cell.ts';
import type { RowCopy } from '../row/row-snapshot.ts';
import type { RowVersion } from '../row/row-version.ts';
import type { Time } from '../std/time.ts';
import { Departure, flowsOf, movingFrom } from './departure.ts';
import type { HandoffLimits } from './handoff-limits.ts';
import { newHandoffTally, type HandoffTally } from './handoff-tally.ts';
import {
  packFlows,
  packHandoffAsk,
  packStatus,
  unpackHandoffAsk,
  unpackIds,
  unpackStatus,
  type HandoffAsk,
  type NodeStatus,
  type SentCopy,
  type SurveyedFlow,
  type WeightPlan,
} from './handoff-wire.ts';
import { RowCopies } from './row-copies.ts';

export interface HandoffParts {
  readonly ring: RingPort;
  /** Asked for when it is needed: the registry's entities know this object. */
  readonly registry: () => EntityRegistry;
  readonly links: Pick<PeerLinks, 'request' | 'version'>;
  /** Of the cache. */
  readonly budgetBytes: number;
  readonly limits: HandoffLimits;
  readonly time: Time;
  /** What changes of the ring are asked, by a node that shows or aborts one that this node carries out. */
  readonly onChange: (ask: Extract<HandoffAsk, { kind: 'progress' | 'abort' }>) => Promise<string | null>;
  readonly alarm: (error: unknown, what: string) => void;
}

/** Of the cache, for copies, when it is full already. */
const copiesShareMin = 1 / 8;
/** The first version of the wire format that has hand-off. */
const wireVersionMin = 2;

/** This node's part in hand-offs: what leaves it, and what others have sent it ahead. */
export class Handoff implements HandoffPort {
  readonly tally: HandoffTally = newHandoffTally();
  readonly copies: RowCopies;
  readonly #parts: HandoffParts;
  #departure: Departure | undefined;

  constructor(parts: HandoffParts) {
    this.#parts = parts;
    this.copies = new RowCopies({
      time: parts.time,
      limits: parts.limits,
      tally: this.tally,
      roomBytes: () => Math.max(parts.budgetBytes * copiesShareMin, parts.registry().roomBytes),
      isOwn: (entityId) => this.#isOwn(entityId),
      unpack: (entityId, copy) => this.#unpack(entityId, copy),
      revive: (entityId) => this.#revive(entityId),
    });
  }

  take(entityId: string): SentState | undefined {
    return this.copies.take(entityId);
  }

  standsAt(entityId: string): RowVersion | undefined {
    return this.copies.standsAt(entityId);
  }

  lastWord(entityId: string): Promise<void> | undefined {
    return this.copies.lastWord(entityId);
  }

  committed(
    entityId: string,
    base: RowVersion | undefined,
    version: RowVersion,
    cells: readonly Cell[],
  ): void {
    this.copies.committed(entityId);
    this.#departure?.committed(entityId, base, version, cells);
  }

  /** A view is in force, and what it takes is sealed; called before anything about it is shown to others. */
  adopted({ after }: ViewChange): void {
    this.copies.adopted();
    const departure = this.#departure;
    if (departure === undefined) return;
    if (departure.isFor(after)) {
      departure.seal(after).catch((error: unknown) => {
        this.#parts.alarm(error, 'the last words of a hand-off');
      });
    } else departure.end();
  }

  stop(): void {
    this.#departure?.end();
    this.copies.stop();
  }

  /** What would leave this node. */
  survey(plan: WeightPlan): readonly SurveyedFlow[] {
    const { registry, ring } = this.#parts;
    const { view } = ring;
    if (view?.member(plan.nodeId) === undefined) return [];
    return flowsOf(movingFrom(registry(), ring.self.nodeId, view, plannedView(view, plan)));
  }

  /** How far a node is; undefined: it doesn't answer. `cold`: it speaks an older format. */
  async statusOf(
    nodeId: string,
    ask: Extract<HandoffAsk, { kind: 'prepare' | 'status' }>,
  ): Promise<NodeStatus | undefined> {
    const { links, ring } = this.#parts;
    if (nodeId === ring.self.nodeId) return this.#status(ask);
    const version = links.version(nodeId);
    if (version > 0 && version < wireVersionMin) {
      return { state: 'cold', totalUsers: 0, movedUsers: 0, totalBytes: 0, movedBytes: 0 };
    }
    const body = await this.ask(nodeId, ask);
    return body === undefined ? undefined : unpackStatus(body);
  }

  /** @returns the body of the reply; undefined: there was none, or it speaks an older format */
  async ask(nodeId: string, ask: HandoffAsk): Promise<unknown> {
    const { limits, links, ring, time } = this.#parts;
    if (links.version(nodeId) < wireVersionMin) return undefined;
    const reply = await links.request(nodeId, {
      to: '',
      epoch: ring.view?.epoch ?? 0,
      deadline: time.monotonicMs() + limits.requestMs,
      body: packHandoffAsk(ask),
    });
    return reply.kind === 'ok' ? reply.body : undefined;
  }

  /** A request of a peer that is about hand-off. What it names comes in before this gives up control. */
  async handle(request: PeerRequest, from: PeerIdentity): Promise<PeerReply> {
    this.#parts.ring.heard(from.incarnation, request.epoch);
    return { kind: 'ok', body: await this.#answer(unpackHandoffAsk(request.body)) };
  }

  cancel(changeId: string): void {
    this.copies.cancel(changeId);
    if (this.#departure?.changeId === changeId) this.#departure.end();
  }

  #answer(ask: HandoffAsk): unknown {
    switch (ask.kind) {
      case 'survey':
        return packFlows(this.survey(ask.plan));
      case 'prepare':
      case 'status':
        return packStatus(this.#status(ask));
      case 'copies':
        return this.#accept(ask);
      case 'cancel':
        this.cancel(ask.changeId);
        return null;
      case 'progress':
      case 'abort':
        return this.#parts.onChange(ask);
    }
  }

  /** @returns the ids of those that were not taken, when the others are unpacked, but for those that moved meanwhile */
  async #accept({ changeId, copies }: Extract<HandoffAsk, { kind: 'copies' }>): Promise<readonly string[]> {
    const refused = this.copies.accept(changeId, copies);
    await this.copies.unpack(copies);
    return refused;
  }

  #status(ask: Extract<HandoffAsk, { kind: 'prepare' | 'status' }>): NodeStatus {
    this.copies.heard(ask.changeId);
    const { view } = this.#parts.ring;
    const departure = this.#departure;
    if (departure?.changeId === ask.changeId) return departure.status();
    const waiting: NodeStatus = {
      state: 'waiting',
      totalUsers: 0,
      movedUsers: 0,
      totalBytes: 0,
      movedBytes: 0,
    };
    if (ask.kind === 'status' || view?.epoch !== ask.epoch) return waiting;
    if (view.member(ask.plan.nodeId) === undefined) return waiting;
    // Another coordinator asks for that one, or its last words are on their way: when it is over this one may begin.
    if (departure?.isOver === false) return waiting;
    this.#departure = this.#newDeparture(ask, view);
    return this.#departure.status();
  }

  #newDeparture(
    { changeId, epoch, plan }: Extract<HandoffAsk, { kind: 'prepare' }>,
    view: NonNullable<RingPort['view']>,
  ): Departure {
    const { alarm, limits, registry, ring, time } = this.#parts;
    const send = (
      to: string,
      id: string,
      copies: readonly SentCopy[],
    ): Promise<readonly string[] | undefined> => this.#send(to, id, copies);
    const planned = plannedView(view, plan);
    const { nodeId } = ring.self;
    const parts = { changeId, epoch, planned, nodeId, registry: registry(), send, limits, time };
    return new Departure({ ...parts, tally: this.tally, alarm }, view);
  }

  async #send(
    to: string,
    changeId: string,
    copies: readonly SentCopy[],
  ): Promise<readonly string[] | undefined> {
    const body = await this.ask(to, { kind: 'copies', changeId, copies });
    return body === undefined ? undefined : unpackIds(body);
  }

  #unpack(entityId: string, copy: RowCopy): SentState | undefined {
    try {
      return reviveEntity(entityId, copy);
    } catch (error) {
      // It is loaded from the store instead.
      this.#parts.alarm(error, `the copy of ${entityId} that another node has sent`);
      return undefined;
    }
  }

  async #revive(entityId: string): Promise<void> {
    try {
      await this.#parts.registry().entity(entityId).revive();
    } catch (error) {
      // Whoever asks for it loads it.
      this.#parts.alarm(error, `taking over ${entityId}`);
    }
  }

  #isOwn(entityId: string): boolean {
    const { ring } = this.#parts;
    return ring.view?.ownerOf(entityId).incarnation === ring.self.incarnation;
  }
}
