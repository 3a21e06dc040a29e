import type { Member } from '../ring/member.ts';
import type { Death } from '../ring/ring-document.ts';
import type { Time } from '../std/time.ts';
import type { AdoptedViews } from './adopted-views.ts';
import { DeathWatch, type DeathWatchTerms, type Witness } from './death-watch.ts';
import { expiryMs, type LeaseTerms } from './lease-clock.ts';
import type { LeaseBoard } from './lease-board.ts';

export interface SignsOfLifeParts {
  readonly self: Member;
  readonly board: LeaseBoard;
  readonly views: AdoptedViews;
  readonly terms: LeaseTerms & DeathWatchTerms;
  readonly witness: Witness;
  readonly time: Time;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** The board has heard of a later view: adopts it, where the store has one. */
  readonly catchUp: (deadline: number) => Promise<void>;
}

/** A node looks at the board so often in the time of a lease, where nobody is missed. */
const looksPerLease = 3;
/** After a new view the first looks at who has adopted it come as fast as this, then twice as slow each time. */
const firstLookMs = 25;

/**
 * This node's signs of life on the board, and what it sees there of the others. Showing is cheap and frequent;
 * looking costs something a member, so it is done seldom, unless a view is fresh or somebody is missed.
 */
export class SignsOfLife {
  readonly #parts: SignsOfLifeParts;
  readonly #watch: DeathWatch;
  #renewals = 0;
  /** Since the view in force was adopted. */
  #rounds = 0;
  #adoptedMs = 0;
  #lookedMs = -Infinity;

  constructor(parts: SignsOfLifeParts) {
    this.#parts = parts;
    this.#watch = new DeathWatch(parts.self.incarnation, parts.terms);
  }

  /** Those in the view that count as dead, the stillest first. */
  get dead(): readonly Death[] {
    return this.#watch.dead;
  }

  isDead(incarnation: string): boolean {
    return this.dead.some((death) => death.incarnation === incarnation);
  }

  /** See {@link DeathWatch.seemsAlive}. */
  seemsAlive(member: Member): boolean {
    const { time, witness } = this.#parts;
    return this.#watch.seemsAlive(member, this.#adoptedMs, time.monotonicMs(), witness);
  }

  /** Do most others seem dead as well? */
  isAloneBeside(incarnation: string): boolean {
    return this.#watch.isAloneBeside(incarnation);
  }

  /** To be told of each view that is adopted: the next round looks who else has. */
  adopted(): void {
    this.#adoptedMs = this.#parts.time.monotonicMs();
    this.#rounds = 0;
    this.#lookedMs = -Infinity;
  }

  /** One round. @returns whether it has looked at the others. Rejects with LeaseBoardError or StoreError. */
  async round(deadline: number): Promise<boolean> {
    this.#rounds++;
    if (!(await this.#show(deadline)) || !this.#isLookDue) return false;
    const { board, time, views, witness } = this.#parts;
    const members = views.view?.members ?? [];
    const leases = await board.leases(
      members.map(({ nodeId }) => nodeId),
      deadline,
    );
    for (const lease of leases) if (lease) views.noteAdopted(lease.incarnation, lease.adoptedEpoch);
    this.#lookedMs = time.monotonicMs();
    this.#watch.look(members, leases, this.#lookedMs, witness);
    return true;
  }

  /** From the beginning of a round to that of the next one. A little by chance, so that nodes don't march in step. */
  get periodMs(): number {
    const { random, terms, views } = this.#parts;
    const isAlone = (views.view?.members.length ?? 0) <= 1;
    const ordinaryMs = isAlone ? this.#lookEveryMs : Math.min(terms.signMs, this.#lookEveryMs);
    const pace = 0.9 + random() / 10;
    if (this.#isViewFresh)
      return Math.min(pace * ordinaryMs, firstLookMs * 2 ** Math.max(0, this.#rounds - 1));
    return (this.#isSomebodyMissed ? ordinaryMs / 2 : ordinaryMs) * pace;
  }

  /** @returns false where the board was refused, as it knows of a later view: the next round shows that */
  async #show(deadline: number): Promise<boolean> {
    const { board, catchUp, self, views } = this.#parts;
    const { nodeId, incarnation } = self;
    const show = { nodeId, incarnation, adoptedEpoch: views.epoch, count: ++this.#renewals };
    let outcome = await board.renew({ ...show, isConfirmed: false }, deadline);
    if (outcome.kind === 'refused') {
      await catchUp(deadline);
      // Where there was nothing to catch up with, the board remembers what the store never had.
      if (views.epoch === show.adoptedEpoch) {
        outcome = await board.renew({ ...show, isConfirmed: true }, deadline);
      }
    }
    return outcome.kind === 'renewed';
  }

  get #lookEveryMs(): number {
    return this.#parts.terms.leaseMs / looksPerLease;
  }

  get #isLookDue(): boolean {
    if (this.#isViewFresh || this.#isSomebodyMissed) return true;
    const { time, terms } = this.#parts;
    // Half a sign early rather than a whole one late.
    return time.monotonicMs() - this.#lookedMs >= this.#lookEveryMs - terms.signMs / 2;
  }

  /** Who waits for others wants to see that they have adopted it. */
  get #isViewFresh(): boolean {
    const { terms, time, views } = this.#parts;
    return time.monotonicMs() - this.#adoptedMs < expiryMs(terms) && !views.isAdoptedByAll;
  }

  /** Is a member's process gone, for all that its links say, and not counted as dead yet? */
  get #isSomebodyMissed(): boolean {
    const { self, views, witness } = this.#parts;
    const missed = (views.view?.members ?? []).filter(
      (member) => member.incarnation !== self.incarnation && witness.refusedMs(member) !== undefined,
    );
    return missed.some(({ incarnation }) => !this.isDead(incarnation));
  }
}
