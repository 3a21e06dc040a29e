import type { Member } from './member.ts';
import { RingError, RingView } from './ring-view.ts';

/**
 * How many members were removed automatically since a view. The next window may begin a minute after a node
 * first saw this one, on its own clock: wall clocks of different machines are not compared.
 */
export interface RemovalWindow {
  /** The first view with a removal in this window; 0 where there was none ever. */
  readonly sinceEpoch: number;
  /** Members before it. */
  readonly memberCount: number;
  readonly removed: number;
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
}

const departedMax = 64;
const lingeringMax = 64;
/** Of the members, in one window. */
const removedShareMax = 0.1;

/** The first document of a cluster, or of one that has lost it. */
export function foundedBy(member: Member, viewId: string): RingDocument {
  return {
    view: new RingView({ epoch: 1, viewId, members: [member] }),
    parentViewId: undefined,
    removals: { sinceEpoch: 0, memberCount: 0, removed: 0 },
    departed: [],
    lingering: [{ incarnation: undefined, sinceEpoch: 1 }],
  };
}

export interface Arrival {
  readonly member: Member;
  /** Earlier incarnations of its node whose processes are known to have ended. */
  readonly ended: readonly string[];
}

/** The member comes in, in the place of an older incarnation of its node where there is one. */
export function joinedBy(ring: RingDocument, { member, ended }: Arrival, viewId: string): RingDocument {
  const others = ring.view.members.filter(({ nodeId }) => nodeId !== member.nodeId);
  return successor(ring, viewId, { members: [...others, member], ended });
}

/** The member has stopped serving for good. The last one (that has a weight) stays, as a ring is never empty. */
export function leftBy(ring: RingDocument, { incarnation }: Member, viewId: string): RingDocument {
  const { members } = ring.view;
  const rest = members.filter((member) => member.incarnation !== incarnation);
  const isLast = !rest.some(({ weight }) => weight > 0);
  return successor(ring, viewId, { members: isLast ? members : rest, ended: [incarnation] });
}

export interface Removal {
  /** Incarnations that count as dead, the most certain first. */
  readonly dead: readonly string[];
  /** The proposer has known the document's window for a minute. */
  readonly isWindowOver: boolean;
}

/** Removes as many of the dead as the cap allows; undefined where that is none. */
export function removedFrom(ring: RingDocument, removal: Removal, viewId: string): RingDocument | undefined {
  const { members, epoch } = ring.view;
  const isNew = ring.removals.sinceEpoch === 0 || removal.isWindowOver;
  const window = isNew ? { sinceEpoch: epoch + 1, memberCount: members.length, removed: 0 } : ring.removals;
  const allowed = Math.max(1, Math.floor(window.memberCount * removedShareMax)) - window.removed;
  const present = removal.dead.filter((incarnation) => ring.view.hasIncarnation(incarnation));
  const gone = new Set(present.slice(0, Math.max(0, allowed)));
  const rest = members.filter(({ incarnation }) => !gone.has(incarnation));
  if (gone.size === 0 || !rest.some(({ weight }) => weight > 0)) return undefined;
  const removals = { ...window, removed: window.removed + gone.size };
  return { ...successor(ring, viewId, { members: rest, ended: [] }), removals };
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
