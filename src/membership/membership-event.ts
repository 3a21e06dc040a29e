import type { RingView } from '../ring/ring-view.ts';

export interface ViewChange {
  /** undefined for the first one. */
  readonly before: RingView | undefined;
  readonly after: RingView;
  /** False for the first one and after a gap: nothing is held any more. */
  readonly isInOrder: boolean;
}

export type MembershipEvent =
  | { readonly kind: 'adopted'; readonly change: ViewChange }
  /** These count as dead, and this node had them removed; alone: while most others seemed dead as well. */
  | { readonly kind: 'removed'; readonly nodeIds: readonly string[]; readonly isAlone: boolean }
  /** This node is out of the ring while it lives. It asks to be let in again, unless an operator has taken it out. */
  | { readonly kind: 'excluded'; readonly view: RingView; readonly isOnPurpose: boolean }
  /** A later start of this node has taken its place: this process has to end. */
  | { readonly kind: 'replaced'; readonly view: RingView }
  /** None of these, which live, has come to `peerAddress` for so long: this node gets no users before one does. */
  | {
      readonly kind: 'unreached';
      readonly by: readonly string[];
      readonly peerAddress: string;
      readonly waitedMs: number;
    }
  /** Something failed and is tried again. */
  | { readonly kind: 'trouble'; readonly what: string; readonly error: unknown };
