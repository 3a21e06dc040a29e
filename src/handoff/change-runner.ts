import type { RingProposer } from '../membership/ring-proposer.ts';
import { ending, switching } from '../ring/pending-change.ts';
import type { PendingChange, RingDocument } from '../ring/ring-document.ts';
import type { RingView } from '../ring/ring-view.ts';
import { StoreError } from '../row/row-store.ts';
import type { Time } from '../std/time.ts';
import type { HandoffLimits } from './handoff-limits.ts';
import type { NodeStatus } from './handoff-wire.ts';
import type { RingOutcome, RingPhase, RingProgress } from './ring-control.ts';

export interface ChangeRunnerParts {
  readonly change: PendingChange;
  /** The view that the change stands on. */
  readonly view: RingView;
  readonly coordinator: string;
  /** Changes the ring document; resolves with what is in the store then, adopted. Rejects with StoreError. */
  readonly propose: (
    change: Parameters<RingProposer['propose']>[0],
    deadline: number,
  ) => Promise<RingDocument | undefined>;
  /** Epoch of the view in force here. */
  readonly epoch: () => number;
  /** Asks a node of the view, this one too; undefined: it doesn't answer. */
  readonly ask: (nodeId: string, isFirst: boolean) => Promise<NodeStatus | undefined>;
  /** Tells all nodes that nothing comes of it. */
  readonly cancel: () => void;
  readonly limits: HandoffLimits;
  readonly time: Time;
  /** A phase has begun, or the end was reached. */
  readonly changed: (progress: RingProgress) => void;
  readonly alarm: (error: unknown, what: string) => void;
}

interface NodeRecord {
  /** It gets users: who does not answer would leave them unserved. */
  readonly isTaker: boolean;
  status: NodeStatus;
  /** It takes part, or did. */
  hasBegun: boolean;
  hasBeenHeard: boolean;
  /** It answered when it was asked last. */
  isHeard: boolean;
  hasGivenUp: boolean;
}

const unknown: NodeStatus = { state: 'waiting', totalUsers: 0, movedUsers: 0, totalBytes: 0, movedBytes: 0 };
const firstPollMs = 5;
/** Between two looks whether the change is still in the document: who was away for long may have been overruled. */
const recheckMs = 1_000;

/** Carries one change of the ring out: has state sent ahead, publishes the view, sees it settle. */
export class ChangeRunner {
  readonly changeId: string;
  /** Resolves when the change has its outcome, and is out of the document where {@link isRecorded} does not say otherwise. */
  readonly over: Promise<RingProgress>;
  readonly #parts: ChangeRunnerParts;
  readonly #records: ReadonlyMap<string, NodeRecord>;
  readonly #startedAt: number;
  #phase: RingPhase = 'preparing';
  #finishedAt: number | undefined;
  #outcome: RingOutcome | undefined;
  #abortReason: string | undefined;
  /** Who had not sent all ahead when the time for that was over. */
  #late = '';
  #isRecorded = true;

  constructor(parts: ChangeRunnerParts) {
    this.changeId = parts.change.changeId;
    this.#parts = parts;
    this.#startedAt = parts.time.wallMs();
    const takers = takersIn(parts.view, parts.change);
    const none = { status: unknown, hasBegun: false, hasBeenHeard: false, isHeard: false, hasGivenUp: false };
    this.#records = new Map(
      parts.view.members.map(({ nodeId }) => [nodeId, { ...none, isTaker: takers.has(nodeId) }]),
    );
    this.over = this.#run();
  }

  /** Is it in the document, for all that is known? When it is over somebody else has to take it out. */
  get isRecorded(): boolean {
    return this.#isRecorded;
  }

  progress(): RingProgress {
    const { change, coordinator } = this.#parts;
    const all = [...this.#records];
    const sum = (of: (status: NodeStatus) => number): number =>
      all.reduce((total, [, { status }]) => total + of(status), 0);
    return {
      changeId: this.changeId,
      kind: change.kind,
      nodeId: change.nodeId,
      coordinator,
      phase: this.#phase,
      totalUsers: sum(({ totalUsers }) => totalUsers),
      movedUsers: sum(({ movedUsers }) => movedUsers),
      totalBytes: sum(({ totalBytes }) => totalBytes),
      movedBytes: sum(({ movedBytes }) => movedBytes),
      nodes: all.map(([nodeId, { status }]) => ({
        nodeId,
        state: status.state,
        totalUsers: status.totalUsers,
        movedUsers: status.movedUsers,
      })),
      startedAt: this.#startedAt,
      finishedAt: this.#finishedAt,
      outcome: this.#outcome,
    };
  }

  /** @returns false where it is too late: users have begun to be served elsewhere */
  abort(reason: string): boolean {
    if (this.#phase !== 'preparing') return false;
    this.#abortReason ??= reason;
    return true;
  }

  async #run(): Promise<RingProgress> {
    let outcome: RingOutcome;
    try {
      outcome = await this.#carryOut();
    } catch (error) {
      // It must not stay in the document, where it would keep all others out.
      this.#parts.alarm(error, `change ${this.changeId} of the ring, ${this.#phase}`);
      const isMade = this.#phase === 'settling';
      const remark = 'its end could not be watched: see the log of the coordinator';
      outcome = isMade ? { kind: 'done', remark } : { kind: 'failed', reason: 'a bug: see the log' };
    }
    if (outcome.kind !== 'done') this.#parts.cancel();
    await this.#end();
    return this.#finish(outcome);
  }

  async #carryOut(): Promise<RingOutcome> {
    const { limits, time } = this.#parts;
    this.#parts.changed(this.progress());
    const failure = await this.#prepare(time.monotonicMs() + limits.prepareMs);
    if (failure !== undefined) return failure;
    this.#enter('switching');
    const obstacle = await this.#switch(time.monotonicMs() + limits.settleMs);
    if (obstacle !== undefined) return { kind: 'failed', reason: obstacle };
    this.#enter('settling');
    await this.#settle(time.monotonicMs() + limits.settleMs);
    return { kind: 'done', remark: this.#remark() };
  }

  /**
   * Resolves when all that moves has been sent ahead, or the time for it is over.
   * @returns why nothing comes of it; undefined: go on
   */
  async #prepare(deadline: number): Promise<RingOutcome | undefined> {
    const { change, epoch, limits, time } = this.#parts;
    const startMs = time.monotonicMs();
    let pauseMs = firstPollMs;
    let checkedMs = startMs;
    for (;;) {
      if (time.monotonicMs() - checkedMs >= recheckMs) {
        if (!(await this.#isWanted())) return { kind: 'failed', reason: 'another node has ended it' };
        checkedMs = time.monotonicMs();
      }
      await this.#poll();
      if (this.#abortReason !== undefined) return { kind: 'aborted', reason: this.#abortReason };
      if (epoch() !== change.epoch) return { kind: 'failed', reason: 'the ring has changed meanwhile' };
      const nowMs = time.monotonicMs();
      if (nowMs - startMs >= limits.silentMs) this.#giveUpOnSilent();
      const gone = this.#idsOf(({ hasGivenUp }) => hasGivenUp);
      if (gone !== '') return { kind: 'failed', reason: `${gone} gave it up` };
      if ([...this.#records.values()].every(isReady)) return undefined;
      if (nowMs + pauseMs >= deadline) {
        const silent = this.#idsOf(({ isTaker, isHeard, hasBegun }) => isTaker && !(isHeard && hasBegun));
        if (silent !== '') {
          const reason = `${silent} did not answer: users that move there would not be served`;
          return { kind: 'failed', reason };
        }
        // To fail would not help: with that much to send, or so little bandwidth, it would be the same the next time.
        this.#late = this.#idsOf((record) => !isReady(record));
        return undefined;
      }
      await this.#pause(pauseMs);
      pauseMs = Math.min(limits.pollMs, pauseMs * 2);
    }
  }

  /** Is it still in the document? Where the store doesn't tell, it goes on: nothing moves without the store. */
  async #isWanted(): Promise<boolean> {
    const { propose, time } = this.#parts;
    try {
      const ring = await propose(() => undefined, time.monotonicMs() + recheckMs);
      return ring?.pending?.changeId === this.changeId;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return true;
    }
  }

  /** @returns what came in between; undefined: the view is published */
  async #switch(deadline: number): Promise<string | undefined> {
    const { change, propose } = this.#parts;
    try {
      const ring = await propose(
        (latest, viewId) => latest && switching(latest, change.changeId, viewId),
        deadline,
      );
      const isMade = ring?.pending?.changeId === change.changeId && ring.pending.phase === 'settling';
      return isMade ? undefined : 'another change of the ring came first';
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return `the ring could not be changed: ${error.message}`;
    }
  }

  async #settle(deadline: number): Promise<void> {
    const { limits, time } = this.#parts;
    let pauseMs = firstPollMs;
    while (time.monotonicMs() + pauseMs < deadline) {
      await this.#poll();
      const states = [...this.#records.values()].map(({ status }) => status.state);
      if (states.every((state) => state === 'switched' || state === 'cold')) return;
      await this.#pause(pauseMs);
      pauseMs = Math.min(limits.pollMs, pauseMs * 2);
    }
  }

  async #poll(): Promise<void> {
    await Promise.all(
      [...this.#records].map(async ([nodeId, record]) => {
        if (record.status.state === 'cold' && !record.isTaker) return;
        const status = await this.#parts.ask(nodeId, !record.hasBegun);
        record.isHeard = status !== undefined;
        if (status === undefined) return;
        record.hasBeenHeard = true;
        if (status.state === 'waiting') {
          record.hasGivenUp = record.hasBegun;
          return;
        }
        record.hasBegun = true;
        const { totalUsers, totalBytes, movedUsers, movedBytes } = record.status;
        // Who has let go of everything counts it no more.
        record.status =
          status.state === 'switched'
            ? { state: 'switched', totalUsers, totalBytes, movedUsers, movedBytes }
            : status;
      }),
    );
  }

  #giveUpOnSilent(): void {
    for (const record of this.#records.values()) {
      if (!record.hasBeenHeard && !record.isTaker) record.status = { ...record.status, state: 'cold' };
    }
  }

  #idsOf(which: (record: NodeRecord) => boolean): string {
    return [...this.#records]
      .filter(([, record]) => which(record))
      .map(([nodeId]) => nodeId)
      .join(', ');
  }

  /** Takes the change out of the document, where the store lets it; while it is there no other one can begin. */
  async #end(): Promise<void> {
    const { limits, propose, time } = this.#parts;
    try {
      await propose((ring) => ring && ending(ring, this.changeId), time.monotonicMs() + limits.settleMs);
      this.#isRecorded = false;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  #enter(phase: RingPhase): void {
    this.#phase = phase;
    this.#parts.changed(this.progress());
  }

  #finish(outcome: RingOutcome): RingProgress {
    this.#outcome = outcome;
    this.#finishedAt = this.#parts.time.wallMs();
    this.#enter('finished');
    return this.progress();
  }

  #remark(): string | undefined {
    const cold = this.#idsOf(({ status }) => status.state === 'cold');
    const remarks = [
      ...(cold === '' ? [] : [`${cold} did not answer: users moved from there were not sent ahead`]),
      ...(this.#late === ''
        ? []
        : [`${this.#late} did not send all ahead in time: the rest is loaded from the store`]),
    ];
    return remarks.length === 0 ? undefined : remarks.join('; ');
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.time.after(ms, resolve);
    });
  }
}

/** Nothing is to be waited for: for who takes users, that it would serve them now. */
function isReady({ isTaker, isHeard, status }: NodeRecord): boolean {
  return (status.state === 'ready' || status.state === 'cold') && (isHeard || !isTaker);
}

/** Those that get users by it. */
function takersIn(view: RingView, change: PendingChange): ReadonlySet<string> {
  const isRaised = change.weight > (view.member(change.nodeId)?.weight ?? 0);
  if (isRaised) return new Set([change.nodeId]);
  const others = view.members.filter(({ nodeId, weight }) => weight > 0 && nodeId !== change.nodeId);
  return new Set(others.map(({ nodeId }) => nodeId));
}
