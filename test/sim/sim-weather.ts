import type { BoardFault } from '../support/memory-lease-board.ts';
import type { HandoffLimits } from '../../src/handoff/handoff-limits.ts';
import { defaultRemovalTerms, type RemovalTerms } from '../../src/membership/removals.ts';
import { defaultRetryWaits } from '../../src/store/versioned-store.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { GroupHistory } from '../../src/protocol/calls.ts';
import type { CallWeather, StoreWeather } from './sim-table.ts';

/** What one seed has chosen for the whole run: the size of the cluster, its limits, how bad its days are. */
export class SimClimate {
  readonly nodes: number;
  readonly users: number;
  readonly readRule: 'held' | 'verified';
  readonly leaseMs: number;
  readonly storeLatencyMs: number;
  readonly storeFaultRate: number;
  readonly wireLatencyMs: number;
  /** Between two operations of clients, and between two disturbances, on average. */
  readonly operationEveryMs: number;
  readonly disturbanceEveryMs: number;
  readonly actorLimits;
  readonly mailboxLimits;
  readonly groupLimits;
  /** What members of the group of all see of what was before they came. */
  readonly groupHistory: GroupHistory;
  readonly sendingLimits;
  readonly cacheLimits;
  readonly handoffLimits: HandoffLimits;
  /** At the end all nodes but one are down for minutes. */
  readonly hasOutage: boolean;
  readonly removal: RemovalTerms;
  /** Nodes often miss views in which users move away and back. */
  readonly misses: boolean;
  /**
   * What alone goes wrong in this run, so that nothing else mends what it has done. `parts`: links, for long, and the ring
   * stays as it is. `doubts`: nodes lose users while their commits are in doubt.
   */
  readonly only: 'parts' | 'doubts' | undefined;
  /** Between two tries of a store's client, at most. */
  readonly storeRetryMaxMs: number;
  /** Nodes often come in anew while nobody reaches them. */
  readonly hides: boolean;
  /** Of messages that a device sends at once. */
  readonly bursts: readonly number[];

  /**
   * @param apart for what came later, so that earlier seeds draw what they drew before
   * @param later for what came later still
   */
  constructor(random: SeededRandom, apart: SeededRandom, later: SeededRandom) {
    this.hasOutage = apart.chance(0.1);
    this.nodes = random.pick([2, 3, 3, 4]);
    this.users = random.pick([2, 3, 3, 4]);
    this.readRule = random.pick(['held', 'held', 'verified']);
    this.leaseMs = random.pick([400, 900]);
    this.removal = {
      ...defaultRemovalTerms,
      signMs: this.leaseMs / 6,
      ...(this.hasOutage ? { aloneMs: 0, windowMs: 5_000 } : {}),
    };
    this.storeLatencyMs = random.pick([1, 4, 20]);
    this.storeFaultRate = random.pick([0, 0.01, 0.05, 0.15]);
    this.wireLatencyMs = random.pick([1, 5]);
    this.operationEveryMs = random.pick([10, 25, 50]);
    this.disturbanceEveryMs = random.pick([250, 500, 1_200]);
    this.actorLimits = {
      inboxInputsMax: random.pick([16, 1_024]),
      commitInputsMax: random.pick([1, 3, 256]),
      commitBytesMax: random.pick([300, 1 << 20]),
      commitChangesMax: 512,
      commitDeadlineMs: random.pick([400, 1_500]),
    };
    this.mailboxLimits = {
      conversationsMax: 1_000,
      largeGroupsMax: 100,
      outboxPendingMax: random.pick([8, 1_000]),
      dedupWindowMs: 86_400_000,
    };
    this.groupLimits = {
      membersMax: 100,
      membersPerCallMax: 100,
      fanOutMembersMax: later.pick([100, 1, this.users - 1]),
      pendingMax: random.pick([6, 1_000]),
      dedupWindowMs: 86_400_000,
      receiptMembersMax: 100,
    };
    this.sendingLimits = {
      waitingMax: 64,
      envelopeMax: random.pick([1, 3, 128]),
      backgroundDeadlineMs: 2_000,
    };
    this.cacheLimits = {
      budgetBytes: random.pick([1, 6_000, 64 << 20, 64 << 20]),
      recentMs: random.pick([200, 1e9]),
      loadsAtOnceMax: random.pick([1, 64]),
      loadsWaitingMax: random.pick([2, 2_048]),
    };
    this.handoffLimits = {
      ...{ prepareMs: 2_000, settleMs: 800, silentMs: 400, requestMs: 300 },
      lastWordMs: random.pick([0, 20, 200]),
      bytesPerSecond: random.pick([20_000, 64 << 20]),
      batchBytes: random.pick([200, 256 << 10]),
      rowBytesMax: random.pick([2_000, 1 << 20]),
      deltaBytesMax: random.pick([300, 256 << 10]),
      deltaPauseMs: random.pick([1, 10]),
      pollMs: random.pick([5, 40]),
      keepMs: random.pick([300, 5_000]),
    };
    this.misses = later.chance(0.3);
    this.bursts = later.chance(this.misses ? 0.5 : 0.1) ? [1, 1, 3, 20] : [1, 1, 1, 3];
    this.groupHistory = later.pick(['all', 'sinceJoin']);
    const lone = later.next();
    this.only = lone < 0.08 ? 'parts' : lone < 0.22 ? 'doubts' : undefined;
    this.storeRetryMaxMs = this.only === 'doubts' ? 20 : defaultRetryWaits.maxMs;
    this.hides = later.chance(0.15);
  }
}

/** Is the group of all large, or does it become so? */
export function hasLargeGroup({ groupLimits, users }: SimClimate): boolean {
  return groupLimits.fanOutMembersMax < users;
}

/** The weather between one process and the store and the board; may change at any time. */
export class SimWeather implements StoreWeather {
  isStoreCut = false;
  isDoubtful = false;
  isBoardCut = false;
  boardDelayMs = 0;
  /** Times the ordinary latency. */
  storeSlowness = 1;
  readonly #climate: SimClimate;
  readonly #random: SeededRandom;
  readonly #sky: SimSky;

  constructor(climate: SimClimate, random: SeededRandom, sky: SimSky) {
    this.#climate = climate;
    this.#random = random;
    this.#sky = sky;
  }

  clear(): void {
    this.isStoreCut = false;
    this.isDoubtful = false;
    this.isBoardCut = false;
    this.boardDelayMs = 0;
    this.storeSlowness = 1;
  }

  readonly store = (): CallWeather => {
    const random = this.#random;
    const { storeLatencyMs, storeFaultRate } = this.#climate;
    if (this.#sky.isCalm) return { thereMs: random.next(), backMs: random.next() };
    // Now and then a single call takes far longer than the others, and is overtaken by them.
    const straggle = random.chance(0.01) ? 40 : 1;
    const mostMs = storeLatencyMs * this.storeSlowness * this.#sky.storeSlowness * straggle;
    const way = { thereMs: random.next() * mostMs, backMs: random.next() * mostMs };
    if (this.isStoreCut) return { ...way, fault: 'lost' };
    if (this.#sky.isStoreAway) return { ...way, fault: random.pick(['refused', 'lost']) };
    if (!random.chance(storeFaultRate)) return way;
    const fault = random.pick(['refused', 'lost', 'reply_lost', 'late'] as const);
    return { ...way, thereMs: way.thereMs + (fault === 'late' ? random.below(800) : 0), fault };
  };

  readonly board = (): BoardFault | undefined => {
    const random = this.#random;
    if (this.#sky.isCalm) return undefined;
    if (this.isBoardCut || this.#sky.isBoardAway) return { kind: 'lost' };
    if (random.chance(0.01)) return { kind: 'reply_lost' };
    return { kind: 'slow', delayMs: random.next() * 4 + this.boardDelayMs };
  };
}

/** The weather over all. */
export class SimSky {
  isCalm = true;
  isStoreAway = false;
  isBoardAway = false;
  storeSlowness = 1;

  clear(): void {
    this.isCalm = true;
    this.isStoreAway = false;
    this.isBoardAway = false;
    this.storeSlowness = 1;
  }
}
