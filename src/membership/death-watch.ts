import type { Member } from '../ring/member.ts';
import type { Lease } from './lease-board.ts';

interface Watched {
  count: number | undefined;
  /** For how long, by looks at the board that prove something, the count has stood still or was missing. */
  stillMs: number;
}

/**
 * Judges who is dead by the counts on the board: one that stood still, or was missing, for 2L on this node's
 * clock while this node's own and most others advanced. Time counts only between two looks that followed a
 * successful renewal of our own and are not far apart: while a board is away, slow, or has just come back empty
 * or with an older state, nobody grows any deader.
 */
export class DeathWatch {
  readonly #self: string;
  readonly #leaseMs: number;
  readonly #watched = new Map<string, Watched>();
  #lastLookMs: number | undefined;

  /** @param self this node's incarnation */
  constructor(self: string, leaseMs: number) {
    this.#self = self;
    this.#leaseMs = leaseMs;
  }

  /** @param leases of the members, in their order, read after this node's own renewal succeeded */
  look(members: readonly Member[], leases: readonly (Lease | undefined)[], nowMs: number): void {
    const sinceMs = nowMs - (this.#lastLookMs ?? nowMs);
    const countedMs = sinceMs <= this.#leaseMs ? sinceMs : 0;
    this.#lastLookMs = nowMs;
    const present = new Set(members.map(({ incarnation }) => incarnation));
    for (const incarnation of this.#watched.keys()) {
      if (!present.has(incarnation)) this.#watched.delete(incarnation);
    }
    members.forEach(({ incarnation }, index) => {
      const lease = leases[index];
      const count = lease?.incarnation === incarnation ? lease.count : undefined;
      const watched = this.#watched.get(incarnation);
      if (watched === undefined) {
        this.#watched.set(incarnation, { count, stillMs: 0 });
      } else if (count === undefined || count === watched.count) {
        watched.stillMs += countedMs;
      } else {
        watched.count = count;
        watched.stillMs = 0;
      }
    });
  }

  /** Incarnations that count as dead, the stillest first. */
  get dead(): readonly string[] {
    return [...this.#watched]
      .filter(([incarnation, { stillMs }]) => stillMs >= 2 * this.#leaseMs && this.#mostAdvance(incarnation))
      .sort(([, a], [, b]) => b.stillMs - a.stillMs)
      .map(([incarnation]) => incarnation)
      .filter((incarnation) => incarnation !== this.#self);
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
