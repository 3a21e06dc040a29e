import type { Admission, Tenure } from '../actor/tenure.ts';
import type { ViewChange } from '../membership/membership-event.ts';
import type { Membership } from '../membership/membership.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { RingView } from '../ring/ring-view.ts';
import type { RowVersion } from '../row/row-version.ts';
import type { Cancel } from '../std/time.ts';
import type { RingPort } from './ring-port.ts';

/**
 * This node's place on the ring, as actors and routing see it. It is there before the node joins, because what it
 * joins with (its addresses) is known only once its doors are open; until then nobody is served.
 */
export class RingSeat implements RingPort, Tenure {
  readonly self: RingPort['self'];
  readonly #listeners = new Set<(change: ViewChange) => void>();
  #membership: Membership | undefined;

  constructor(self: RingPort['self']) {
    this.self = self;
  }

  /** From now on what this membership says counts. */
  take(membership: Membership): void {
    this.#membership = membership;
    membership.onView((change) => {
      for (const adopted of [...this.#listeners]) adopted(change);
    });
  }

  get view(): RingView | undefined {
    return this.#membership?.view;
  }

  onView(adopted: (change: ViewChange) => void): Cancel {
    this.#listeners.add(adopted);
    return () => {
      this.#listeners.delete(adopted);
    };
  }

  heard(incarnation: string, epoch: number): void {
    this.#membership?.heard(incarnation, epoch);
  }

  epoch(): number {
    return this.#tenure.epoch();
  }

  isLeaseCurrent(): boolean {
    return this.#tenure.isLeaseCurrent();
  }

  keeps(entityId: string, sinceEpoch: number): boolean {
    return this.#tenure.keeps(entityId, sinceEpoch);
  }

  mayServe(entityId: string, row: RowVersion | undefined): Admission {
    return this.#tenure.mayServe(entityId, row);
  }

  get #tenure(): Tenure {
    if (this.#membership?.view === undefined) {
      throw new ProtocolError('unavailable', 'this node has not joined its cluster yet');
    }
    return this.#membership.tenure;
  }
}
