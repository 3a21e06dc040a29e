import type { ActorLimits } from '../../src/actor/actor.ts';
import { newActorTally, type ActorTally } from '../../src/actor/actor-tally.ts';
import type { HandoffPort } from '../../src/actor/handoff-port.ts';
import { reviveEntity } from '../../src/actor/revive-entity.ts';
import type { GroupPort, EnvelopePort, OutboxTiming, SendingLimits } from '../../src/actor/mailbox-host.ts';
import { EntityRegistry, type CacheLimits } from '../../src/actor/entity-registry.ts';
import { OutboxSweeper, type SweeperTiming } from '../../src/actor/outbox-sweeper.ts';
import type { Tenure } from '../../src/actor/tenure.ts';
import type { FanOutTiming, MemberPort } from '../../src/actor/group-host.ts';
import type { GroupLimits } from '../../src/group/group-state.ts';
import type { MailboxLimits } from '../../src/mailbox/mailbox-state.ts';
import type { SendMessageParams, SendMessageResult } from '../../src/protocol/calls.ts';
import { dmIdOf } from '../../src/protocol/conversation-id.ts';
import { LocalMailbox } from '../../src/router/local-mailbox.ts';
import type { MailboxPort } from '../../src/router/mailbox-port.ts';
import { rowHashCount } from '../../src/row/row-key.ts';
import type { RowStore } from '../../src/row/row-store.ts';
import type { Cell } from '../../src/row/cell.ts';
import type { RowCopy } from '../../src/row/row-snapshot.ts';
import { RowVersionSource, type RowVersion } from '../../src/row/row-version.ts';
import type { Time } from '../../src/std/time.ts';
import { MemoryTable } from '../../src/store/memory-table.ts';
import type { RowTable } from '../../src/store/row-table.ts';
import { VersionedStore } from '../../src/store/versioned-store.ts';
import {
  localGroups,
  ordinaryFanOutTiming,
  ordinaryFollowTiming,
  ordinaryGroupLimits,
} from './group-parts.ts';
import { FaultyTable, type Fault, type TableCall } from './faulty-table.ts';
import { MortalProcess, type Delay } from './mortal-process.ts';
import { SeededRandom } from './seeded-random.ts';
import { VirtualTime } from './virtual-time.ts';

/** Everything that can be adjusted; what is left out has sensible values. */
export interface RigOptions {
  /** What the rows are kept in; a table in memory by default. */
  readonly table?: (time: Time) => RowTable;
  readonly seed?: number;
  readonly actorLimits?: Partial<ActorLimits>;
  readonly mailboxLimits?: Partial<MailboxLimits>;
  readonly sendingLimits?: Partial<SendingLimits>;
  readonly outboxTiming?: Partial<OutboxTiming>;
  readonly groupLimits?: Partial<GroupLimits>;
  readonly fanOutTiming?: Partial<FanOutTiming>;
  readonly cacheLimits?: Partial<CacheLimits>;
  readonly sweeperTiming?: Partial<SweeperTiming>;
  /** False: every read is compared with the store, as where another node may own the user too. */
  readonly isLeaseCurrent?: boolean;
  /** The right of nodes to their users; they have it for good by default. */
  readonly tenure?: Partial<Tenure>;
  /** What another node has sent ahead. */
  readonly copies?: Map<string, RowCopy>;
  /** Hears of each commit, as hand-off does. */
  readonly committed?: (userId: string, version: RowVersion, cells: readonly Cell[]) => void;
  readonly storeDelay?: Delay;
  readonly envelopeDelay?: Delay;
  /** Wraps what nodes reach each other by, to lose envelopes. */
  readonly envelopes?: (port: EnvelopePort) => EnvelopePort;
  /** Wraps what groups reach the mailboxes of their members by. */
  readonly members?: (port: MemberPort) => MemberPort;
  /** Wraps what mailboxes reach groups by. */
  readonly groups?: (port: GroupPort) => GroupPort;
}

const hour = 3_600_000;

function handoffOf({ copies, committed }: RigOptions): HandoffPort {
  return {
    take: (userId) => {
      const copy = copies?.get(userId);
      copies?.delete(userId);
      return copy && reviveEntity(userId, copy);
    },
    standsAt: (userId) => copies?.get(userId)?.version,
    lastWord: () => undefined,
    committed: (userId, _base, version, cells) => committed?.(userId, version, cells),
  };
}

/** The limits and times of all entities, with what is adjusted. */
function limitsOf(options: RigOptions) {
  return {
    actorLimits: {
      inboxInputsMax: 1024,
      commitInputsMax: 256,
      commitBytesMax: 1 << 20,
      commitChangesMax: 512,
      commitDeadlineMs: 8_000,
      ...options.actorLimits,
    },
    mailboxLimits: {
      conversationsMax: 10_000,
      largeGroupsMax: 100,
      outboxPendingMax: 1_000,
      dedupWindowMs: 24 * hour,
      ...options.mailboxLimits,
    },
    sendingLimits: {
      waitingMax: 1_024,
      envelopeMax: 128,
      backgroundDeadlineMs: 10_000,
      ...options.sendingLimits,
    },
    groupLimits: { ...ordinaryGroupLimits, ...options.groupLimits },
    followTiming: ordinaryFollowTiming,
    fanOutTiming: { ...ordinaryFanOutTiming, ...options.fanOutTiming },
    outboxTiming: {
      settleAfterMs: 2_000,
      retryMaxMs: 30_000,
      clearAfterMs: 10_000,
      ...{ confirmAfterMs: 500, tellAfterMs: 50, tellGroupsAfterMs: 500 },
      ...options.outboxTiming,
    },
  };
}

/** One node: a registry, its router and its own way to the store. */
export class RigNode {
  readonly process: MortalProcess;
  readonly store: RowStore;
  readonly registry: EntityRegistry;
  readonly tally: ActorTally = newActorTally();
  readonly sweeper: OutboxSweeper;

  constructor(rig: MailboxRig, incarnation: Buffer) {
    const { options } = rig;
    this.process = new MortalProcess(rig.time);
    const { time } = this.process;
    const random = rig.random.next;
    const table = this.process.table(rig.faulty, options.storeDelay);
    this.store = new VersionedStore({ table, versions: new RowVersionSource(incarnation), time, random });
    const local: EnvelopePort = {
      request: (to, envelope, deadline) => this.registry.mailbox(to).accept(envelope, deadline),
    };
    const wrapped = options.envelopes?.(local) ?? local;
    const tenure: Tenure = {
      epoch: () => 1,
      isLeaseCurrent: () => options.isLeaseCurrent ?? true,
      keeps: () => true,
      mayServe: () => ({ kind: 'yes' }),
      ...options.tenure,
    };
    const { groups, members } = localGroups(
      () => this.registry,
      time,
      (error, what) => rig.alarms.push({ error, what }),
    );
    this.registry = new EntityRegistry(
      {
        ...{ store: this.store, time, random },
        tenure,
        tally: this.tally,
        handoff: handoffOf(options),
        envelopes: this.process.envelopes(wrapped, options.envelopeDelay),
        ...limitsOf(options),
        groups: options.groups?.(groups) ?? groups,
        members: options.members?.(members) ?? members,
        alarm: (error, what) => {
          rig.alarms.push({ error, what });
        },
      },
      {
        ...{ budgetBytes: 64 << 20, recentMs: 24 * hour, loadsAtOnceMax: 64, loadsWaitingMax: 2_048 },
        ...options.cacheLimits,
      },
    );
    this.sweeper = new OutboxSweeper(
      { fromHash: 0, toHash: rowHashCount },
      {
        store: this.store,
        time,
        random,
        wake: (entityId, deadline) => this.registry.entity(entityId).wake(deadline),
        failed: () => undefined,
      },
      { everyMs: 30_000, pagePauseMs: 1_000, deadlineMs: 5_000, ...options.sweeperTiming },
    );
  }

  mailbox(userId: string): MailboxPort {
    return new LocalMailbox(userId, this.registry);
  }
}

/**
 * Mailboxes over one table in memory, in virtual time: nodes are killed and started again over what is stored,
 * or run side by side (two nodes that both think they own everybody). Faults of the table are injected by
 * setting `faultOf`.
 */
export class MailboxRig {
  readonly options: RigOptions;
  readonly time = new VirtualTime();
  readonly random: SeededRandom;
  readonly table: RowTable;
  readonly faulty: FaultyTable;
  readonly alarms: { readonly error: unknown; readonly what: string }[] = [];
  faultOf: (call: TableCall) => Fault | undefined = () => undefined;
  node: RigNode;
  #starts = 0;

  constructor(options: RigOptions = {}) {
    this.options = options;
    this.random = new SeededRandom(options.seed ?? 1);
    this.table = options.table?.(this.time) ?? new MemoryTable(this.time);
    this.faulty = new FaultyTable(this.table, this.time, (call) => this.faultOf(call));
    this.node = this.startNode();
  }

  /** Another node over the same store. */
  startNode(): RigNode {
    const incarnation = Buffer.alloc(8);
    incarnation.writeUInt32BE(++this.#starts, 4);
    return new RigNode(this, incarnation);
  }

  /** Kills the node with -9 and starts it again. */
  restart(): RigNode {
    this.node.process.kill();
    this.node = this.startNode();
    return this.node;
  }

  deadline(inMs = 10_000): number {
    return this.time.monotonicMs() + inMs;
  }

  mailbox(userId: string, node = this.node): MailboxPort {
    return node.mailbox(userId);
  }

  /** Makes accounts. */
  async users(...userIds: readonly string[]): Promise<void> {
    for (const userId of userIds) {
      const account = { name: userId.toUpperCase(), createdAt: 1, passwordHash: '', tokensValidFrom: 0 };
      await this.time.drive(this.mailbox(userId).call('createAccount', account, this.deadline()));
    }
  }

  /** A send as a client makes it; `id` is the part of the messageId that tells one from another. */
  params(from: string, to: string, text: string, more: Partial<SendMessageParams> = {}): SendMessageParams {
    const messageId = `${this.time.wallMs()}.${from}.d1.${text.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, 32)}`;
    return { conversationId: dmIdOf(from, to), text, messageId, ...more };
  }

  send(
    from: string,
    to: string,
    text: string,
    more: Partial<SendMessageParams> = {},
    node = this.node,
  ): Promise<SendMessageResult> {
    return node.mailbox(from).call('sendMessage', this.params(from, to, text, more), this.deadline());
  }

  /** Sends, and drives the clock until the answer is there. */
  sent(...args: Parameters<MailboxRig['send']>): Promise<SendMessageResult> {
    return this.time.drive(this.send(...args));
  }
}
