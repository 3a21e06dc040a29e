import { ordinaryWeight, type Member } from './member.ts';
import { RingError, RingView } from './ring-view.ts';

/**
 * Who was removed automatically since a view, and how much of what is allowed that has used up. The next window may begin
 * a minute after a node first saw this one, on its own clock: wall clocks of different machines are not compared.
 */
export interface RemovalWindow {
  /** The first view with a removal in this window; 0 where there was none ever. */
  readonly sinceEpoch: number;
  /** Members before it. */
  readonly memberCount: number;
  /** Removals that count against the cap. */
  readonly used: number;
  /** Newest last; more of them than can be named use up what they used. */
  readonly removed: readonly Removed[];
}

/** A start of a node that was removed in a window, until a later start of it comes in. */
export interface Removed {
  readonly nodeId: string;
  readonly incarnation: string;
  /** How much of the cap this has used; 0: its process had ended, and most members were left. */
  readonly used: number;
}

/**
 * An incarnation that went out of the view without having shown that it stopped: it may still read from memory
 * what it held. Whoever takes that over waits, until a member has seen it out of the views for a whole lease.
 */
export interface Lingering {
  /** undefined: any that is neither in the view nor named here, from times that the document knows nothing of. */
  readonly incarnation: string | undefined;
  /** The first view without it. */
  readonly sinceEpoch: number;
}

/** What the ring's row holds: the view, and what the next proposals have to know. Immutable. */
export interface RingDocument {
  readonly view: RingView;
  /** viewId of the view before; undefined for the first one. */
  readonly parentViewId: string | undefined;
  readonly removals: RemovalWindow;
  /**
   * Stopped in good order, and not told from the others otherwise: in the view (a ring is never empty, so the last
   * one stays in it), or out of it while unnamed ones linger. Newest last.
   */
  readonly departed: readonly string[];
  /** Nobody has to wait for an incarnation that is neither in the view nor in here. */
  readonly lingering: readonly Lingering[];
  /** A change that is being prepared, or was made and is settling; any other new view makes it void. */
  readonly pending: PendingChange | undefined;
  /** What operators want of nodes; those that are not named are in service with the ordinary weight. */
  readonly assignments: readonly Assignment[];
}

export type PendingKind = 'join' | 'drain' | 'weight' | 'arrival' | 'stop';

/**
 * A change of one node's weight for which state is sent ahead, in the ring document so that there is one at a time, and
 * whoever asks finds who carries it out.
 */
export interface PendingChange {
  /** 16 hex digits. */
  readonly changeId: string;
  readonly kind: PendingKind;
  readonly nodeId: string;
  /** The one that the node gets. */
  readonly weight: number;
  /** Incarnation of who carries it out; out of the view, the change is void. */
  readonly coordinator: string;
  /** The view that it stands on, that of `settling` the one that it has made; in any other one it is void. */
  readonly epoch: number;
  readonly phase: 'preparing' | 'settling';
}

/** What an operator wants of a node, kept while it is away. */
export interface Assignment {
  readonly nodeId: string;
  /** While it is in service. */
  readonly weight: number;
  /** `drained`: in the ring without users. `removed`: out of the ring, and not to come in by itself. */
  readonly service: 'in' | 'drained' | 'removed';
}

const departedMax = 64;
const lingeringMax = 64;
const removedMax = 64;
const assignmentsMax = 1024;
/** Of the members, in one window. */
const removedShareMax = 0.1;

/** The first document of a cluster, or of one that has lost it. */
export function foundedBy(member: Member, viewId: string): RingDocument {
  return {
    view: new RingView({ epoch: 1, viewId, members: [member] }),
    parentViewId: undefined,
    removals: { sinceEpoch: 0, memberCount: 0, used: 0, removed: [] },
    departed: [],
    lingering: [{ incarnation: undefined, sinceEpoch: 1 }],
    pending: undefined,
    assignments: [],
  };
}

export function assignmentOf(ring: RingDocument, nodeId: string): Assignment {
  const known = ring.assignments.find((one) => one.nodeId === nodeId);
  return known ?? { nodeId, weight: ordinaryWeight, service: 'in' };
}

/** The same ring, with another assignment; the ordinary one needs no entry. */
export function assigned(ring: RingDocument, assignment: Assignment): RingDocument {
  const { nodeId, weight, service } = assignment;
  const others = ring.assignments.filter((one) => one.nodeId !== nodeId);
  const isOrdinary = weight === ordinaryWeight && service === 'in';
  const assignments = isOrdinary ? others : [...others, assignment];
  if (assignments.length > assignmentsMax) throw new RingError('too many nodes have a weight of their own');
  return { ...ring, assignments };
}

export interface Arrival {
  readonly member: Member;
  /** Earlier incarnations of its node whose processes are known to have ended. */
  readonly ended: readonly string[];
}

/** The member comes in, in the place of an older incarnation of its node where there is one. */
export function joinedBy(ring: RingDocument, { member, ended }: Arrival, viewId: string): RingDocument {
  const others = ring.view.members.filter(({ nodeId }) => nodeId !== member.nodeId);
  const next = successor(ring, viewId, { members: [...others, member], ended });
  return { ...next, removals: removalsAfter(ring.removals, member) };
}

/**
 * A later start shows that the removal was right, and that the cluster is whole again: it gives back what that used. One that
 * comes back itself was alive: that counts, and it is not taken for ended once more.
 */
function removalsAfter(window: RemovalWindow, { nodeId, incarnation }: Member): RemovalWindow {
  const removed = window.removed.flatMap((one) => {
    if (one.nodeId !== nodeId) return [one];
    return one.incarnation === incarnation ? [{ ...one, used: Math.max(1, one.used) }] : [];
  });
  const total = (list: readonly Removed[]): number => list.reduce((sum, { used }) => sum + used, 0);
  return { ...window, removed, used: window.used + total(removed) - total(window.removed) };
}

/** The node gets another weight; what that moves is up to who asks. */
export function weighedTo(ring: RingDocument, nodeId: string, weight: number, viewId: string): RingDocument {
  const members = ring.view.members.map((one) => (one.nodeId === nodeId ? { ...one, weight } : one));
  return successor(ring, viewId, { members, ended: [] });
}

/** The node is out, whatever it does: it lingers for as long as it may still hold something. */
export function withoutNode(ring: RingDocument, nodeId: string, viewId: string): RingDocument {
  const members = ring.view.members.filter((one) => one.nodeId !== nodeId);
  return successor(ring, viewId, { members, ended: [] });
}

/** The member has stopped serving for good. The last one (that has a weight) stays, as a ring is never empty. */
export function leftBy(ring: RingDocument, { incarnation }: Member, viewId: string): RingDocument {
  const { members } = ring.view;
  const rest = members.filter((member) => member.incarnation !== incarnation);
  const isLast = !rest.some(({ weight }) => weight > 0);
  return successor(ring, viewId, { members: isLast ? members : rest, ended: [incarnation] });
}

/** Who counts as dead. */
export interface Death {
  readonly incarnation: string;
  /** Its machine says that its process is gone, and most other members show life. */
  readonly hasEnded: boolean;
}

export interface Removal {
  /** The most certain first. */
  readonly dead: readonly Death[];
  /** The proposer has known the document's window for a minute. */
  readonly isWindowOver: boolean;
}

/**
 * Removes as many of the dead as the cap allows; undefined where that is none. Whose process has ended does not count, as
 * long as most of the members that were there when the window began are left.
 */
export function removedFrom(ring: RingDocument, removal: Removal, viewId: string): RingDocument | undefined {
  const { members, epoch } = ring.view;
  const isNew = ring.removals.sinceEpoch === 0 || removal.isWindowOver;
  const fresh = { sinceEpoch: epoch + 1, memberCount: members.length, used: 0, removed: [] };
  let window: RemovalWindow = isNew ? fresh : ring.removals;
  let rest = members;
  for (const death of removal.dead) {
    const member = rest.find(({ incarnation }) => incarnation === death.incarnation);
    const without = rest.filter((one) => one !== member);
    const counted =
      member && countedIn(window, member, death.hasEnded && 2 * without.length > window.memberCount);
    if (counted === undefined) continue;
    window = counted;
    rest = without;
  }
  if (rest.length === members.length || !rest.some(({ weight }) => weight > 0)) return undefined;
  return { ...successor(ring, viewId, { members: rest, ended: [] }), removals: window };
}

/** undefined: the cap does not allow one more. */
function countedIn(window: RemovalWindow, member: Member, isFree: boolean): RemovalWindow | undefined {
  const { nodeId, incarnation } = member;
  const before = window.removed.find((one) => one.incarnation === incarnation);
  const used = isFree && before === undefined ? 0 : 1;
  if (window.used + used > Math.max(1, Math.floor(window.memberCount * removedShareMax))) return undefined;
  const others = window.removed.filter((one) => one !== before);
  const removed = [...others, { nodeId, incarnation, used: (before?.used ?? 0) + used }].slice(-removedMax);
  return { ...window, used: window.used + used, removed };
}

/**
 * The same view, without those that nobody has to wait for any more; undefined where there are none.
 * @param isExpired has the caller seen a view of at least this epoch in force for a whole lease?
 */
export function settledIn(
  ring: RingDocument,
  isExpired: (sinceEpoch: number) => boolean,
): RingDocument | undefined {
  const lingering = ring.lingering.filter(({ sinceEpoch }) => !isExpired(sinceEpoch));
  return lingering.length < ring.lingering.length ? { ...ring, lingering } : undefined;
}

/** Does `after` follow `before` directly, with no view between them? */
export function isNextOf(after: RingDocument, before: RingDocument): boolean {
  return after.view.epoch === before.view.epoch + 1 && after.parentViewId === before.view.viewId;
}

/** Is this incarnation known to hold nothing, by the document alone? */
export function isGoneFrom({ view, departed, lingering }: RingDocument, incarnation: string): boolean {
  if (departed.includes(incarnation)) return true;
  if (view.hasIncarnation(incarnation)) return false;
  return !lingering.some((one) => one.incarnation === undefined || one.incarnation === incarnation);
}

interface Change {
  readonly members: readonly Member[];
  /** Incarnations that serve nothing any more. */
  readonly ended: readonly string[];
}

function successor(ring: RingDocument, viewId: string, { members, ended }: Change): RingDocument {
  if (viewId === ring.view.viewId) throw new RingError(`view id ${viewId} is used twice`);
  const view = new RingView({ epoch: ring.view.epoch + 1, viewId, members });
  const stopped = new Set([...ring.departed, ...ended]);
  const lingering = lingeringAfter(ring, view, stopped);
  const areUnnamed = lingering.some(({ incarnation }) => incarnation === undefined);
  const departed = [...stopped].filter((incarnation) => areUnnamed || view.hasIncarnation(incarnation));
  return {
    view,
    parentViewId: ring.view.viewId,
    removals: ring.removals,
    departed: departed.slice(-departedMax),
    lingering,
    pending: undefined,
    assignments: ring.assignments,
  };
}

function lingeringAfter(
  ring: RingDocument,
  view: RingView,
  stopped: ReadonlySet<string>,
): readonly Lingering[] {
  const goneNow = ring.view.members.map(({ incarnation }) => ({ incarnation, sinceEpoch: view.epoch }));
  const lingering = [...ring.lingering, ...goneNow].filter(
    ({ incarnation }) =>
      incarnation === undefined || !(stopped.has(incarnation) || view.hasIncarnation(incarnation)),
  );
  return lingering.length > lingeringMax ? [{ incarnation: undefined, sinceEpoch: view.epoch }] : lingering;
}
