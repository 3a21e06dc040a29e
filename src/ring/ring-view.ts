import { hash53 } from '../std/hash.ts';
import { memberProblem } from './member.ts';
import type { Member } from './member.ts';
import { placementOf, type Placement } from './placement.ts';

export class RingError extends Error {
  override readonly name = 'RingError';
}

export interface RingViewParts {
  /** From 1, one more a view, never used twice. */
  readonly epoch: number;
  /** Random, so that two proposals of one epoch are told apart. 16 hex digits. */
  readonly viewId: string;
  /** At least one of them has a weight; in any order. */
  readonly members: readonly Member[];
}

/** Who is in the cluster and owns whom, at one epoch. Immutable. */
export class RingView {
  readonly epoch: number;
  readonly viewId: string;
  /** In the order of their ids. */
  readonly members: readonly Member[];
  /** Equal for views with equal contents: a quick comparison between nodes, not a proof. */
  readonly fingerprint: number;
  #placement: Placement | undefined;
  readonly #byNodeId: ReadonlyMap<string, Member>;
  readonly #incarnations: ReadonlySet<string>;

  /** @throws RingError where the parts are no view */
  constructor({ epoch, viewId, members }: RingViewParts) {
    this.epoch = epoch;
    this.viewId = viewId;
    this.members = members.toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    this.#byNodeId = new Map(members.map((member) => [member.nodeId, member]));
    this.#incarnations = new Set(members.map(({ incarnation }) => incarnation));
    this.#check();
    const places = this.members.map((member) => [
      ...[member.nodeId, member.incarnation, member.weight, member.clientUrl, member.peerAddress],
    ]);
    this.fingerprint = hash53(JSON.stringify([epoch, viewId, places]));
  }

  /** The member that a user or conversation belongs to. */
  ownerOf(entityId: string): Member {
    const owner = this.members[this.#places.indexOf(entityId)];
    if (owner === undefined) throw new RingError(`nobody owns ${entityId}`);
    return owner;
  }

  /** What part of all users each member owns, 0 to 1, in the order of `members`. */
  get shares(): readonly number[] {
    return this.#places.shares(this.members.length);
  }

  /** Made when it is first asked for: many views are read, compared and written on, and nobody asks who owns what. */
  get #places(): Placement {
    return (this.#placement ??= placementOf(this.members));
  }

  member(nodeId: string): Member | undefined {
    return this.#byNodeId.get(nodeId);
  }

  hasIncarnation(incarnation: string): boolean {
    return this.#incarnations.has(incarnation);
  }

  #check(): void {
    const fail = (problem: string): never => {
      throw new RingError(`ring view ${String(this.epoch)}: ${problem}`);
    };
    const { epoch, members } = this;
    if (!Number.isInteger(epoch) || epoch < 1 || epoch > 0xffffffff) fail('not an epoch');
    if (!/^[0-9a-f]{16}$/.test(this.viewId)) fail(`not a view id: ${this.viewId}`);
    for (const member of members) {
      const problem = memberProblem(member);
      if (problem !== undefined) fail(problem);
    }
    if (this.#byNodeId.size < members.length) fail('a node is in it twice');
    if (this.#incarnations.size < members.length) fail('an incarnation is in it twice');
    if (!members.some(({ weight }) => weight > 0)) fail('no member has a weight');
  }
}

/** One entity that two views give to different nodes. */
export interface Move {
  readonly entityId: string;
  readonly from: Member;
  readonly to: Member;
}

/** Which of these entities change their node from one view to the other. A restart of a node moves nothing. */
export function movedBetween(before: RingView, after: RingView, entityIds: Iterable<string>): Move[] {
  const moves: Move[] = [];
  for (const entityId of entityIds) {
    const from = before.ownerOf(entityId);
    const to = after.ownerOf(entityId);
    if (from.nodeId !== to.nodeId) moves.push({ entityId, from, to });
  }
  return moves;
}
