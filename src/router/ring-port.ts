import type { ViewChange } from '../membership/membership-event.ts';
import type { RingView } from '../ring/ring-view.ts';
import type { Cancel } from '../std/time.ts';

/** What routing has to know of the ring; the membership of this node, or a test's. */
export interface RingPort {
  readonly self: { readonly nodeId: string; readonly incarnation: string };
  /** The view in force; undefined before this node has joined. */
  readonly view: RingView | undefined;
  /** Calls `adopted` at each adoption; it must not throw or wait. */
  onView(adopted: (change: ViewChange) => void): Cancel;
  /** Has this node owned the user in each view from that epoch to the one in force, and missed none of them? */
  keeps(userId: string, sinceEpoch: number): boolean;
  /** A peer has shown which view it has. */
  heard(incarnation: string, epoch: number): void;
}
