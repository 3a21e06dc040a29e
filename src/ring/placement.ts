import HashRing from 'hashring';
import { hash32 } from '../std/hash.ts';
import type { Member } from './member.ts';

const positionCount = 0x100000000;
const ownerCount = 0x10000;
/** Node ids of every shape are safe as keys of hashring's plain objects behind this. */
const pointPrefix = 'n/';

/**
 * Where ids belong on a ring of members. The points are hashring's (ketama: four a hash, one hash a unit of
 * weight); a member's points depend on itself alone, so that nothing moves but what has to. They are read out
 * once a member, as hashring's own look-up costs an MD5 or a cache entry a call and this one is on the way of every
 * call.
 * An id's position is the hash that its row key begins with: what a member owns are slices of the row key space.
 */
export class Placement {
  /** Ascending. */
  readonly #points: Uint32Array;
  /** For each point, the index of its member in the list that was given. */
  readonly #owners: Uint16Array;

  /** @param members in the order of their ids; at least one has a weight */
  constructor(members: readonly Member[]) {
    const points = members.map(pointsOf);
    // Point and owner in one number, as numbers alone are sorted fast: 48 bits.
    const places = new Float64Array(points.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    points.forEach((ofMember, owner) => {
      for (const point of ofMember) places[at++] = point * ownerCount + owner;
    });
    places.sort();
    this.#points = Uint32Array.from(places, (place) => Math.floor(place / ownerCount));
    this.#owners = Uint16Array.from(places, (place) => place % ownerCount);
  }

  /** The index of the member that an id belongs to. */
  indexOf(entityId: string): number {
    return this.#indexAt(hash32(entityId));
  }

  /** What part of all positions each member owns, 0 to 1, in the order in which they were given. */
  shares(count: number): readonly number[] {
    const shares = new Array<number>(count).fill(0);
    const last = this.#points.length - 1;
    this.#points.forEach((point, index) => {
      const before = index === 0 ? (this.#points[last] ?? 0) - positionCount : (this.#points[index - 1] ?? 0);
      const owner = this.#owners[index] ?? 0;
      shares[owner] = (shares[owner] ?? 0) + (point - before) / positionCount;
    });
    return shares;
  }

  /** The owner of a position is that of the first point at or after it, around the ring. */
  #indexAt(position: number): number {
    const points = this.#points;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    return this.#owners[low === points.length ? 0 : low] ?? 0;
  }
}

/** The same placement for the same ids and weights: one view is read, planned and adopted many times. */
export function placementOf(members: readonly Member[]): Placement {
  const key = JSON.stringify(members.map(({ nodeId, weight }) => [nodeId, weight]));
  return remembered(knownPlacements, 16, key, () => new Placement(members));
}

const knownPlacements = new Map<string, Placement>();
const knownPoints = new Map<string, readonly number[]>();

function pointsOf({ nodeId, weight }: Member): readonly number[] {
  const make = (): readonly number[] => computedPoints(pointPrefix + nodeId, weight);
  return remembered(knownPoints, 1_024, `${weight} ${nodeId}`, make);
}

/** What was made for this key before; of those that were asked for last `most` are kept. */
function remembered<Made>(known: Map<string, Made>, most: number, key: string, make: () => Made): Made {
  const made = known.get(key) ?? make();
  known.delete(key);
  known.set(key, made);
  for (const oldest of known.keys()) {
    if (known.size <= most) break;
    known.delete(oldest);
  }
  return made;
}

function computedPoints(server: string, weight: number): readonly number[] {
  // hashring would make the share of each depend on all others; its default of 0 means: as many as are given.
  const ring = new HashRing({ [server]: { vnodes: weight } }, 'md5', {
    ...{ 'vnode count': 0, 'max cache size': 1 },
  });
  // Its types say an array of records; it is one record.
  const byServer = ring.points([server]) as unknown as Readonly<Record<string, readonly number[]>>;
  return byServer[server] ?? [];
}
