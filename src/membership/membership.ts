import type { Member } from '../ring/member.ts';
import {
  assignmentOf,
  foundedBy,
  isGoneFrom,
  joinedBy,
  leftBy,
  settledIn,
  type RingDocument,
} from '../ring/ring-document.ts';
import type { RingView } from '../ring/ring-view.ts';
import type { RowStore } from '../row/row-store.ts';
import type { Cancel, Time } from '../std/time.ts';
import { AdoptedViews } from './adopted-views.ts';
import type { LeaseBoard } from './lease-board.ts';
import type { MembershipEvent, ViewChange } from './membership-event.ts';
import { LeaseClock, expiryMs, instantOf } from './lease-clock.ts';
import type { LeaseTerms } from './lease-clock.ts';
import { RingDocuments } from './ring-documents.ts';
import { RingProposer } from './ring-proposer.ts';
import type { RingChange } from './ring-proposer.ts';
import { defaultRemovalTerms, Removals, type RemovalTerms } from './removals.ts';
import { RingTenure } from './ring-tenure.ts';
import type { ReadRule } from './ring-tenure.ts';
import { RoundLoop } from './round-loop.ts';
import { SignsOfLife } from './signs-of-life.ts';

export interface MembershipParts {
  readonly self: Member;
  /** Earlier incarnations of this node whose processes have ended, for certain: nobody waits for their leases. */
  readonly ended?: readonly string[];
  readonly store: RowStore;
  readonly board: LeaseBoard;
  readonly time: Time;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  readonly readRule: ReadRule;
  readonly terms?: LeaseTerms;
  readonly removal?: RemovalTerms;
  /** What the links know of a member, ms: see {@link Witness}. */
  readonly unheardMs: (member: Member) => number;
  readonly refusedMs: (member: Member) => number | undefined;
  /**
   * Comes in without users, whatever weight `self` has, and gets them later by a change of its weight: so others can send
   * ahead what they have of them. Not where it founds the ring, or takes the place of an earlier start of its node.
   */
  readonly entersEmpty?: boolean;
  /** For the log and the metrics; must not throw. */
  readonly onEvent: (event: MembershipEvent) => void;
}

/**
 * - `idle`: not started. `joining`: proposes a view with this node in it.
 * - `active`: has adopted a view; rounds go on, also while the view is without this node.
 * - `ended`: left, or was replaced; for good.
 */
type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'joining' }
  | {
      readonly kind: 'active';
      /** Asks the store for the latest view. */
      readonly proofs: RoundLoop;
      /** Shows life on the board and looks at it; apart, as a slow board must not delay a proof. */
      readonly signs: RoundLoop;
      readonly unsubscribe: Cancel;
    }
  | { readonly kind: 'ended' };

export const defaultTerms: LeaseTerms = { leaseMs: 6_000, driftRatio: 0.1 };
const proofsPerLease = 3;

/**
 * This node's place in the ring: joins, adopts views one after the other, shows signs of life, proves that its view
 * is the latest, removes who is dead, leaves. docs/adr/0007-ring-and-leases.md has the rules.
 */
export class Membership {
  readonly tenure: RingTenure;
  readonly #parts: MembershipParts;
  readonly #terms: LeaseTerms;
  readonly #documents: RingDocuments;
  readonly #proposer: RingProposer;
  readonly #views: AdoptedViews;
  readonly #lease: LeaseClock;
  readonly #signs: SignsOfLife;
  readonly #removals: Removals;
  readonly #listeners = new Set<(change: ViewChange) => void>();
  /** What lingers since this epoch or before is known to be settled. */
  #settledEpoch = 0;
  #starting: Promise<void> | undefined;
  #phase: Phase = { kind: 'idle' };

  constructor(parts: MembershipParts) {
    const { self, store, board, time, random } = parts;
    this.#parts = parts;
    this.#terms = parts.terms ?? defaultTerms;
    this.#documents = new RingDocuments(store);
    const onTrouble = this.#trouble.bind(this);
    this.#proposer = new RingProposer({ documents: this.#documents, board, time, random, onTrouble });
    this.#views = new AdoptedViews(self.incarnation);
    this.#lease = new LeaseClock(time, this.#terms);
    const removal = parts.removal ?? defaultRemovalTerms;
    this.#signs = new SignsOfLife({
      ...{ self, board, views: this.#views, terms: { ...this.#terms, ...removal }, time, random },
      witness: {
        provenMs: () => this.#lease.unbrokenMs,
        ...{ unheardMs: parts.unheardMs, refusedMs: parts.refusedMs },
      },
      catchUp: this.#catchUp.bind(this),
    });
    this.#removals = new Removals(removal, time);
    this.tenure = new RingTenure({
      ...{ incarnation: self.incarnation, views: this.#views, lease: this.#lease, terms: this.#terms, time },
      readRule: parts.readRule,
      onBehind: () => {
        this.#hurry();
      },
    });
  }

  /** The view in force; undefined before this node has joined. */
  get view(): RingView | undefined {
    return this.#views.view;
  }

  /** Is this node in the view in force? */
  get isMember(): boolean {
    return this.#phase.kind === 'active' && this.#isIn(this.#views.view);
  }

  /** Were others taken for dead that have not started again since? They may live, and be in no view. */
  get hasRemoved(): boolean {
    return (this.#views.document?.removals.removed.length ?? 0) > 0;
  }

  /** Other members that serve users and, as far as can be seen here, live. */
  get livingServers(): readonly Member[] {
    const { document } = this.#views;
    return (document?.view.members ?? []).filter(
      (member) =>
        member.weight > 0 &&
        member.nodeId !== this.#parts.self.nodeId &&
        !document?.departed.includes(member.incarnation) &&
        this.#signs.seemsAlive(member),
    );
  }

  /**
   * Calls `adopted` at each adoption, before anything about it is shown to others: what it takes from this node
   * has to be sealed when the call returns. It must not throw.
   */
  onView(adopted: (change: ViewChange) => void): Cancel {
    this.#listeners.add(adopted);
    return () => {
      this.#listeners.delete(adopted);
    };
  }

  /** Resolves when this node is in a view that it has adopted, or was told to leave. Rejects with StoreError. */
  start(deadline: number): Promise<void> {
    if (this.#phase.kind !== 'idle') throw new Error(`a membership starts once; it is ${this.#phase.kind}`);
    this.#phase = { kind: 'joining' };
    this.#starting = this.#join(deadline);
    return this.#starting;
  }

  /**
   * Leaves in good order. Whatever this node served has to be sealed before; from now on it serves nothing.
   * Rejects with StoreError where others could not be told: then they wait for the lease to run out.
   */
  async leave(deadline: number): Promise<void> {
    const phase = this.#phase;
    await this.#end();
    if (phase.kind === 'idle') return;
    // A join on its way may still win: what it brings in has to go again.
    if (phase.kind === 'joining') await this.#settled(this.#starting, deadline);
    await this.#depart(deadline);
  }

  /**
   * Changes the ring. Resolves with what is in the store then, changed or not, when this node has adopted it.
   * Rejects with StoreError.
   */
  async propose(change: RingChange, deadline: number): Promise<RingDocument | undefined> {
    const ring = await this.#proposer.propose(change, deadline);
    if (ring !== undefined) this.#adopt(ring.document);
    return ring?.document;
  }

  /** What is known of an incarnation in the view, from the board and from itself. */
  signsOf(incarnation: string): { readonly isDead: boolean; readonly adoptedEpoch: number } {
    const isDead = this.#signs.isDead(incarnation);
    const isSelf = incarnation === this.#parts.self.incarnation;
    return { isDead, adoptedEpoch: isSelf ? this.#views.epoch : this.#views.adoptedEpochOf(incarnation) };
  }

  /** An incarnation has told directly (each frame of a peer carries it) which view it has adopted. */
  heard(incarnation: string, adoptedEpoch: number): void {
    this.#views.noteAdopted(incarnation, adoptedEpoch);
    if (adoptedEpoch > this.#views.epoch) this.#hurry();
  }

  /** Nobody listens where a member was: a look at the board tells whether it still shows life. */
  missed(): void {
    if (this.#phase.kind === 'active') this.#phase.signs.hurry();
  }

  async #join(deadline: number): Promise<void> {
    const ring = await this.#proposer.propose(this.#joining.bind(this), deadline);
    // It may have been told to leave meanwhile.
    if (this.#phase.kind !== 'joining') return this.#depart(deadline);
    if (ring === undefined) throw new Error('a ring was proposed and is not there');
    this.#phase = this.#activate();
    this.#adopt(ring.document);
  }

  #activate(): Phase {
    const { board, time } = this.#parts;
    const proofs = new RoundLoop({
      time,
      round: () => this.#attempt('proof of the view', this.#prove.bind(this)),
      periodMs: () => this.#proofPeriodMs(),
    });
    const signs = new RoundLoop({
      time,
      round: () => this.#attempt('lease board', this.#showLife.bind(this)),
      periodMs: () => this.#signs.periodMs,
    });
    proofs.hurry();
    const unsubscribe = board.subscribe((epoch) => {
      if (epoch > this.#views.epoch) proofs.hurry();
    });
    return { kind: 'active', proofs, signs, unsubscribe };
  }

  /** Resolves when nothing of this membership is under way any more. */
  async #end(): Promise<void> {
    const phase = this.#phase;
    this.tenure.end();
    this.#phase = { kind: 'ended' };
    if (phase.kind !== 'active') return;
    phase.unsubscribe();
    await Promise.all([phase.proofs.stop(), phase.signs.stop()]);
  }

  /** Resolves when `work` is over, however it ended, or at the deadline. */
  #settled(work: Promise<void> | undefined, deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.time.after(deadline - this.#parts.time.monotonicMs(), resolve);
      const over = (): void => {
        cancel();
        resolve();
      };
      // Who started this node is told how it went.
      Promise.resolve(work).then(over, over);
    });
  }

  async #depart(deadline: number): Promise<void> {
    const { self } = this.#parts;
    await this.#proposer.propose(
      (ring, viewId) =>
        ring && !isGoneFrom(ring, self.incarnation) ? leftBy(ring, self, viewId) : undefined,
      deadline,
    );
  }

  #adopt(document: RingDocument): void {
    const { onEvent, self, time } = this.#parts;
    const phase = this.#phase;
    if (phase.kind !== 'active' || document.view.epoch <= this.#views.epoch) return;
    const before = this.#views.view;
    const after = document.view;
    this.#signs.adopted();
    this.#removals.adopted(document);
    const isInOrder = this.#views.adopt(document, time.monotonicMs());
    const change: ViewChange = { before, after, isInOrder };
    for (const adopted of this.#listeners) adopted(change);
    onEvent({ kind: 'adopted', change });
    const successor = after.member(self.nodeId);
    if (successor !== undefined && successor.incarnation !== self.incarnation) {
      // Not awaited: this may be one of the rounds that it stops. They don't reject.
      void this.#end();
      onEvent({ kind: 'replaced', view: after });
      return;
    }
    if (successor === undefined) {
      const isOnPurpose = assignmentOf(document, self.nodeId).service === 'removed';
      onEvent({ kind: 'excluded', view: after, isOnPurpose });
    }
    // Showing the new epoch is the release of what moved away, and others may be waiting for it.
    phase.signs.hurry();
  }

  async #attempt(what: string, round: (deadline: number) => Promise<void>): Promise<void> {
    try {
      await round(this.#parts.time.monotonicMs() + this.#terms.leaseMs / proofsPerLease);
    } catch (error) {
      this.#trouble(error, what);
    }
  }

  /**
   * Asks the store whether the adopted view is the latest, and catches up where it isn't. Either way every view
   * that is later than the adopted one was committed after the question was sent: from there the lease runs.
   */
  async #prove(deadline: number): Promise<void> {
    const asked = instantOf(this.#parts.time);
    const epochBefore = this.#views.epoch;
    const latest = await this.#documents.latestEpoch(deadline);
    if (latest < epochBefore) throw new Error(`the ring went back from ${epochBefore} to ${latest}`);
    if (latest > this.#views.epoch) await this.#catchUp(deadline);
    if (latest <= this.#views.epoch) this.#lease.renew(asked);
  }

  async #catchUp(deadline: number): Promise<void> {
    const ring = await this.#documents.latest(deadline);
    if (ring !== undefined) this.#adopt(ring.document);
  }

  async #showLife(deadline: number): Promise<void> {
    const hasLooked = await this.#signs.round(deadline);
    const { view } = this.#views;
    if (hasLooked && this.#phase.kind === 'active' && view !== undefined) await this.#amend(view, deadline);
  }

  /** Proposes what this node, which has just shown that it lives, finds wrong with the view. */
  async #amend(view: RingView, deadline: number): Promise<void> {
    const { dead } = this.#signs;
    if (!this.#isIn(view)) {
      await this.propose(this.#joining.bind(this), deadline);
    } else if (dead.length > 0) {
      const isAlone = dead.some(({ incarnation }) => this.#signs.isAloneBeside(incarnation));
      let nodeIds: readonly string[] = [];
      await this.propose((ring, viewId) => {
        const next = ring && this.#removals.without(ring, dead, viewId);
        nodeIds = next ? missing(ring.view, next.view) : [];
        return next;
      }, deadline);
      if (nodeIds.length > 0) this.#parts.onEvent({ kind: 'removed', nodeIds, isAlone });
    }
    await this.#settle(deadline);
  }

  /** Takes those out of the document whose leases have run out meanwhile: later starts need not wait for them. */
  async #settle(deadline: number): Promise<void> {
    const isExpired = (epoch: number): boolean => {
      const sinceMs = this.#views.adoptedSinceMs(epoch) ?? Infinity;
      return this.#parts.time.monotonicMs() - sinceMs >= expiryMs(this.#terms);
    };
    const due = (this.#views.document?.lingering ?? [])
      .map(({ sinceEpoch }) => sinceEpoch)
      .filter((epoch) => epoch > this.#settledEpoch && isExpired(epoch));
    if (due.length === 0) return;
    await this.propose((ring) => ring && settledIn(ring, isExpired), deadline);
    this.#settledEpoch = Math.max(...due);
  }

  #joining(ring: RingDocument | undefined, viewId: string): RingDocument | undefined {
    const { self } = this.#parts;
    if (ring === undefined) return this.#phase.kind === 'ended' ? undefined : foundedBy(self, viewId);
    if (ring.view.hasIncarnation(self.incarnation) || this.#phase.kind === 'ended') return undefined;
    const earlier = ring.view.member(self.nodeId);
    // A later start of this node came first: an excluded one must not push it out.
    const isLate = this.#phase.kind === 'active' && earlier !== undefined;
    if (isLate || assignmentOf(ring, self.nodeId).service === 'removed') return undefined;
    const weight = this.#parts.entersEmpty === true ? (earlier?.weight ?? 0) : self.weight;
    const member = { ...self, weight };
    return joinedBy(ring, { member, ended: this.#parts.ended ?? [] }, viewId);
  }

  #isIn(view: RingView | undefined): boolean {
    return view?.hasIncarnation(this.#parts.self.incarnation) ?? false;
  }

  /** A little by chance, so that nodes don't march in step. */
  #proofPeriodMs(): number {
    return (this.#terms.leaseMs / proofsPerLease) * (0.9 + this.#parts.random() / 10);
  }

  #hurry(): void {
    if (this.#phase.kind === 'active') this.#phase.proofs.hurry();
  }

  #trouble(error: unknown, what: string): void {
    this.#parts.onEvent({ kind: 'trouble', what, error });
  }
}

function missing(before: RingView, after: RingView): readonly string[] {
  return before.members
    .filter(({ nodeId }) => after.member(nodeId) === undefined)
    .map(({ nodeId }) => nodeId);
}
