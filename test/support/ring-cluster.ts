import { Membership } from '../../src/membership/membership.ts';
import type { MembershipEvent } from '../../src/membership/membership-event.ts';
import { RingDocuments } from '../../src/membership/ring-documents.ts';
import type { ReadRule } from '../../src/membership/ring-tenure.ts';
import type { Member } from '../../src/ring/member.ts';
import type { RingDocument } from '../../src/ring/ring-document.ts';
import type { RowStore } from '../../src/row/row-store.ts';
import { RowVersionSource } from '../../src/row/row-version.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import { MemoryTable } from '../../src/store/memory-table.ts';
import { VersionedStore } from '../../src/store/versioned-store.ts';
import { FaultyTable } from './faulty-table.ts';
import type { Fault, TableCall } from './faulty-table.ts';
import { MemoryBoardServer, MemoryLeaseBoard } from './memory-lease-board.ts';
import type { BoardFault } from './memory-lease-board.ts';
import { NodeTable } from './node-table.ts';
import type { WayMs } from './node-table.ts';
import { NodeTime } from './node-time.ts';
import { incarnationOf, memberOf } from './ring-parts.ts';
import type { SeededRandom } from './seeded-random.ts';
import { VirtualTime } from './virtual-time.ts';

export interface RingNodeFaults {
  store?: ((call: TableCall) => Fault | undefined) | undefined;
  way?: (() => WayMs | undefined) | undefined;
  board?: (() => BoardFault | undefined) | undefined;
  /** Nothing passes over its links: since then, in time of the world. */
  linksCutAtMs?: number | undefined;
}

/** One process of a node in virtual time. */
export interface RingNode {
  readonly self: Member;
  readonly time: NodeTime;
  readonly store: RowStore;
  readonly membership: Membership;
  readonly events: MembershipEvent[];
  /** May be changed at any time. */
  readonly faults: RingNodeFaults;
}

export interface RingNodeOptions {
  readonly weight?: number;
  /** How fast its clocks run. */
  readonly rate?: number;
  readonly readRule?: ReadRule;
  /** Earlier incarnations of the node that are known to have ended. */
  readonly ended?: readonly string[];
}

const joinTimeoutMs = 60_000;

/** Nodes, one store and one board, in virtual time and from one seed. */
export class RingCluster {
  readonly world = new VirtualTime();
  readonly table = new MemoryTable(this.world);
  readonly board = new MemoryBoardServer();
  readonly random: SeededRandom;
  readonly nodes: RingNode[] = [];
  #starts = 0;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  /** A new process of node `n<number>`; `start` it or use `join`. */
  add(number: number, options: RingNodeOptions = {}): RingNode {
    const start = ++this.#starts;
    const weight = options.weight ?? 100;
    const self = memberOf(number, { start, weight });
    const time = new NodeTime(this.world, options.rate ?? 1, this.random.below(1_000_000));
    const faults: RingNodeFaults = {};
    const faulty = new FaultyTable(this.table, time, (call) => faults.store?.(call));
    const table = new NodeTable(faulty, time, () => faults.way?.());
    const versions = new RowVersionSource(incarnationOf(number, start));
    const store = new VersionedStore({ table, versions, time, random: this.random.next });
    const board = new MemoryLeaseBoard(this.board, time, () => faults.board?.());
    const events: MembershipEvent[] = [];
    const membership = new Membership({
      ...{ self, store, board, time, random: this.random.next },
      ...{ readRule: options.readRule ?? 'held', ended: options.ended ?? [] },
      unheardMs: (other) => this.#unheardMs(node, other),
      refusedMs: (other) => this.#refusedMs(node, other),
      onEvent: (event) => events.push(event),
    });
    const node: RingNode = { self, time, store, membership, events, faults };
    this.nodes.push(node);
    return node;
  }

  /** As links have it that are up between all processes that run. */
  #unheardMs(node: RingNode, { incarnation }: Member): number {
    const other = this.nodes.find(({ self }) => self.incarnation === incarnation);
    if (other === undefined) return Infinity;
    return Math.max(this.#cutMs(node), this.#cutMs(other), other.time.silentMs);
  }

  /** The machine of a dead process refuses, where it is reached. */
  #refusedMs(node: RingNode, { incarnation }: Member): number | undefined {
    const other = this.nodes.find(({ self }) => self.incarnation === incarnation);
    const isReached = other !== undefined && this.#cutMs(node) === 0 && this.#cutMs(other) === 0;
    return isReached && other.time.isDead ? other.time.silentMs : undefined;
  }

  #cutMs({ faults: { linksCutAtMs } }: RingNode): number {
    return linksCutAtMs === undefined ? 0 : this.world.monotonicMs() - linksCutAtMs;
  }

  /** Adds and starts a node, and lets time pass until it is in. */
  async join(number: number, options?: RingNodeOptions): Promise<RingNode> {
    const node = this.add(number, options);
    await this.world.drive(node.membership.start(node.time.monotonicMs() + joinTimeoutMs));
    return node;
  }

  /** Three nodes that have been together for a while. */
  async three(options?: RingNodeOptions): Promise<readonly [RingNode, RingNode, RingNode]> {
    const nodes = [
      await this.join(1, options),
      await this.join(2, options),
      await this.join(3, options),
    ] as const;
    await this.world.run(5_000);
    return nodes;
  }

  /** The views of this epoch that any node has adopted: at most one. */
  viewIdsOf(epoch: number): readonly string[] {
    const adopted = this.nodes.flatMap(({ events }) => events.filter((event) => event.kind === 'adopted'));
    const views = adopted.map(({ change }) => change.after).filter((view) => view.epoch === epoch);
    return [...new Set(views.map(({ viewId }) => viewId))];
  }

  /** What the store has, as this node reads it. */
  async stored(node: RingNode): Promise<RingDocument> {
    const ring = await this.world.drive(new RingDocuments(node.store).latest(later(node)));
    if (ring === undefined) throw new Error('the store has no ring');
    return ring.document;
  }

  /** A commit of this node that has to win; whether it may commit is not asked. */
  async write(node: RingNode, entityId: string, base?: RowVersion): Promise<RowVersion> {
    const cells = [{ family: 'h', qualifier: Buffer.from('p'), value: Buffer.from('x') }] as const;
    const commit = { base, epoch: node.membership.tenure.epoch(), cells };
    const outcome = await this.world.drive(node.store.commit(entityId, commit, later(node)));
    if (outcome.kind === 'conflict') throw new Error('expected no conflict');
    return outcome.version;
  }
}

/** Nodes in this node's view. */
export function namesIn(node: RingNode): readonly string[] {
  return node.membership.view?.members.map(({ nodeId }) => nodeId) ?? [];
}

/** A deadline on this node's clock. */
export function later(node: RingNode, ms = 60_000): number {
  return node.time.monotonicMs() + ms;
}

/** An id that this node owns in its view. */
export function idOf(owner: RingNode): string {
  for (let i = 0; ; i++) {
    const id = `user${i}`;
    if (owner.membership.view?.ownerOf(id).incarnation === owner.self.incarnation) return id;
  }
}
