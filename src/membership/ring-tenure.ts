import type { Tenure } from '../actor/tenure.ts';
import type { RingView } from '../ring/ring-view.ts';
import { writerOf } from '../row/row-version.ts';
import type { RowVersion } from '../row/row-version.ts';
import type { Time } from '../std/time.ts';
import type { AdoptedViews } from './adopted-views.ts';
import { expiryMs } from './lease-clock.ts';
import type { LeaseClock, LeaseTerms } from './lease-clock.ts';

/**
 * May this node commit, or hold, an entity whose row has this version?
 * `wait`: ask again after that time (whole, at least 1), mostly sooner than it may be served. `wrongOwner`: not under this view; where
 * the row is from a later one, this node is behind and has begun to catch up.
 */
export type Admission =
  | { readonly kind: 'yes' }
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'wrongOwner'; readonly view: RingView };

/**
 * `held`: what a node holds it reads from memory while its lease is current. `verified`: every read compares the
 * version with the store (cheap where the store is embedded), so nobody ever waits for another. All nodes of a
 * cluster have the same rule.
 */
export type ReadRule = 'held' | 'verified';

export interface RingTenureParts {
  /** This node's. */
  readonly incarnation: string;
  readonly views: AdoptedViews;
  readonly lease: LeaseClock;
  readonly terms: LeaseTerms;
  readonly readRule: ReadRule;
  readonly time: Time;
  /** A row from a later view was seen. */
  readonly onBehind: () => void;
}

/** Who waits looks at the board again this often. */
const recheckMs = 50;
const yes: Admission = { kind: 'yes' };

/** This node's right to its users: the rules of docs/adr/0007-ring-and-leases.md, as the actors ask for them. */
export class RingTenure implements Tenure {
  readonly #parts: RingTenureParts;
  #hasEnded = false;

  constructor(parts: RingTenureParts) {
    this.#parts = parts;
  }

  epoch(): number {
    return this.#parts.views.epoch;
  }

  isLeaseCurrent(): boolean {
    return !this.#hasEnded && this.#parts.readRule === 'held' && this.#parts.lease.isCurrent();
  }

  /**
   * Is what was committed under `sinceEpoch` (the epoch when that commit began) held to this day? Then no other
   * node has committed it since; read from memory only while the lease is current as well.
   */
  keeps(entityId: string, sinceEpoch: number): boolean {
    return !this.#hasEnded && this.#parts.views.keeps(entityId, sinceEpoch);
  }

  /** @param row the version that a commit would stand on, or that a read would show; undefined: no row yet */
  mayServe(entityId: string, row: RowVersion | undefined): Admission {
    const { incarnation, readRule, views, time, terms } = this.#parts;
    const { view } = views;
    if (view === undefined) throw new Error('this node has not joined a ring yet');
    const isBehind = row !== undefined && row.epoch > view.epoch;
    if (isBehind) this.#parts.onBehind();
    if (this.#hasEnded || isBehind || !views.owns(entityId)) return { kind: 'wrongOwner', view };
    if (row === undefined || readRule === 'verified') return yes;
    const writer = writerOf(row);
    if (writer === incarnation || views.hasReleased(entityId, writer)) return yes;
    const clearMs = views.deniedSinceMs(entityId, writer) + expiryMs(terms);
    const waitMs = clearMs - time.monotonicMs();
    return waitMs <= 0 ? yes : { kind: 'wait', waitMs: Math.min(Math.ceil(waitMs), recheckMs) };
  }

  /** This node serves nothing any more. */
  end(): void {
    this.#hasEnded = true;
  }
}
