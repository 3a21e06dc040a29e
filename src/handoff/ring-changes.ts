import type { Membership } from '../membership/membership.ts';
import { beginning, pendingIn } from '../ring/pending-change.ts';
import {
  assignmentOf,
  weighedTo,
  type PendingChange,
  type PendingKind,
  type RingDocument,
} from '../ring/ring-document.ts';
import { StoreError } from '../row/row-store.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Time } from '../std/time.ts';
import type { ArrivalGate } from './arrival-gate.ts';
import { ChangeRunner } from './change-runner.ts';
import type { Handoff } from './handoff.ts';
import type { HandoffLimits } from './handoff-limits.ts';
import type { WeightPlan } from './handoff-wire.ts';
import { RingControlError, type RingProgress } from './ring-control.ts';

export interface RingChangesParts {
  readonly self: { readonly nodeId: string; readonly incarnation: string };
  readonly handoff: Handoff;
  readonly gate: ArrivalGate;
  readonly limits: HandoffLimits;
  readonly time: Time;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** A change that this node carries out has come to its next phase, for the log. Must not throw. */
  readonly onProgress: (progress: RingProgress) => void;
  readonly alarm: (error: unknown, what: string) => void;
}

const backoff = { baseMs: 20, maxMs: 500 };
/** A node that can't get its users sent ahead for so long takes them as they are. */
const arrivalMaxMs = 15_000;
const rememberedMax = 32;
/** Until what failed for no passing reason is tried again: without it a node would stay without users, or a change in the ring. */
const unforeseenPauseMs = 5_000;

/** Changes of the ring that this node carries out: those that operators ask it for, its own arrival, and its end. */
export class RingChanges {
  readonly #parts: RingChangesParts;
  readonly #finished = new Map<string, RingProgress>();
  #membership: Membership | undefined;
  #runner: ChangeRunner | undefined;
  /** Changes that are on their way into the document. */
  readonly #asked = new Set<string>();
  /** How often the store did not tell whether a change went in, since it was last certain that none is left there. */
  #doubts = 0;
  #arriving: Promise<void> | undefined;
  #isStopping = false;
  /** This node leaves at once, and its users go to others, whatever runs. */
  #isLeaving = false;

  constructor(parts: RingChangesParts) {
    this.#parts = parts;
  }

  take(membership: Membership): void {
    this.#membership = membership;
  }

  get running(): ChangeRunner | undefined {
    return this.#runner;
  }

  get last(): RingProgress | undefined {
    return [...this.#finished.values()].at(-1);
  }

  /** Of a change that this node carries out, or did. */
  progressOf(changeId: string): RingProgress | undefined {
    if (this.#runner?.changeId === changeId) return this.#runner.progress();
    return this.#finished.get(changeId);
  }

  /** The membership, where this node is in service. @throws RingControlError */
  get membership(): Membership {
    const membership = this.#membership;
    if (membership?.isMember !== true) {
      const message = 'this node is not in the ring now: ask another one';
      throw new RingControlError({ code: 'not_member', message, risk: undefined });
    }
    return membership;
  }

  /** The ring document as it is now. Rejects with StoreError. */
  latest(deadline: number): Promise<RingDocument | undefined> {
    return this.membership.propose(() => undefined, deadline);
  }

  /** Rejects with StoreError, and with RingControlError where another change is under way. */
  async begin(kind: PendingKind, plan: WeightPlan, deadline: number): Promise<ChangeRunner> {
    const changeId = this.#newId();
    this.#asked.add(changeId);
    try {
      return await this.#begin(changeId, kind, plan, deadline).finally(() => this.#asked.delete(changeId));
    } catch (error) {
      if (error instanceof StoreError) void this.#withdraw();
      throw error;
    }
  }

  async #begin(
    changeId: string,
    kind: PendingKind,
    plan: WeightPlan,
    deadline: number,
  ): Promise<ChangeRunner> {
    const { self } = this.#parts;
    const ring = await this.membership.propose((latest) => {
      if (latest === undefined || !canWeigh(latest, plan)) return undefined;
      const { epoch } = latest.view;
      const change = {
        ...plan,
        changeId,
        kind,
        coordinator: self.incarnation,
        epoch,
        phase: 'preparing',
      } as const;
      return beginning(this.#withoutLeft(latest), change);
    }, deadline);
    if (ring?.pending?.changeId !== changeId) {
      const running = ring && pendingIn(ring);
      const which = running ? `${running.kind} of ${running.nodeId} (${running.changeId})` : 'another change';
      const message = `${which} is under way: wait for it, or abort it`;
      throw new RingControlError({ code: 'change_running', message, risk: undefined });
    }
    return this.#run(ring);
  }

  /** Comes into service, where that is wanted: state is sent ahead by those who have it. Never rejects. */
  arrive(): Promise<void> {
    if (this.#isStopping || this.#weight === undefined || this.#weight > 0)
      return this.#arriving ?? Promise.resolve();
    this.#arriving ??= this.#arrive()
      .catch((error: unknown) => {
        this.#parts.alarm(error, 'coming into service');
      })
      .finally(() => {
        this.#arriving = undefined;
        this.#parts.gate.leave();
      });
    return this.#arriving;
  }

  /** Hands over what this node serves, as far as there is somebody to take it. Resolves at the deadline at the latest. */
  async handOver(deadline: number): Promise<void> {
    this.#isStopping = true;
    const { self, time } = this.#parts;
    if (this.#runner !== undefined) {
      this.#runner.abort(this.#stopReason);
      // What it can't end any more may bring users here, which are to be handed over as well.
      await this.#until(this.#runner.over, deadline);
    }
    for (let tries = 1; time.monotonicMs() < deadline && this.#membership?.isMember === true; tries++) {
      try {
        const ring = await this.latest(deadline);
        const plan = { nodeId: self.nodeId, weight: 0 };
        if (ring === undefined || !isServing(ring, self) || !canWeigh(ring, plan)) return;
        const runner = await this.begin('stop', plan, deadline);
        const progress = await this.#until(runner.over, deadline);
        if (progress?.outcome?.kind === 'done') return;
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
      await this.#pause(tries, deadline);
    }
  }

  /** Nothing is begun any more. */
  stop(): void {
    this.#isStopping = true;
    this.#isLeaving = true;
  }

  /** Of this node in the view that it has adopted. */
  get #weight(): number | undefined {
    return this.#membership?.view?.member(this.#parts.self.nodeId)?.weight;
  }

  readonly #isEnding = (): boolean => this.#isStopping || this.#membership?.isMember !== true;

  async #arrive(): Promise<void> {
    const { gate, limits, self, time } = this.#parts;
    let lateMs = time.monotonicMs() + arrivalMaxMs;
    for (let tries = 1; !this.#isEnding(); tries++) {
      const deadline = time.monotonicMs() + limits.settleMs;
      try {
        const ring = await this.latest(deadline);
        if (ring === undefined || isServing(ring, self) || !ring.view.hasIncarnation(self.incarnation))
          return;
        const { service, weight } = assignmentOf(ring, self.nodeId);
        if (service !== 'in' || weight === 0) return;
        // An operator may weigh it in meanwhile.
        const isOver = (): boolean => this.#isEnding() || (this.#weight ?? 0) > 0;
        const waitedMs = await gate.wait(() => this.#membership?.livingServers ?? [], isOver);
        if (waitedMs > 0) {
          lateMs += waitedMs;
          continue;
        }
        const running = pendingIn(ring);
        // What another node is about to do has an end; coming in as it is would make that void.
        if (time.monotonicMs() >= lateMs && (running === undefined || this.#isLeft(running))) {
          await this.#comeAsIs(weight, deadline);
          return;
        }
        const runner = await this.begin('arrival', { nodeId: self.nodeId, weight }, deadline);
        if ((await runner.over).outcome?.kind === 'done') return;
      } catch (error) {
        await this.#passing(error, 'coming into service');
      }
      await this.#pause(tries, Infinity);
    }
  }

  /** One of this node's own that nobody carries out: the store did not tell that it was in, or would not take it out. */
  #isLeft({ changeId, coordinator }: PendingChange): boolean {
    const { self } = this.#parts;
    const isOwn = coordinator === self.incarnation;
    return isOwn && changeId !== this.#runner?.changeId && !this.#asked.has(changeId);
  }

  /**
   * Takes a change that the store may have taken, or may take yet, out of the document, and one that is over: nobody carries
   * it out, and while it is there no node can begin another one. Never rejects.
   */
  async #withdraw(): Promise<void> {
    this.#doubts++;
    // That is seen to already.
    if (this.#doubts > 1) return;
    const { limits, time } = this.#parts;
    // Where this node is out of the view the change is void.
    for (let tries = 1; this.#membership?.isMember === true; tries++) {
      const doubts = this.#doubts;
      try {
        const deadline = time.monotonicMs() + limits.settleMs;
        await this.#membership.propose((ring) => ring && this.#withoutLeft(ring), deadline);
        if (doubts === this.#doubts) break;
      } catch (error) {
        await this.#passing(error, 'withdrawing a change of the ring');
      }
      await this.#pause(tries, Infinity);
    }
    this.#doubts = 0;
  }

  /** A new document also where there is none to take out: a commit that would still put it in loses against this. */
  #withoutLeft(ring: RingDocument): RingDocument {
    const { pending } = ring;
    return { ...ring, pending: pending !== undefined && this.#isLeft(pending) ? undefined : pending };
  }

  /** Takes its users without their state: they are loaded from the store. */
  async #comeAsIs(weight: number, deadline: number): Promise<void> {
    const { self } = this.#parts;
    await this.membership.propose((ring, viewId) => {
      if (ring?.view.hasIncarnation(self.incarnation) !== true || isServing(ring, self)) return undefined;
      return weighedTo(ring, self.nodeId, weight, viewId);
    }, deadline);
  }

  #run(ring: RingDocument): ChangeRunner {
    const { alarm, handoff, limits, onProgress, self, time } = this.#parts;
    const { pending: change, view } = ring;
    if (change === undefined) throw new Error('a change was begun and is not there');
    const { changeId, epoch, nodeId, weight } = change;
    const { membership } = this;
    const prepare = { kind: 'prepare', changeId, epoch, plan: { nodeId, weight } } as const;
    const runner = new ChangeRunner({
      ...{ change, view, coordinator: self.nodeId, limits, time, changed: onProgress, alarm },
      propose: (next, deadline) => membership.propose(next, deadline),
      epoch: () => membership.view?.epoch ?? 0,
      ask: (id, isFirst) => handoff.statusOf(id, isFirst ? prepare : { kind: 'status', changeId }),
      cancel: () => {
        // What was sent ahead is of use to those who take over.
        if (this.#isLeaving) return;
        handoff.cancel(changeId);
        for (const member of view.members) {
          // Who doesn't hear of it finds out by the silence.
          if (member.nodeId !== self.nodeId) void handoff.ask(member.nodeId, { kind: 'cancel', changeId });
        }
      },
    });
    this.#runner = runner;
    // It was on its way into the document when this node was told to stop.
    if (this.#isStopping && change.kind !== 'stop') runner.abort(this.#stopReason);
    void runner.over.then(
      (progress) => {
        this.#remember(runner, progress);
      },
      (error: unknown) => {
        this.#remember(runner, runner.progress());
        alarm(error, `change ${changeId} of the ring`);
      },
    );
    return runner;
  }

  #remember(runner: ChangeRunner, progress: RingProgress): void {
    if (this.#runner === runner) this.#runner = undefined;
    const { tally } = this.#parts.handoff;
    if (progress.outcome?.kind === 'done') tally.changesDone++;
    else if (progress.outcome?.kind === 'aborted') tally.changesAborted++;
    else tally.changesFailed++;
    this.#finished.set(progress.changeId, progress);
    if (runner.isRecorded) void this.#withdraw();
    const [oldest] = this.#finished.keys();
    if (oldest !== undefined && this.#finished.size > rememberedMax) this.#finished.delete(oldest);
  }

  get #stopReason(): string {
    return `${this.#parts.self.nodeId} is stopping`;
  }

  #newId(): string {
    const half = (): string =>
      Math.floor(this.#parts.random() * 0x100000000)
        .toString(16)
        .padStart(8, '0');
    return half() + half();
  }

  async #until<Value>(work: Promise<Value>, deadline: number): Promise<Value | undefined> {
    const { time } = this.#parts;
    let cancel = (): void => undefined;
    const late = new Promise<undefined>((resolve) => {
      cancel = time.after(deadline - time.monotonicMs(), () => {
        resolve(undefined);
      });
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      cancel();
    }
  }

  /** Resolves when it may be tried again. What doesn't pass by itself is told, and may have been mended after a while. */
  async #passing(error: unknown, what: string): Promise<void> {
    if (isPassing(error)) return;
    this.#parts.alarm(error, what);
    await this.#wait(unforeseenPauseMs);
  }

  #pause(tries: number, deadline: number): Promise<void> {
    const { random, time } = this.#parts;
    const pauseMs = backoffDelayMs(backoff, tries - 1, random);
    return this.#wait(Math.max(0, Math.min(pauseMs, deadline - time.monotonicMs())));
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.time.after(ms, resolve);
    });
  }
}

/** Would somebody serve, and is the node there? */
function canWeigh({ view }: RingDocument, plan: WeightPlan): boolean {
  if (view.member(plan.nodeId) === undefined) return false;
  if (plan.weight > 0) return true;
  return view.members.some(({ nodeId, weight }) => nodeId !== plan.nodeId && weight > 0);
}

function isServing({ view }: RingDocument, self: { nodeId: string; incarnation: string }): boolean {
  const member = view.member(self.nodeId);
  return member?.incarnation === self.incarnation && member.weight > 0;
}

/** The store is away for a moment, or another change is under way. */
function isPassing(error: unknown): boolean {
  if (error instanceof StoreError) return error.retryable;
  return error instanceof RingControlError;
}
