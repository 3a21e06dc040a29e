import type { GroupLimits } from '../group/group-state.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { GroupHost } from './group-host.ts';

/** Who is to come into a group, and who asks for that. */
export interface Newcomers {
  readonly groupId: string;
  readonly from: string;
  readonly userIds: readonly string[];
  /** The group will be large with them. */
  readonly isLarge: boolean;
  /** Members who are in a large group from then on, though nobody names them. */
  readonly growing: readonly string[];
}

/**
 * Users that are asked for first, and at least; after them as many at once as were found: so whoever names a thousand
 * that don't exist makes nodes look for a few of them.
 */
const cardsFirst = 32;

/** Rejects with `too_large` where one call names more users than it may. */
export function checkNamed(
  members: readonly string[],
  { groupLimits: { membersPerCallMax } }: GroupHost,
): void {
  if (members.length <= membersPerCallMax) return;
  const why = `one call names at most ${membersPerCallMax} members; add the others by further calls`;
  throw new ProtocolError('too_large', why, { path: 'members' });
}

/** Before they are looked up; the step counts them again. Rejects with `too_large`. */
export function checkSize(newcomers: number, { membersMax }: GroupLimits): void {
  if (newcomers <= membersMax) return;
  throw new ProtocolError('too_large', `a group has at most ${membersMax} members`, { path: 'members' });
}

/**
 * All newcomers have to be users with room for one more conversation, who have not blocked the one who asks; and nobody
 * may get into more large groups than a user may be in. As far as can be told now: two calls at once may pass together.
 * Rejects with `not_found`, `forbidden`.
 */
export async function checkNewcomers(
  { groupId, from, userIds, isLarge, growing }: Newcomers,
  { members }: GroupHost,
  deadline: number,
): Promise<void> {
  const named = new Set(userIds);
  const asked = [...userIds, ...growing];
  for (let start = 0; start < asked.length;) {
    const some = asked.slice(start, start + Math.max(cardsFirst, start));
    start += some.length;
    const cards = await members.cards(groupId, { userIds: some, about: [from] }, deadline);
    cards.forEach((card, index) => {
      const userId = some[index] ?? '';
      const isNamed = named.has(userId);
      if (card === undefined && isNamed) throw new ProtocolError('not_found', `no such user: ${userId}`);
      const isUnwilling = isNamed && (card?.isFull === true || (card?.blocks.length ?? 0) > 0);
      if (isUnwilling || (isLarge && card?.isInManyLarge === true)) {
        // Which of these it is, is that user's business.
        throw new ProtocolError('forbidden', `${userId} takes no new conversations`);
      }
    });
  }
}
