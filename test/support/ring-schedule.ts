import { StoreError } from '../../src/row/row-store.ts';
import type { Fault } from './faulty-table.ts';
import type { BoardFault } from './memory-lease-board.ts';
import { RingCluster } from './ring-cluster.ts';
import type { RingNode } from './ring-cluster.ts';
import { RingWorkload } from './ring-workload.ts';
import { SeededRandom } from './seeded-random.ts';

const nodeCount = 4;
const entityIds = Array.from({ length: 12 }, (_, i) => `user${i}`);
const turns = 60;
const turnMaxMs = 3_000;
const operationEveryMs = 60;
/** For dead members to go, one a minute, and everybody else to come back. */
const healingMs = 420_000;

export interface ScheduleReport {
  readonly violations: readonly string[];
  readonly tally: RingWorkload['tally'];
  readonly epochs: number;
}

/**
 * One generated history of a cluster: pauses, suspended machines, clocks that jump or run fast, lost, late and
 * ambiguous calls, a board that forgets, kills, restarts, leaves; then everything heals. What must hold is
 * checked from outside:
 * - whatever a node reads from memory while its lease is current, no other node has committed since (G7);
 * - an epoch belongs to one view, and no node ever goes back;
 * - healed, all living nodes are in one view, with nobody in it who is dead, hold current leases, and can commit.
 */
export class RingSchedule {
  readonly #random: SeededRandom;
  readonly #cluster: RingCluster;
  readonly #workload: RingWorkload;
  readonly #violations: string[] = [];
  /** The living process of each node, by its number. */
  readonly #living = new Map<number, RingNode>();
  readonly #background = new Set<Promise<unknown>>();
  #boardOfOld: RingCluster['board']['contents'] | undefined;
  #isHealed = false;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#cluster = new RingCluster(this.#random);
    this.#workload = new RingWorkload(this.#cluster);
  }

  async run(): Promise<ScheduleReport> {
    const { world } = this.#cluster;
    for (let number = 1; number < nodeCount; number++) this.#start(number);
    await world.run(3_000);
    this.#work();
    for (let turn = 0; turn < turns; turn++) {
      this.#disturb();
      await world.run(this.#random.below(turnMaxMs));
    }
    this.#heal();
    await world.run(healingMs);
    await this.#checkHealed();
    this.#checkEpochs();
    return {
      violations: [...this.#violations, ...this.#workload.violations],
      tally: this.#workload.tally,
      epochs: Math.max(...this.#cluster.nodes.map(({ membership }) => membership.tenure.epoch())),
    };
  }

  /** Operations on any node that lives, whether it is the owner or not, for ever. */
  #work(): void {
    const { world } = this.#cluster;
    const everyMs = this.#isHealed ? operationEveryMs * 20 : operationEveryMs;
    world.after(this.#random.below(2 * everyMs), () => {
      for (let i = 0; i < 4; i++) {
        const node = this.#someNode();
        const entityId = this.#random.pick(entityIds);
        if (!node?.time.isRunning || node.membership.view === undefined) continue;
        const isWrite = this.#random.chance(0.25);
        this.#inBackground(
          isWrite ? this.#workload.write(node, entityId) : this.#workload.read(node, entityId),
        );
      }
      this.#work();
    });
  }

  #disturb(): void {
    const number = 1 + this.#random.below(nodeCount);
    const node = this.#living.get(number);
    if (node === undefined) {
      this.#start(number);
      return;
    }
    const disturbances: readonly (() => void)[] = [
      () => this.#interrupt(node, () => node.time.pause()),
      () => this.#interrupt(node, () => node.time.suspend()),
      () => node.time.skewWall(this.#random.below(20_000) - 10_000),
      () => this.#breakBoard(node),
      () => this.#breakStore(node),
      () => (node.faults.linksCutAtMs = this.#cluster.world.monotonicMs()),
      () => this.#slowStore(node),
      () => this.#repair(node),
      () => this.#kill(number, node),
      () => this.#restart(number, node),
      () => this.#leave(number, node),
      () => this.#cluster.board.wipe(),
      () => this.#fallBack(),
    ];
    this.#random.pick(disturbances)();
  }

  #start(number: number, ended: readonly string[] = []): void {
    const rate = 0.99 + this.#random.next() * 0.04;
    const node = this.#cluster.add(number, { rate, ended });
    this.#living.set(number, node);
    const joined = node.membership.start(node.time.monotonicMs() + 20_000).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      if (this.#living.get(number) === node) this.#kill(number, node);
    });
    this.#inBackground(joined);
  }

  #interrupt(node: RingNode, stop: () => void): void {
    stop();
    this.#cluster.world.after(this.#random.below(this.#random.pick([400, 9_000, 30_000])), () => {
      node.time.resume();
    });
  }

  #breakBoard(node: RingNode): void {
    const { random } = { random: this.#random };
    const faults: readonly BoardFault[] = [
      { kind: 'lost' },
      { kind: 'reply_lost' },
      { kind: 'slow', delayMs: random.below(4_000) },
    ];
    const share = random.pick([0.3, 1]);
    node.faults.board = () => (random.chance(share) ? random.pick(faults) : undefined);
  }

  #breakStore(node: RingNode): void {
    const random = this.#random;
    const faults: readonly Fault[] = [
      { kind: 'lost' },
      { kind: 'reply_lost' },
      { kind: 'unavailable' },
      { kind: 'late', delayMs: random.below(15_000) },
    ];
    const share = random.pick([0.2, 0.2, 1]);
    node.faults.store = () => (random.chance(share) ? random.pick(faults) : undefined);
  }

  #slowStore(node: RingNode): void {
    const mostMs = this.#random.pick([20, 1_500, 3_000]);
    node.faults.way = () => ({ thereMs: this.#random.below(mostMs), backMs: this.#random.below(mostMs) });
  }

  #repair(node: RingNode): void {
    node.faults.board = undefined;
    node.faults.store = undefined;
    node.faults.way = undefined;
    node.faults.linksCutAtMs = undefined;
  }

  #kill(number: number, node: RingNode): void {
    this.#end(node);
    this.#living.delete(number);
  }

  /** Its connections are gone at once, and most others notice. */
  #end(node: RingNode): void {
    node.time.kill();
    for (const { membership } of this.#living.values()) if (this.#random.chance(0.7)) membership.missed();
  }

  /** The old process may go on for a while, or for ever; where it is dead, the new one may know that. */
  #restart(number: number, node: RingNode): void {
    const isDead = this.#random.chance(0.5);
    if (isDead) this.#end(node);
    this.#start(number, isDead && this.#random.chance(0.5) ? [node.self.incarnation] : []);
  }

  #leave(number: number, node: RingNode): void {
    if (!node.time.isRunning) return;
    this.#living.delete(number);
    this.#inBackground(
      node.membership.leave(node.time.monotonicMs() + 3_000).catch((error: unknown) => {
        if (!(error instanceof StoreError)) throw error;
        node.time.kill();
      }),
    );
  }

  /** The board remembers, and later may fall back to that. */
  #fallBack(): void {
    const { board } = this.#cluster;
    const now = board.contents;
    if (this.#boardOfOld !== undefined) board.contents = this.#boardOfOld;
    this.#boardOfOld = now;
  }

  #heal(): void {
    this.#isHealed = true;
    for (const node of this.#cluster.nodes) {
      this.#repair(node);
      if (!node.time.isRunning) node.time.resume();
    }
    for (let number = 1; number <= 2; number++) if (!this.#living.has(number)) this.#start(number);
  }

  #someNode(): RingNode | undefined {
    const { nodes } = this.#cluster;
    return nodes[this.#random.below(nodes.length)];
  }

  #inBackground(work: Promise<unknown>): void {
    const done = work
      .catch((error: unknown) => this.#violations.push(`a bug: ${String(error)}`))
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
  }

  async #checkHealed(): Promise<void> {
    const { nodes, world } = this.#cluster;
    const active = nodes.filter(({ membership, time }) => time.isRunning && membership.isMember);
    const views = new Set(active.map(({ membership }) => membership.view?.fingerprint));
    if (views.size !== 1) this.#violations.push(`${views.size} views after healing`);
    // By incarnation for who is dead; by node for who lives: an old process that never saw its replacement may
    // be back, where that one has left or was removed.
    const running = active.map(({ self }) => self.incarnation);
    const members = active[0]?.membership.view?.members ?? [];
    const dead = members.filter(({ incarnation }) => !running.includes(incarnation));
    const absent = [...this.#living.values()].filter(({ self }) => {
      return !members.some(({ nodeId }) => nodeId === self.nodeId);
    });
    if (dead.length > 0) this.#violations.push(`healed: dead members ${JSON.stringify(dead)}`);
    if (absent.length > 0) this.#violations.push(`healed: ${absent.length} living nodes are not in the view`);
    for (const node of active) {
      if (!node.membership.tenure.isLeaseCurrent()) this.#violations.push('healed: a lease is not current');
    }
    for (const entityId of entityIds) {
      const owner = active.find(
        ({ membership, self }) => membership.view?.ownerOf(entityId).incarnation === self.incarnation,
      );
      if (owner === undefined) continue;
      const before = this.#workload.tally.commits;
      await world.drive(this.#workload.write(owner, entityId));
      if (this.#workload.tally.commits === before) this.#violations.push(`healed: ${entityId} not committed`);
    }
  }

  #checkEpochs(): void {
    const viewIds = new Map<number, string>();
    for (const { events, self } of this.#cluster.nodes) {
      let last = 0;
      for (const event of events) {
        if (event.kind !== 'adopted') continue;
        const { epoch, viewId } = event.change.after;
        if ((viewIds.get(epoch) ?? viewId) !== viewId) this.#violations.push(`epoch ${epoch} used twice`);
        if (epoch <= last) this.#violations.push(`${self.nodeId} went from epoch ${last} to ${epoch}`);
        viewIds.set(epoch, viewId);
        last = epoch;
      }
    }
  }
}
