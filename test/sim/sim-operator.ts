import { RingControlError, type RingProgress, type RingRequest } from '../../src/handoff/ring-control.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { SimCluster, SimNode } from './sim-cluster.ts';

const callMs = 2_000;

/** What a disturbance does to one node. */
type Disturb = (node: SimNode) => void;

/** An operator who changes the ring while users chat, and what goes wrong in just these moments. */
export class SimOperator {
  readonly #cluster: SimCluster;
  readonly #random: SeededRandom;
  readonly #disturbances: readonly Disturb[];

  /** @param disturbances what may happen to a node that has a part in a change; none: nothing does */
  constructor(cluster: SimCluster, disturbances: readonly Disturb[]) {
    this.#cluster = cluster;
    this.#random = cluster.random;
    this.#disturbances = disturbances;
    cluster.onRingChange = (node, progress) => {
      this.#watch(node, progress);
    };
  }

  /** Asks any node for any change. */
  act(): void {
    const { climate } = this.#cluster;
    const nodeId = `n${1 + this.#random.below(climate.nodes)}`;
    const weight = this.#random.pick([0, 10, 100, 300]);
    const request = this.#random.pick<RingRequest>([
      { kind: 'weight', nodeId, weight },
      { kind: 'weight', nodeId, weight },
      { kind: 'drain', nodeId },
      { kind: 'remove', nodeId },
      { kind: 'join', nodeId },
      { kind: 'join', nodeId, weight: 100 },
    ]);
    this.#ask(`${request.kind} ${nodeId}`, (node, deadline) =>
      node.member.control.start(request, { force: this.#random.chance(0.3) }, deadline),
    );
  }

  /** Rolls one node after the other: each hands over, ends, and comes back. */
  roll(): void {
    const numbers = [...this.#cluster.up.keys()];
    const next = (): void => {
      const number = numbers.shift();
      if (number === undefined) return;
      const node = this.#cluster.up.get(number);
      if (node !== undefined) this.#cluster.stop(node);
      this.#cluster.world.after(200 + this.#random.below(1_500), () => {
        if (!this.#cluster.up.has(number)) this.#cluster.start(number);
        this.#cluster.world.after(this.#random.below(1_500), next);
      });
    };
    next();
  }

  /** Everybody is wanted again. Who is out of the ring itself cannot say so: that is asked of a member. */
  restore(): void {
    for (let number = 1; number <= this.#cluster.climate.nodes; number++) {
      const request = { kind: 'join', nodeId: `n${number}`, weight: 100 } as const;
      this.#ask(
        `join n${number}`,
        (node, deadline) => node.member.control.start(request, { force: true }, deadline),
        ({ member }) => member.isMember,
      );
    }
  }

  #watch(node: SimNode, { changeId, nodeId, phase }: RingProgress): void {
    const random = this.#random;
    const { sky } = this.#cluster;
    // Before the run, and when everything has healed.
    if (sky.isCalm) return;
    if (phase === 'finished' || this.#disturbances.length === 0 || !random.chance(0.3)) return;
    const others = [...this.#cluster.up.values()];
    const victim = random.pick([node, ...others.filter((one) => one.nodeId === nodeId), ...others]);
    const disturb = random.pick(this.#disturbances);
    this.#cluster.world.after(random.below(random.pick([5, 60])), () => {
      if (sky.isCalm) return;
      if (random.chance(0.25)) {
        this.#ask(`abort ${changeId}`, (any, deadline) => any.member.control.abort(changeId, deadline));
      } else if (this.#cluster.alive.has(victim)) disturb(victim);
    });
  }

  #ask(
    what: string,
    act: (node: SimNode, deadline: number) => Promise<unknown>,
    isAsked: (node: SimNode) => boolean = () => true,
  ): void {
    const nodes = [...this.#cluster.up.values()].filter((node) => node.process.isRunning && isAsked(node));
    if (nodes.length === 0) return;
    const node = this.#random.pick(nodes);
    const { log } = this.#cluster;
    log.trace(`operator at ${node.label}: ${what}`);
    act(node, node.process.time.monotonicMs() + callMs).catch((error: unknown) => {
      if (error instanceof RingControlError) log.trace(`operator at ${node.label}: ${what}: ${error.code}`);
      else log.violation(`C10: ${what}: ${error instanceof Error ? error.stack : String(error)}`);
    });
  }
}
