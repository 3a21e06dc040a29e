import { assigned, assignmentOf, weighedTo } from './ring-document.ts';
import type { Assignment, PendingChange, RingDocument } from './ring-document.ts';
import { RingView } from './ring-view.ts';

/** The change that is under way, if there is one. */
export function pendingIn({ pending, view }: RingDocument): PendingChange | undefined {
  if (pending === undefined || pending.epoch !== view.epoch) return undefined;
  return view.hasIncarnation(pending.coordinator) ? pending : undefined;
}

/** Who would own what, were the change made. Its epoch is that of the next view, its id nobody's. */
export function plannedView(
  view: RingView,
  { nodeId, weight }: Pick<PendingChange, 'nodeId' | 'weight'>,
): RingView {
  const members = view.members.map((one) => (one.nodeId === nodeId ? { ...one, weight } : one));
  return new RingView({ epoch: view.epoch + 1, viewId: '0'.repeat(16), members });
}

/** undefined: another one is under way, or this one is in already. */
export function beginning(ring: RingDocument, change: PendingChange): RingDocument | undefined {
  if (pendingIn(ring) !== undefined || change.epoch !== ring.view.epoch) return undefined;
  return { ...ring, pending: change };
}

/** The view that the change makes; undefined: it is void, or was made already. */
export function switching(ring: RingDocument, changeId: string, viewId: string): RingDocument | undefined {
  const pending = pendingIn(ring);
  if (pending?.changeId !== changeId || pending.phase !== 'preparing') return undefined;
  const next = weighedTo(ring, pending.nodeId, pending.weight, viewId);
  const settling = { ...pending, phase: 'settling', epoch: next.view.epoch } as const;
  return { ...assigned(next, assignmentAfter(ring, pending)), pending: settling };
}

/** Without the change; undefined where it is not there. */
export function ending(ring: RingDocument, changeId: string): RingDocument | undefined {
  return ring.pending?.changeId === changeId ? { ...ring, pending: undefined } : undefined;
}

function assignmentAfter(ring: RingDocument, { kind, nodeId, weight }: PendingChange): Assignment {
  const before = assignmentOf(ring, nodeId);
  if (kind === 'drain') return { ...before, service: 'drained' };
  if (kind === 'arrival' || kind === 'stop') return before;
  return { nodeId, weight, service: 'in' };
}
