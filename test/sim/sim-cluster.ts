import type { RingProgress } from '../../src/handoff/ring-control.ts';
import { MemberNode } from '../../src/member-node.ts';
import type { MembershipEvent } from '../../src/membership/membership-event.ts';
import { LeaseBoardError } from '../../src/membership/lease-board.ts';
import { RingDocuments } from '../../src/membership/ring-documents.ts';
import { RingProposer } from '../../src/membership/ring-proposer.ts';
import { defaultPeerLimits } from '../../src/peer/peer-limits.ts';
import { StoreError } from '../../src/row/row-store.ts';
import { RowVersionSource } from '../../src/row/row-version.ts';
import { MemoryTable } from '../../src/store/memory-table.ts';
import { defaultRetryWaits, VersionedStore } from '../../src/store/versioned-store.ts';
import { MemoryBoardServer, MemoryLeaseBoard } from '../support/memory-lease-board.ts';
import { incarnationOf } from '../support/ring-parts.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { SimulatedNetwork } from '../support/simulated-network.ts';
import { VirtualTime } from '../support/virtual-time.ts';
import { RecordedTable } from './recorded-table.ts';
import type { SimLog } from './sim-log.ts';
import { ProcessNetwork, SimWiring } from './sim-network.ts';
import { SimProcess } from './sim-process.ts';
import { SimTable } from './sim-table.ts';
import { SimSky, SimWeather, type SimClimate } from './sim-weather.ts';

/** One start of one node. */
export interface SimNode {
  readonly number: number;
  readonly nodeId: string;
  /** `n2#5`: node 2, the fifth start of the run. */
  readonly label: string;
  readonly incarnation: string;
  readonly process: SimProcess;
  readonly weather: SimWeather;
  readonly member: MemberNode;
}

const secret = new Uint8Array(32).fill(7);
const outboxTiming = {
  settleAfterMs: 200,
  retryMaxMs: 1_000,
  clearAfterMs: 500,
  confirmAfterMs: 40,
  tellAfterMs: 10,
  tellGroupsAfterMs: 40,
};
const fanOutTiming = {
  ...{ retryFirstMs: 30, retryMaxMs: 1_000, clearAfterMs: 400, enrolmentWaitMs: 300, roundMs: 1_000 },
  receiptAfterMs: 30,
};
const followTiming = {
  ...{ renewMs: 1_000, lastsMs: 2_500, retryFirstMs: 30, retryMaxMs: 500, askMs: 1_000 },
};
const sweeping = { everyMs: 1_500, pagePauseMs: 50, deadlineMs: 1_000 };
const peerLimits = {
  ...defaultPeerLimits,
  ...{ connectMs: 300, heartbeatMs: 150, patienceMs: 400, resumeMs: 2_000, reconnectMaxMs: 200 },
};
const joinMs = 8_000;
const handOverMs = 2_000;
const stopMs = 1_000;

/** All nodes of one run, the store, the board and the network between them. */
export class SimCluster {
  readonly world = new VirtualTime();
  readonly board = new MemoryBoardServer();
  readonly sky = new SimSky();
  readonly wiring: SimWiring;
  readonly table: RecordedTable;
  readonly climate: SimClimate;
  readonly random: SeededRandom;
  readonly log: SimLog;
  /** The newest process of each node that is up, by its number. */
  readonly up = new Map<number, SimNode>();
  /** Every process that is not dead, former ones included. */
  readonly alive = new Set<SimNode>();
  readonly operator: RingProposer;
  /** Hears of each phase of each change of the ring, from who carries it out. */
  onRingChange: (node: SimNode, progress: RingProgress) => void = () => undefined;
  /** Processes that were started so far. */
  starts = 0;
  /** Changes of the ring that were carried out while devices chatted and things went wrong. */
  ringChanges = 0;

  constructor(climate: SimClimate, random: SeededRandom, log: SimLog) {
    this.climate = climate;
    this.random = random;
    this.log = log;
    log.clock = this.world;
    this.table = new RecordedTable(new MemoryTable(this.world), (what) => {
      log.violation(what);
    });
    const latencyMs = (): number => (this.sky.isCalm ? 1 : random.next() * climate.wireLatencyMs);
    this.wiring = new SimWiring(new SimulatedNetwork({ time: this.world, latencyMs }));
    this.operator = this.#newOperator();
  }

  /** Starts a node; the process of it that was up before may go on. */
  start(number: number): SimNode {
    const node = this.#newNode(number);
    const { process, member, label } = node;
    this.up.set(number, node);
    this.alive.add(node);
    this.log.trace(`${label} starts`);
    const addresses = { clientUrl: `ws://${node.nodeId}`, peer: { host: node.nodeId, port: 0 } };
    member.start(addresses, process.time.monotonicMs() + joinMs).then(
      () => {
        this.log.trace(`${label} has joined`);
      },
      (error: unknown) => {
        // As the process that could not start does: it ends.
        if (!(error instanceof StoreError))
          this.log.violation(`C10: ${label} cannot start: ${String(error)}`);
        this.log.trace(`${label} could not join`);
        this.kill(node);
        // Whoever looks after the processes starts it again.
        this.#startAgain(number);
      },
    );
    return node;
  }

  #startAgain(number: number): void {
    this.world.after(500, () => {
      if (!this.up.has(number)) this.start(number);
    });
  }

  /** kill -9 */
  kill(node: SimNode): void {
    if (!this.alive.delete(node)) return;
    this.log.trace(`${node.label} is killed`);
    node.process.kill();
    if (this.up.get(node.number) !== node) return;
    this.up.delete(node.number);
    // Of two that were started at once the earlier one may have come in last.
    for (const other of this.alive) if (other.number === node.number) this.up.set(node.number, other);
  }

  /** SIGTERM: leaves in good order, then ends. */
  stop(node: SimNode): void {
    if (!node.process.isRunning) return;
    this.log.trace(`${node.label} leaves`);
    if (this.up.get(node.number) === node) this.up.delete(node.number);
    const { time } = node.process;
    const { member } = node;
    const leave = async (): Promise<void> => {
      await member.handOver(time.monotonicMs() + handOverMs);
      await member.stop(time.monotonicMs() + stopMs);
    };
    leave().then(
      () => {
        this.kill(node);
      },
      (error: unknown) => {
        this.log.violation(`C10: ${node.label} cannot stop: ${String(error)}`);
      },
    );
  }

  #newNode(number: number): SimNode {
    const { climate, random, world } = this;
    const start = ++this.starts;
    const nodeId = `n${number}`;
    const label = `${nodeId}#${start}`;
    const incarnation = incarnationOf(number, start);
    const process = new SimProcess(world, 0.99 + random.next() * 0.04, random.below(1_000_000));
    const weather = new SimWeather(climate, random, this.sky);
    const { time } = process;
    const table = new SimTable(this.table, process, weather);
    const versions = new RowVersionSource(incarnation);
    const waits = { ...defaultRetryWaits, maxMs: climate.storeRetryMaxMs };
    const member = new MemberNode({
      ...{ nodeId, incarnation: incarnation.toString('hex'), secret, time, random: random.next },
      store: new VersionedStore({ table, versions, time, random: random.next, waits }),
      board: new MemoryLeaseBoard(this.board, time, weather.board),
      readRule: climate.readRule,
      leaseTerms: { leaseMs: climate.leaseMs, driftRatio: 0.1 },
      removal: climate.removal,
      network: new ProcessNetwork(nodeId, this.wiring, process),
      entropy: (bytes) => Uint8Array.from({ length: bytes }, () => random.below(256)),
      peerLimits,
      mailboxes: {
        actorLimits: climate.actorLimits,
        mailboxLimits: climate.mailboxLimits,
        sendingLimits: climate.sendingLimits,
        outboxTiming,
        groupLimits: climate.groupLimits,
        fanOutTiming,
        followTiming,
      },
      cache: climate.cacheLimits,
      handoff: climate.handoffLimits,
      sweeping,
      events: this.#events(label, () => node),
      charge: () => 0,
    });
    const node: SimNode = {
      ...{ number, nodeId, label, process, weather, member },
      incarnation: incarnation.toString('hex'),
    };
    return node;
  }

  #events(label: string, node: () => SimNode): ConstructorParameters<typeof MemberNode>[0]['events'] {
    const { log } = this;
    return {
      membership: (event) => {
        this.#told(label, event, node);
      },
      peers: {
        linkUp: (peer) => {
          log.trace(`${label} has a link to ${peer.nodeId}`);
        },
        linkDown: (nodeId, fault) => {
          log.trace(`${label} has no link to ${nodeId}: ${fault.message}`);
        },
        acceptedDown: () => undefined,
        handlerFailed: (error) => {
          log.violation(`C10: ${label}: a handler failed: ${describe(error)}`);
        },
      },
      ringChange: (progress) => {
        const { kind, nodeId, phase, outcome, movedUsers, totalUsers } = progress;
        if (outcome?.kind === 'done' && !this.sky.isCalm) this.ringChanges++;
        const how = outcome === undefined ? '' : ` ${JSON.stringify(outcome)}`;
        log.trace(`${label}: ${kind} of ${nodeId}: ${phase} ${movedUsers}/${totalUsers}${how}`);
        this.onRingChange(node(), progress);
      },
      sweepFailed: () => undefined,
      alarm: (error, what) => {
        log.violation(`C10: ${label} raised an alarm: ${what}: ${describe(error)}`);
      },
    };
  }

  #told(label: string, event: MembershipEvent, node: () => SimNode): void {
    const { log } = this;
    switch (event.kind) {
      case 'adopted': {
        const { epoch, members } = event.change.after;
        const shares = members.map(({ nodeId, weight }) => `${nodeId}*${weight}`);
        log.trace(`${label} adopts view ${epoch}: ${shares.join(' ')}`);
        break;
      }
      case 'replaced':
        // The process ends itself, as it does in production.
        this.world.after(0, () => {
          this.kill(node());
          this.#startAgain(node().number);
        });
        break;
      case 'trouble': {
        const { error, what } = event;
        const isExpected = error instanceof StoreError || error instanceof LeaseBoardError;
        if (!isExpected || !error.retryable) log.violation(`C10: ${label}: ${what}: ${describe(error)}`);
        break;
      }
      case 'excluded':
      case 'removed':
      case 'unreached':
        log.trace(`${label} ${event.kind}`);
    }
  }

  #newOperator(): RingProposer {
    const process = new SimProcess(this.world, 1, 0);
    const weather = new SimWeather(this.climate, this.random, this.sky);
    const { time } = process;
    const table = new SimTable(this.table, process, weather);
    const versions = new RowVersionSource(incarnationOf(99));
    const random = this.random.next;
    const store = new VersionedStore({ table, versions, time, random });
    const board = new MemoryLeaseBoard(this.board, time, weather.board);
    const onTrouble = (): void => undefined;
    return new RingProposer({ documents: new RingDocuments(store), board, time, random, onTrouble });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
