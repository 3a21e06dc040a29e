import type { RingChange } from '../../src/membership/ring-proposer.ts';
import { joinedBy, removedFrom } from '../../src/ring/ring-document.ts';
import { StoreError } from '../../src/row/row-store.ts';
import type { SimCluster, SimNode } from './sim-cluster.ts';

const proposalMs = 3_000;

/** Changes of the ring behind the operators' back: written into its document at once, and nothing is handed over. */
export class SimRingEdits {
  readonly #cluster: SimCluster;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
  }

  /** Some node gets some share. */
  weigh(): void {
    const { climate, random } = this.#cluster;
    this.weighTo(`n${1 + random.below(climate.nodes)}`, random.pick([0, 10, 100, 300]));
  }

  /** A node gets another share; at least one other keeps some. */
  weighTo(nodeId: string, weight: number): void {
    this.#propose(`${nodeId} gets weight ${weight}`, (ring, viewId) => {
      const member = ring?.view.member(nodeId);
      if (ring === undefined || member === undefined || member.weight === weight) return undefined;
      const hasOther = ring.view.members.some((other) => other !== member && other.weight > 0);
      if (weight === 0 && !hasOther) return undefined;
      return joinedBy(ring, { member: { ...member, weight }, ended: [] }, viewId);
    });
  }

  /** A node is taken out of the ring while it lives: it goes on with an old view until it hears of it. */
  exclude({ incarnation, label }: SimNode): void {
    const dead = [{ incarnation, hasEnded: false }];
    this.#propose(
      `${label} is excluded`,
      (ring, viewId) => ring && removedFrom(ring, { dead, isWindowOver: true }, viewId),
    );
  }

  #propose(what: string, change: RingChange): void {
    const { log, operator, world } = this.#cluster;
    log.trace(`operator: ${what}`);
    operator.propose(change, world.monotonicMs() + proposalMs).catch((error: unknown) => {
      if (!(error instanceof StoreError)) log.violation(`C10: ${what}: ${String(error)}`);
    });
  }
}
