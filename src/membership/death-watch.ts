import type { Member } from '../ring/member.ts';
import type { Lease } from './lease-board.ts';

interface Watched {
  count: number | undefined;
  /** For how long, by looks at the board that prove something, the count has stood still or was missing. */
  stillMs: number;
  /** For how long it was silent in every way while this node was well in every way. */
  lostMs: number;
}

/** What a node knows beside the board when it looks at it; times are ms on its own clock. */
export interface Witness {
  /** For how long it has proved its view to be the latest, without a break. */
  readonly provenMs: number;
  /** For how long nothing came from that node; 0 while there is a connection with it. */
  readonly unheardMs: (nodeId: string) => number;
}

export interface DeathWatchTerms {
  readonly leaseMs: number;
  /** See {@link RemovalTerms}. */
  readonly aloneMs: number;
}

/** Whatever `aloneMs` says: the others, where they live, would have removed this node long before. */
const aloneLeases = 5;

/**
 * Judges who is dead by the counts on the board: one that stood still, or was missing, for 2L on this node's
 * clock while this node's own and most others advanced. Time counts only between two looks that followed a
 * successful renewal of our own and are not far apart: while a board is away, slow, or has just come back empty
 * or with an older state, nobody grows any deader.
 *
 * Where most stand still it may be this node that is on the wrong side of a board. So they count as dead only after
 * 5L or more during all of which its own count advanced, the store confirmed its view, and its connections with
 * them were down as well.
 */
export class DeathWatch {
  readonly #self: string;
  readonly #leaseMs: number;
  readonly #lostLimitMs: number;
  readonly #watched = new Map<string, Watched>();
  #lastLookMs: number | undefined;
  /** For how long each look has shown this node's own count to advance. */
  #ownMs = 0;

  /** @param self this node's incarnation */
  constructor(self: string, { leaseMs, aloneMs }: DeathWatchTerms) {
    this.#self = self;
    this.#leaseMs = leaseMs;
    this.#lostLimitMs = Math.max(aloneMs, aloneLeases * leaseMs);
  }

  /** @param leases of the members, in their order, read after this node's own renewal succeeded */
  look(
    members: readonly Member[],
    leases: readonly (Lease | undefined)[],
    nowMs: number,
    witness: Witness,
  ): void {
    const sinceMs = nowMs - (this.#lastLookMs ?? nowMs);
    const countedMs = sinceMs <= this.#leaseMs ? sinceMs : 0;
    this.#lastLookMs = nowMs;
    const present = new Set(members.map(({ incarnation }) => incarnation));
    for (const incarnation of this.#watched.keys()) {
      if (!present.has(incarnation)) this.#watched.delete(incarnation);
    }
    members.forEach(({ incarnation }, index) => {
      const lease = leases[index];
      this.#count(incarnation, lease?.incarnation === incarnation ? lease.count : undefined, countedMs);
    });
    const doesAdvance = countedMs > 0 && this.#watched.get(this.#self)?.stillMs === 0;
    this.#ownMs = doesAdvance ? this.#ownMs + countedMs : 0;
    for (const { incarnation, nodeId } of members) {
      const watched = this.#watched.get(incarnation);
      if (watched === undefined) continue;
      const unheardMs = witness.unheardMs(nodeId);
      watched.lostMs = Math.min(watched.stillMs, this.#ownMs, witness.provenMs, unheardMs);
    }
  }

  /** Incarnations that count as dead, the stillest first. */
  get dead(): readonly string[] {
    return [...this.#watched]
      .filter(([incarnation, watched]) => incarnation !== this.#self && this.#isDead(incarnation, watched))
      .sort(([, a], [, b]) => b.stillMs - a.stillMs)
      .map(([incarnation]) => incarnation);
  }

  /** Do most others stand still as well? */
  isAloneBeside(incarnation: string): boolean {
    return !this.#mostAdvance(incarnation);
  }

  #count(incarnation: string, count: number | undefined, countedMs: number): void {
    const watched = this.#watched.get(incarnation);
    if (watched === undefined) {
      this.#watched.set(incarnation, { count, stillMs: 0, lostMs: 0 });
    } else if (count === undefined || count === watched.count) {
      watched.stillMs += countedMs;
    } else {
      watched.count = count;
      watched.stillMs = 0;
    }
  }

  #isDead(incarnation: string, { stillMs, lostMs }: Watched): boolean {
    if (stillMs < 2 * this.#leaseMs) return false;
    return lostMs >= this.#lostLimitMs || this.#mostAdvance(incarnation);
  }

  /** Of the members but this one, do more than half advance? This node does: it looks only when it has renewed. */
  #mostAdvance(but: string): boolean {
    let others = 0;
    let advancing = 0;
    for (const [incarnation, { stillMs }] of this.#watched) {
      if (incarnation === but) continue;
      others++;
      if (incarnation === this.#self || stillMs < this.#leaseMs) advancing++;
    }
    return advancing * 2 > others;
  }
}
