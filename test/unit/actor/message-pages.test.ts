import { describe, expect, test } from 'vitest';
import type { GetMessagesParams, GetMessagesResult } from '../../../src/protocol/calls.ts';
import { GroupRig } from '../../support/group-rig.ts';

/** As large as JSON makes a text that is allowed. */
const text = '\u0001'.repeat(8_192);
const count = 100;
const pageBytesMost = 2_200_000;

type Bounds = Pick<GetMessagesParams, 'offset' | 'before' | 'after'>;
type Read = (bounds: Bounds) => Promise<GetMessagesResult>;

/** All pages, each begun where the one before says. */
async function allPages(read: Read, next: (page: GetMessagesResult, seen: number) => Bounds, first: Bounds) {
  const seqs: number[] = [];
  let pages = 0;
  for (let bounds = first; ; pages++) {
    const page = await read(bounds);
    expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(pageBytesMost);
    seqs.push(...page.messages.map(({ seq }) => seq));
    if (!page.hasMore) return { seqs, pages: pages + 1 };
    bounds = next(page, seqs.length);
  }
}

async function expectWhole(read: Read): Promise<void> {
  const last = ({ messages }: GetMessagesResult): number => messages.at(-1)?.seq ?? 0;
  const before = await allPages(read, (page) => ({ before: last(page) }), {});
  const after = await allPages(read, (page) => ({ after: last(page) }), { after: 0 });
  const offset = await allPages(read, (_page, seen) => ({ offset: seen }), {});
  expect(after.seqs).toHaveLength(count);
  expect(after.seqs).toEqual(after.seqs.toSorted((a, b) => a - b));
  expect(before).toEqual({ seqs: after.seqs.toReversed(), pages: 3 });
  expect(offset).toEqual(before);
  expect(after.pages).toBe(3);
}

describe('G10: pages of large messages end at two megabytes, and hasMore is exact', () => {
  test('of a dm, from memory and from the store', async () => {
    const rig = new GroupRig();
    await rig.users('ann', 'bob');
    for (let index = 0; index < count; index++)
      await rig.sent('bob', 'ann', text, { messageId: rig.messageId('bob') });
    const read: Read = (bounds) => {
      const params = { conversationId: 'dm:ann:bob', limit: 200, ...bounds };
      return rig.time.drive(rig.mailbox('ann').call('getMessages', params, rig.deadline()));
    };
    await expectWhole(read);
    rig.restart();
    await expectWhole(read);
  });

  test('of a group, from memory and from the store', async () => {
    const [rig, groupId] = await GroupRig.with(['ann', 'bob']);
    for (let index = 0; index < count; index++) await rig.say('bob', groupId, text);
    const read: Read = (bounds) => {
      const params = { conversationId: groupId, limit: 200, ...bounds };
      return rig.time.drive(rig.group(groupId).messages('ann', params, rig.deadline()));
    };
    await expectWhole(read);
    rig.restart();
    await expectWhole(read);
  });
});
