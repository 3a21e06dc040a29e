import type { MemoryBoardServer } from '../support/memory-lease-board.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { SimCluster, SimNode } from './sim-cluster.ts';
import { SimOperator } from './sim-operator.ts';
import { SimRingEdits } from './sim-ring-edits.ts';

const zombieMostMs = 6_000;
const restoresMost = 8;
/** By then a link that is cut has noticed, and has lost what was under way. */
const givenUpMs = 900;

/** What goes wrong during a run. Each seed has its own mix of kinds, so that some meet alone and undisturbed. */
export class SimFaults {
  readonly #cluster: SimCluster;
  readonly #random: SeededRandom;
  readonly #kinds: readonly (() => void)[];
  readonly #operator: SimOperator;
  readonly #edits: SimRingEdits;
  #boardOfOld: MemoryBoardServer['contents'] | undefined;
  #isOver = false;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#random = cluster.random;
    this.#edits = new SimRingEdits(cluster);
    const all: readonly (readonly (() => void)[])[] = [
      [() => this.#interrupt((node) => node.process.time.pause())],
      [() => this.#interrupt((node) => node.process.time.suspend())],
      [() => this.#kill()],
      [() => this.#restart(), () => this.#leave()],
      [() => this.#partition(), () => this.#breakLinks()],
      [() => this.#cutStore(), () => this.#cutStore()],
      [() => this.#storeAway()],
      [() => this.#slowStore()],
      [() => this.#cutBoard(), () => this.#boardAway(), () => this.#slowBoard()],
      [() => this.#cluster.board.wipe(), () => this.#fallBack()],
      [() => this.#jumpWall()],
      [() => this.#edits.weigh(), () => this.#edits.weigh()],
      [() => this.#exclude()],
      [() => this.#operator.act(), () => this.#operator.act(), () => this.#operator.act()],
      [() => this.#operator.roll()],
      [() => this.#freeze(), () => this.#freeze()],
    ];
    this.#operator = this.#newOperator();
    const share = this.#random.pick([0.2, 0.5, 1]);
    const kinds = all.filter(() => this.#random.chance(share)).flat();
    const { hides, misses, only } = cluster.climate;
    for (let more = misses ? 3 : 0; more > 0; more--) kinds.push(() => this.#oversleep());
    for (let more = hides ? 2 : 0; more > 0; more--) kinds.push(() => this.#hide());
    const mixed = kinds.length > 0 ? kinds : this.#random.pick(all);
    const alone = { parts: () => this.#part(), doubts: () => this.#doubt() };
    this.#kinds = only === undefined ? mixed : [alone[only]];
    if (this.#random.chance(0.3) && only === undefined) this.#keepMoving();
  }

  /** In some runs users move all the time, whatever else happens. */
  #keepMoving(): void {
    this.#later(this.#random.below(400), () => {
      if (this.#isOver) return;
      if (!this.#cluster.sky.isCalm) this.#operator.act();
      this.#keepMoving();
    });
  }

  /** Something happens now and then, until `heal`. */
  begin(): void {
    const { climate, world } = this.#cluster;
    world.after(this.#random.below(2 * climate.disturbanceEveryMs), () => {
      if (this.#isOver) return;
      this.#random.pick(this.#kinds)();
      this.begin();
    });
  }

  /** Everything works again, and every node is up. */
  heal(): void {
    this.#cluster.log.trace('everything heals');
    this.calm();
    this.#keepUp();
    this.#cluster.world.after(1_000, () => {
      this.#restore(restoresMost);
    });
  }

  /** Nothing new goes wrong; processes that are to be started again soon still are. */
  calm(): void {
    const { alive, sky, wiring } = this.#cluster;
    this.#isOver = true;
    sky.clear();
    wiring.mendAll();
    for (const node of alive) {
      node.weather.clear();
      node.process.resume();
    }
  }

  /** Some refuse, as a change is under way. */
  #restore(times: number): void {
    if (times === 0) return;
    this.#operator.restore();
    this.#later(700, () => {
      this.#restore(times - 1);
    });
  }

  #newOperator(): SimOperator {
    const disturbances = [
      (node: SimNode) => {
        this.#cluster.kill(node);
        this.#startSoon(node.number);
      },
      (node: SimNode) => {
        this.#stand(node, (one) => one.process.time.pause());
      },
      (node: SimNode) => {
        this.#cutFrom(node);
      },
      (node: SimNode) => {
        this.#cluster.stop(node);
        this.#startSoon(node.number);
      },
    ];
    return new SimOperator(this.#cluster, this.#random.chance(0.5) ? disturbances : []);
  }

  #cutFrom(node: SimNode): void {
    const others = [...this.#cluster.up.values()].filter(({ nodeId }) => nodeId !== node.nodeId);
    if (others.length > 0) this.#cut(node.nodeId, this.#random.pick(others).nodeId);
  }

  /** From now on a process that has ended, whatever it was that ended it, is started again. */
  #keepUp(): void {
    const { climate, up, world } = this.#cluster;
    for (let number = 1; number <= climate.nodes; number++) {
      if (!up.has(number)) this.#cluster.start(number);
    }
    world.after(400, () => {
      this.#keepUp();
    });
  }

  #interrupt(stop: (node: SimNode) => void): void {
    const node = this.#someNode();
    if (node !== undefined) this.#stand(node, stop);
  }

  #stand(node: SimNode, stop: (node: SimNode) => void): void {
    if (!node.process.isRunning) return;
    const forMs = this.#random.below(this.#random.pick([50, 700, 4_000]));
    this.#cluster.log.trace(`${node.label} stands still for ${forMs} ms`);
    stop(node);
    this.#later(forMs, () => {
      this.#cluster.log.trace(`${node.label} goes on`);
      node.process.resume();
    });
  }

  #kill(): void {
    const node = this.#someNode();
    if (node === undefined) return;
    this.#cluster.kill(node);
    this.#startSoon(node.number);
  }

  /** A new process takes the node's place while the old one goes on, or sleeps, for a while. */
  #restart(): void {
    const node = this.#someNode();
    if (node === undefined) return;
    if (this.#random.chance(0.5)) node.process.time.pause();
    this.#later(this.#random.below(zombieMostMs), () => {
      node.process.resume();
    });
    this.#cluster.start(node.number);
  }

  #leave(): void {
    const node = this.#someNode();
    if (node?.process.isRunning !== true) return;
    this.#cluster.stop(node);
    this.#startSoon(node.number);
  }

  #startSoon(number: number): void {
    this.#later(this.#random.below(this.#random.pick([50, 3_000])), () => {
      if (!this.#cluster.up.has(number)) this.#cluster.start(number);
    });
  }

  #partition(): void {
    const [a, b] = this.#twoNodes();
    if (a !== undefined && b !== undefined) this.#cut(a, b);
  }

  /** Two nodes don't reach each other for so long that what their links have kept for each other is given up. */
  #part(): void {
    const [a, b] = this.#twoNodes();
    if (a !== undefined && b !== undefined) this.#cut(a, b, givenUpMs + this.#random.below(3_000));
  }

  #cut(a: string, b: string, forMs = this.#random.below(this.#random.pick([1_000, 5_000]))): void {
    const { log, wiring } = this.#cluster;
    log.trace(`${a} and ${b} don't reach each other for ${forMs} ms`);
    wiring.cut(a, b);
    this.#later(forMs, () => {
      wiring.mend(a, b);
    });
  }

  /** A node goes, or is taken out while it lives, and nobody reaches it for a while when it comes in again. */
  #hide(): void {
    const node = this.#someNode();
    if (node === undefined) return;
    const { log, wiring } = this.#cluster;
    const { nodeId, number } = node;
    log.trace(`${nodeId} is reached by nobody`);
    wiring.hide(nodeId);
    if (this.#random.chance(0.5)) this.#edits.exclude(node);
    else {
      this.#cluster.stop(node);
      this.#startSoon(number);
    }
    this.#later(this.#random.below(this.#random.pick([1_000, 6_000])), () => {
      wiring.show(nodeId);
    });
  }

  #breakLinks(): void {
    const [a, b] = this.#twoNodes();
    if (a !== undefined && b !== undefined) this.#cluster.wiring.breakBetween(a, b);
  }

  #cutStore(): void {
    this.#node('is cut from the store', ({ weather }) => {
      weather.isStoreCut = true;
      this.#later(this.#random.below(this.#random.pick([300, 3_000])), () => {
        weather.isStoreCut = false;
      });
    });
  }

  #cutBoard(): void {
    this.#node('is cut from the board', ({ weather }) => {
      weather.isBoardCut = true;
      this.#later(this.#random.below(4_000), () => {
        weather.isBoardCut = false;
      });
    });
  }

  #slowBoard(): void {
    this.#node('has a slow board', ({ weather }) => {
      weather.boardDelayMs = this.#random.below(600);
      this.#later(this.#random.below(4_000), () => {
        weather.boardDelayMs = 0;
      });
    });
  }

  #storeAway(): void {
    const { log, sky } = this.#cluster;
    log.trace('the store is away');
    sky.isStoreAway = true;
    this.#later(this.#random.below(this.#random.pick([100, 2_000])), () => {
      sky.isStoreAway = false;
    });
  }

  #slowStore(): void {
    const factor = this.#random.pick([5, 30]);
    const weather = this.#random.chance(0.5) ? this.#cluster.sky : this.#someNode()?.weather;
    if (weather === undefined) return;
    this.#cluster.log.trace(`the store is slower by ${factor}`);
    weather.storeSlowness = factor;
    this.#later(this.#random.below(3_000), () => {
      weather.storeSlowness = 1;
    });
  }

  #boardAway(): void {
    const { log, sky } = this.#cluster;
    log.trace('the board is away');
    sky.isBoardAway = true;
    this.#later(this.#random.below(5_000), () => {
      sky.isBoardAway = false;
    });
  }

  /** The board remembers, and later may fall back to that. */
  #fallBack(): void {
    const { board } = this.#cluster;
    const now = board.contents;
    if (this.#boardOfOld !== undefined) board.contents = this.#boardOfOld;
    this.#boardOfOld = now;
  }

  #jumpWall(): void {
    this.#node('has its clock set', ({ process }) => {
      process.time.skewWall(this.#random.pick([-5_000, -200, 200, 3_000]));
    });
  }

  /**
   * A node keeps an old view: it hears nothing from the store or the board, or too late, while it, or another one, loses
   * its users to the others, and perhaps gets them back. Its clients, and other nodes, reach it all the time.
   */
  #freeze(): void {
    const node = this.#someNode();
    if (node === undefined) return;
    const { weather, nodeId, label } = node;
    const forMs = 200 + this.#random.below(this.#random.pick([600, 3_000]));
    this.#cluster.log.trace(`${label} keeps its view for ${forMs} ms`);
    if (this.#random.chance(0.3)) weather.storeSlowness = 60;
    else weather.isStoreCut = true;
    weather.isBoardCut = true;
    this.#moveAway(nodeId, forMs);
    this.#later(forMs, () => {
      weather.clear();
    });
  }

  /**
   * A node misses views, and goes on with what it has in memory: it stands still while it loses its users, so that what
   * clients ask meanwhile is the first thing that it sees afterwards; or it hears nothing while another one loses them.
   */
  #oversleep(): void {
    const node = this.#someNode();
    if (node?.process.isRunning !== true) return;
    const { weather, process, label } = node;
    const forMs = 200 + this.#random.below(4_000);
    this.#cluster.log.trace(`${label} misses what happens in ${forMs} ms`);
    const mover = this.#random.chance(0.5) ? node : (this.#someNode() ?? node);
    if (mover === node) process.time.pause();
    else weather.isStoreCut = weather.isBoardCut = true;
    this.#moveAway(mover.nodeId, forMs);
    this.#later(forMs, () => {
      weather.clear();
      process.resume();
    });
  }

  /**
   * A node loses its users while its commits are in doubt: connections break under them, and what it tries again gets there
   * when the next owner has written the row.
   */
  #doubt(): void {
    const forMs = this.#random.below(1_500);
    this.#node(`has its commits in doubt for ${forMs} ms`, ({ weather, nodeId }) => {
      weather.isDoubtful = true;
      this.#moveAway(nodeId, forMs);
      this.#later(forMs, () => {
        weather.isDoubtful = false;
      });
    });
  }

  #moveAway(nodeId: string, forMs: number): void {
    this.#edits.weighTo(nodeId, 0);
    if (!this.#random.chance(0.5)) return;
    this.#later(forMs * this.#random.next(), () => {
      this.#edits.weighTo(nodeId, 100);
    });
  }

  #exclude(): void {
    const node = this.#someNode();
    if (node !== undefined) this.#edits.exclude(node);
  }

  #node(what: string, disturb: (node: SimNode) => void): void {
    const node = this.#someNode();
    if (node === undefined) return;
    this.#cluster.log.trace(`${node.label} ${what}`);
    disturb(node);
  }

  #someNode(): SimNode | undefined {
    const nodes = [...this.#cluster.up.values()];
    return nodes.length === 0 ? undefined : this.#random.pick(nodes);
  }

  #twoNodes(): readonly [string | undefined, string | undefined] {
    const ids = [...this.#cluster.up.values()].map(({ nodeId }) => nodeId);
    const a = this.#random.below(Math.max(1, ids.length));
    const b = (a + 1 + this.#random.below(Math.max(1, ids.length - 1))) % Math.max(1, ids.length);
    return a === b ? [undefined, undefined] : [ids[a], ids[b]];
  }

  #later(afterMs: number, run: () => void): void {
    this.#cluster.world.after(afterMs, run);
  }
}
