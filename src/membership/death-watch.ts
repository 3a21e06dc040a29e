import type { Member } from '../ring/member.ts';
import type { Death } from '../ring/ring-document.ts';
import type { Lease } from './lease-board.ts';

interface Watched {
  count: number | undefined;
  /** When it was looked at first, or the look that last saw its count advance. */
  advancedMs: number;
  /** For how long, by looks at the board that prove something, the count has stood still or was missing. */
  stillMs: number;
  /** For how long it was silent in both ways: its count, and its connections. */
  silentMs: number;
  /** For how long its count stood still while nobody listened where it was. */
  endedMs: number;
  /** For how long it was silent while this node was well in every way. */
  lostMs: number;
}

/** What a node knows beside the board when it looks at it; times are ms on its own clock. */
export interface Witness {
  /** For how long it has proved its view to be the latest, without a break. */
  readonly provenMs: () => number;
  /** For how long nothing came from that process over any connection. A living one is heard each heartbeat. */
  readonly unheardMs: (member: Member) => number;
  /** For how long it has no connection with it, and the machine says that nobody listens there; else undefined. */
  readonly refusedMs: (member: Member) => number | undefined;
}

export interface DeathWatchTerms {
  readonly leaseMs: number;
  /** See {@link RemovalTerms}. */
  readonly aloneMs: number;
  readonly signMs: number;
}

const silentLeases = 1.5;
/** Signs of life that a member whose process seems to have ended has missed. */
const missedSigns = 2;
/** Whatever `aloneMs` says: the others, where they live, would have removed this node long before. */
const aloneLeases = 5;

/**
 * Judges who is dead, by the counts on the board and by what the links say:
 * - *silent*: the count stood still, or was missing, and nothing came over a link, both for 1.5L;
 * - *ended*: the count stood still for two signs, and all that time nobody listened where the member was.
 *
 * Both only while this node's own and most other members show life. Stillness counts only between two looks that
 * followed a successful renewal of our own and are not far apart: while a board is away, slow, or has just come back
 * empty or with an older state, nobody grows any deader.
 *
 * Where most are silent it may be this node that is cut off. So they count as dead only after 5L or more during all of
 * which its own count advanced and the store confirmed its view.
 */
export class DeathWatch {
  readonly #self: string;
  readonly #terms: DeathWatchTerms;
  readonly #watched = new Map<string, Watched>();
  #lastLookMs: number | undefined;
  /** For how long each look has shown this node's own count to advance. */
  #ownMs = 0;

  /** @param self this node's incarnation */
  constructor(self: string, terms: DeathWatchTerms) {
    this.#self = self;
    this.#terms = terms;
  }

  /** @param leases of the members, in their order, read after this node's own renewal succeeded */
  look(
    members: readonly Member[],
    leases: readonly (Lease | undefined)[],
    nowMs: number,
    witness: Witness,
  ): void {
    const sinceMs = nowMs - (this.#lastLookMs ?? nowMs);
    const countedMs = sinceMs <= this.#terms.leaseMs ? sinceMs : 0;
    this.#lastLookMs = nowMs;
    const present = new Set(members.map(({ incarnation }) => incarnation));
    for (const incarnation of this.#watched.keys()) {
      if (!present.has(incarnation)) this.#watched.delete(incarnation);
    }
    members.forEach(({ incarnation }, index) => {
      const lease = leases[index];
      const count = lease?.incarnation === incarnation ? lease.count : undefined;
      this.#count(incarnation, count, countedMs, nowMs);
    });
    const doesAdvance = countedMs > 0 && this.#watched.get(this.#self)?.stillMs === 0;
    this.#ownMs = doesAdvance ? this.#ownMs + countedMs : 0;
    for (const member of members) {
      const watched = this.#watched.get(member.incarnation);
      if (watched === undefined) continue;
      const { stillMs } = watched;
      watched.silentMs = Math.min(stillMs, witness.unheardMs(member));
      watched.endedMs = Math.min(stillMs, witness.refusedMs(member) ?? 0);
      watched.lostMs = Math.min(watched.silentMs, this.#ownMs, witness.provenMs());
    }
  }

  /** The stillest first. */
  get dead(): readonly Death[] {
    return [...this.#watched]
      .filter(([incarnation, watched]) => incarnation !== this.#self && this.#isDead(incarnation, watched))
      .sort(([, a], [, b]) => b.stillMs - a.stillMs)
      .map(([incarnation, watched]) => ({ incarnation, hasEnded: this.#hasEnded(incarnation, watched) }));
  }

  /** Are most others silent as well? */
  isAloneBeside(incarnation: string): boolean {
    return !this.#mostLive(incarnation);
  }

  /**
   * Was there a sign of life in the last L, on the board or over a link? Nobody is judged sooner; after that, who can't be
   * seen, because the board is away, does not count as alive, and neither does who seems to have ended.
   * @param sinceMs since when it is looked for, where it was not looked at yet
   */
  seemsAlive(member: Member, sinceMs: number, nowMs: number, witness: Witness): boolean {
    const watched = this.#watched.get(member.incarnation);
    if (watched !== undefined && watched.endedMs >= missedSigns * this.#terms.signMs) return false;
    const advancedMs = watched?.advancedMs ?? sinceMs;
    return Math.min(nowMs - advancedMs, witness.unheardMs(member)) < this.#terms.leaseMs;
  }

  #count(incarnation: string, count: number | undefined, countedMs: number, nowMs: number): void {
    const watched = this.#watched.get(incarnation);
    if (watched === undefined) {
      const none = { stillMs: 0, silentMs: 0, endedMs: 0, lostMs: 0 };
      this.#watched.set(incarnation, { count, advancedMs: nowMs, ...none });
    } else if (count === undefined || count === watched.count) {
      watched.stillMs += countedMs;
    } else {
      watched.count = count;
      watched.advancedMs = nowMs;
      watched.stillMs = 0;
    }
  }

  #isDead(incarnation: string, watched: Watched): boolean {
    const { aloneMs, leaseMs } = this.#terms;
    if (watched.lostMs >= Math.max(aloneMs, aloneLeases * leaseMs)) return true;
    if (this.#hasEnded(incarnation, watched)) return true;
    return watched.silentMs >= silentLeases * leaseMs && this.#mostLive(incarnation);
  }

  #hasEnded(incarnation: string, { endedMs }: Watched): boolean {
    return endedMs >= missedSigns * this.#terms.signMs && this.#mostLive(incarnation);
  }

  /** Of the members but this one, do more than half show life? This node does: it looks only when it has renewed. */
  #mostLive(but: string): boolean {
    let others = 0;
    let living = 0;
    for (const [incarnation, { silentMs, endedMs }] of this.#watched) {
      if (incarnation === but) continue;
      others++;
      if (incarnation === this.#self || (silentMs < this.#terms.leaseMs && endedMs === 0)) living++;
    }
    return living * 2 > others;
  }
}
