import type { SeededRandom } from '../support/seeded-random.ts';
import { viewOf } from '../support/mailbox-audit.ts';
import type { SimClients } from './sim-clients.ts';
import type { SimCluster, SimNode } from './sim-cluster.ts';

/** For what was begun before to end: stalls, cuts, restarts, a roll. */
const calmMs = 14_000;
const longestMs = 120_000;
const operations = 15;
/** Beside what the terms of removal and leases say: for clocks, retries and loads. */
const slackMs = 5_000;
const readMs = 5_000;

/**
 * Nothing else is wrong, and all nodes but one are down for minutes: killed, or standing still. C10: within the time
 * that the terms of removal allow for, the last one serves all users.
 */
export class SimOutage {
  readonly #cluster: SimCluster;
  readonly #clients: SimClients;
  readonly #random: SeededRandom;

  constructor(cluster: SimCluster, clients: SimClients, random: SeededRandom) {
    this.#cluster = cluster;
    this.#clients = clients;
    this.#random = random;
  }

  /** Resolves when it is time to heal. */
  async run(): Promise<void> {
    const { alive, log, world } = this.#cluster;
    await world.run(calmMs);
    const last = this.#lastOne();
    if (last === undefined) return;
    log.trace(`all but ${last.label} go down`);
    for (const node of [...alive]) if (node !== last) this.#takeDown(node);
    const work = this.#clients.work(operations);
    await world.run(this.#servedAfterMs());
    for (const userId of this.#clients.userIds) await this.#serves(last, userId);
    await world.run(this.#random.below(longestMs));
    await world.drive(work);
  }

  #takeDown(node: SimNode): void {
    if (this.#random.chance(0.5)) this.#cluster.kill(node);
    else if (node.process.isRunning) node.process.time.pause();
  }

  /** Somebody whom the ring would give users. */
  #lastOne(): SimNode | undefined {
    const able = [...this.#cluster.up.values()].filter(
      ({ member, nodeId }) => member.isMember && (member.view?.member(nodeId)?.weight ?? 0) > 0,
    );
    return able.length === 0 ? undefined : this.#random.pick(able);
  }

  #servedAfterMs(): number {
    const { leaseMs, nodes, removal } = this.#cluster.climate;
    const alone = Math.max(removal.aloneMs, 5 * leaseMs);
    // An earlier removal may have used the first window up.
    return 1.1 * (alone + (nodes - 1) * removal.windowMs + 2 * leaseMs) + slackMs;
  }

  async #serves(node: SimNode, userId: string): Promise<void> {
    const { log, world } = this.#cluster;
    try {
      const mailbox = node.member.router.mailbox(userId);
      await world.drive(viewOf(mailbox, 50, node.process.time.monotonicMs() + readMs), 2 * readMs);
    } catch (error) {
      log.violation(`C10: ${node.label} is alone, and ${userId} is not served: ${String(error)}`);
    }
  }
}
