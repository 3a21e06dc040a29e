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

/** What the ring's row holds: the view, and what the next proposals have to know. Immutable. */
export interface RingDocument {
  readonly view: RingView;
  /** viewId of the view before; undefined for the first one. */
  readonly parentViewId: string | undefined;
  readonly removals: RemovalWindow;
  /** Incarnations that stopped in good order: they serve nothing any more. The latest ones, newest last. */
  readonly departed: readonly string[];
}

const departedMax = 128;
/** Of the members, in one window. */
const removedShareMax = 0.1;

/** The first document of a cluster. */
export function foundedBy(member: Member, viewId: string): RingDocument {
  return {
    view: new RingView({ epoch: 1, viewId, members: [member] }),
    parentViewId: undefined,
    removals: { sinceEpoch: 0, memberCount: 0, removed: 0 },
    departed: [],
  };
}

/** The member comes in, in the place of an older incarnation of its node where there is one. */
export function joinedBy(ring: RingDocument, member: Member, viewId: string): RingDocument {
  const others = ring.view.members.filter(({ nodeId }) => nodeId !== member.nodeId);
  return successor(ring, viewId, [...others, member]);
}

/** The member has stopped serving for good. The last one (that has a weight) stays, as a ring is never empty. */
export function leftBy(ring: RingDocument, member: Member, viewId: string): RingDocument {
  const rest = ring.view.members.filter(({ incarnation }) => incarnation !== member.incarnation);
  const isLast = !rest.some(({ weight }) => weight > 0);
  const departed = [...ring.departed.filter((gone) => gone !== member.incarnation), member.incarnation];
  return {
    ...successor(ring, viewId, isLast ? ring.view.members : rest),
    departed: departed.slice(-departedMax),
  };
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
  return { ...successor(ring, viewId, rest), removals };
}

/** Does `after` follow `before` directly, with no view between them? */
export function isNextOf(after: RingDocument, before: RingDocument): boolean {
  return after.view.epoch === before.view.epoch + 1 && after.parentViewId === before.view.viewId;
}

function successor(ring: RingDocument, viewId: string, members: readonly Member[]): RingDocument {
  if (viewId === ring.view.viewId) throw new RingError(`view id ${viewId} is used twice`);
  return {
    view: new RingView({ epoch: ring.view.epoch + 1, viewId, members }),
    parentViewId: ring.view.viewId,
    removals: ring.removals,
    departed: ring.departed,
  };
}
