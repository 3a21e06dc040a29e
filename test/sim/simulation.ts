import { isGroupId } from '../../src/protocol/conversation-id.ts';
import type { Change } from '../../src/protocol/message.ts';
import { audit, feedKey, viewOf, type MailboxView } from '../support/mailbox-audit.ts';
import { MailboxRig } from '../support/mailbox-rig.ts';
import { NodeTable } from '../support/node-table.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { SimClients } from './sim-clients.ts';
import { SimCluster } from './sim-cluster.ts';
import { SimFaults } from './sim-faults.ts';
import { SimLog } from './sim-log.ts';
import { SimOutage } from './sim-outage.ts';
import { hasLargeGroup, SimClimate } from './sim-weather.ts';

export interface SimulationReport {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What the run was like; also tells whether two runs were the same. Of one that was ended there is none. */
  readonly summary?: {
    readonly virtualMs: number;
    readonly commits: number;
    readonly starts: number;
    /** Carried out by hand-off before everything healed. */
    readonly ringChanges: number;
    readonly epoch: number;
    readonly messages: number;
    readonly heard: number;
  };
}

export interface SimulationOptions {
  readonly seed: number;
  /** Operations of clients. */
  readonly steps: number;
  /** Takes the schedule line by line. */
  readonly trace?: (line: string) => void;
}

/** Default of `steps`. */
export const ordinarySteps = 150;
/** Of faults. Ordinary runs need a tenth of that. */
const weatherMaxMs = 120_000;
/** For all nodes to be in one view, and for every send that is still retried to be acknowledged. */
const healingMaxMs = 60_000;
/** In one run of so many devices watch who is there. */
const watchesEvery = 4;
/** For pushes, copies and outbox cells. */
const settlingMs = 8_000;

/**
 * One run of a cluster from one seed: real nodes, simulated world. Faults come and go while devices chat; then
 * everything heals, and what is there is compared with what devices were told (C1 to C10, docs/simulator.md).
 */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #log: SimLog;
  readonly #cluster: SimCluster;
  readonly #clients: SimClients;
  readonly #faults: SimFaults;
  readonly #outage: SimOutage;

  constructor(options: SimulationOptions) {
    const random = new SeededRandom(options.seed);
    this.#options = options;
    this.#log = new SimLog(options.trace);
    const apart = new SeededRandom(~options.seed);
    const climate = new SimClimate(random, apart, new SeededRandom(options.seed ^ 0x2545f491));
    this.#log.trace(JSON.stringify(climate));
    this.#cluster = new SimCluster(climate, random, this.#log);
    // So that the other runs draw what they drew before.
    this.#clients = new SimClients(this.#cluster, options.seed % watchesEvery === 0);
    this.#faults = new SimFaults(this.#cluster);
    this.#outage = new SimOutage(this.#cluster, this.#clients, apart);
  }

  /** How far the run is. */
  get virtualMs(): number {
    return this.#cluster.world.monotonicMs();
  }

  async run(): Promise<SimulationReport> {
    try {
      await this.#live();
    } catch (error) {
      this.#log.violation(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    const { table, up } = this.#cluster;
    const { devices, history } = this.#clients;
    const [node] = up.values();
    return {
      seed: this.#options.seed,
      violations: this.#log.violations,
      summary: {
        virtualMs: this.virtualMs,
        commits: table.commits,
        starts: this.#cluster.starts,
        ringChanges: this.#cluster.ringChanges,
        epoch: node?.member.view?.epoch ?? 0,
        messages: history.attempts.size,
        heard: devices.reduce((sum, { heard }) => sum + heard.length, 0),
      },
    };
  }

  async #live(): Promise<void> {
    const { climate, sky, world } = this.#cluster;
    for (let number = 1; number <= climate.nodes; number++) this.#cluster.start(number);
    await world.run(1_000);
    await world.drive(this.#clients.begin());
    sky.isCalm = false;
    this.#faults.begin();
    const work = this.#clients.work(this.#options.steps);
    // Where faults come too thick for any progress, the rest of the work is done in peace.
    const enough = new Promise<void>((resolve) => {
      world.after(weatherMaxMs, resolve);
    });
    await world.drive(Promise.race([work, enough]));
    if (climate.hasOutage) {
      this.#faults.calm();
      await this.#outage.run();
    }
    this.#faults.heal();
    await this.#within('the work never ends', work);
    await this.#within('a send is never acknowledged', this.#clients.finish());
    await world.run(settlingMs);
    if (this.#log.violations.length > 0) return;
    this.#checkNodes();
    this.#clients.checkPresence();
    await this.#checkRows();
  }

  /** C10 */
  async #within(what: string, work: Promise<void>): Promise<void> {
    try {
      await this.#cluster.world.drive(work, healingMaxMs);
    } catch (error) {
      this.#log.violation(`C10: ${what}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }

  /** C10: all nodes are members of one view, and hold their leases. */
  #checkNodes(): void {
    const { climate, up } = this.#cluster;
    const nodes = [...up.values()];
    const views = new Set(nodes.map(({ member }) => member.view?.fingerprint));
    const members = nodes.filter(({ member }) => member.isMember);
    if (nodes.length !== climate.nodes || members.length !== nodes.length || views.size !== 1) {
      const states = nodes.map(({ label, member }) => `${label} ${member.view?.epoch} ${member.isMember}`);
      this.#log.violation(`C10: healed, and no one view: ${states.join(', ')}`);
    }
  }

  /** C1 to C5, C8, C9: what the rows have, as a process sees it that was never there before. */
  async #checkRows(): Promise<void> {
    const { devices, groups, history, userIds } = this.#clients;
    const heard = devices.map((device) => device.heard.slice());
    const rig = new MailboxRig({
      table: (time) => new NodeTable(this.#cluster.table, time, () => undefined),
    });
    const views = await audit(rig, rig.node, userIds, history, 50);
    devices.forEach((device, index) => {
      this.#compareFeed(device.label, heard[index] ?? [], views.get(device.userId));
    });
    await groups.audit(
      rig,
      (userId) => {
        const { conversations = [], changes = [] } = views.get(userId) ?? {};
        return { conversations, changes };
      },
      devices,
    );
    this.#checkChains();
    const [node] = this.#cluster.up.values();
    if (node === undefined) return;
    for (const userId of userIds) {
      const deadline = node.process.time.monotonicMs() + 60_000;
      const mailbox = node.member.router.mailbox(userId);
      const served = await this.#cluster.world.drive(viewOf(mailbox, 50, deadline));
      if (JSON.stringify([...served.messages]) !== JSON.stringify([...(views.get(userId)?.messages ?? [])])) {
        this.#log.violation(`C7: what is served of ${userId} is not what is stored`);
      }
    }
  }

  #compareFeed(label: string, all: readonly Change[], view: MailboxView | undefined): void {
    const whole = view?.changes ?? [];
    // Who has left a group is shown nothing of it any more, also where it was there before.
    const hasLeft = whole.some((change) => change.kind === 'conversation' && change.left === true);
    const isShown = (change: Change): boolean => !hasLeft || !isGroupId(conversationOf(change));
    if (!hasLargeGroup(this.#cluster.climate)) {
      this.#compareChanges(label, all.filter(isShown), whole.filter(isShown), feedKey);
      return;
    }
    // The place of a large group's messages among other changes is not kept when the node crashes that told of them.
    const isApart = (change: Change): boolean =>
      change.kind === 'message' && isGroupId(conversationOf(change));
    const parts = [isApart, (change: Change): boolean => !isApart(change)];
    for (const isOf of parts) {
      const of = (changes: readonly Change[]): readonly Change[] =>
        changes.filter((change) => isShown(change) && isOf(change));
      const keyOf = (change: Change): string => {
        const [cursor = ''] = isApart(change) ? [] : change.cursor.split('~');
        return feedKey({ ...change, cursor });
      };
      this.#compareChanges(label, of(all), of(whole), keyOf);
    }
  }

  #compareChanges(
    label: string,
    heard: readonly Change[],
    changes: readonly Change[],
    keyOf: (change: Change) => string,
  ): void {
    const at = changes.findIndex((change, index) => !isSameChange(change, heard[index], keyOf));
    if (at >= 0 || heard.length !== changes.length) {
      const missing = changes[at]?.cursor ?? 'the end';
      this.#log.violation(
        `C8: ${label} heard ${heard.length} of ${changes.length} changes; they differ at ${missing}`,
      );
    }
  }

  /** C3: what a device sent, each naming the one before it, or after the answer to it, is in its order. */
  #checkChains(): void {
    for (const { label, sent, style } of this.#clients.devices) {
      if (style === 'pipelined') continue;
      const last = new Map<string, number>();
      for (const { params, seq } of sent) {
        const before = last.get(params.conversationId) ?? 0;
        if (seq === undefined || seq <= before) {
          this.#log.violation(`C3: ${label} sent ${params.messageId} (${seq}) after ${before}`);
        }
        last.set(params.conversationId, seq ?? before);
      }
    }
  }
}

function isSameChange(change: Change, heard: Change | undefined, keyOf: (change: Change) => string): boolean {
  return heard !== undefined && keyOf(change) === keyOf(heard);
}

/** Which conversation a change is about; empty where it is about none. */
function conversationOf(change: Change): string {
  if ('message' in change) return change.message.conversationId;
  if ('conversation' in change) return change.conversation.conversationId;
  return 'conversationId' in change ? change.conversationId : '';
}
