import type { MemberNews } from '../conversation/bulletin.ts';
import type { MailboxInput } from '../mailbox/mailbox-behaviour.ts';

/**
 * Marks in a group: before it everything that the group has and that may not have come to the mailbox yet, so that the
 * mark is clamped to what is there, and exact (G9). Rejects with `not_found` where the user is no member.
 */
export async function markGroup(
  news: () => Promise<MemberNews>,
  submit: (input: MailboxInput) => Promise<object>,
  mark: MailboxInput,
): Promise<object> {
  let next = await news();
  while (next.isPartial === true) {
    await submit(next);
    next = await news();
  }
  // In this order, and mostly in one commit.
  const [, result] = await Promise.all([submit(next), submit(mark)]);
  return result;
}
