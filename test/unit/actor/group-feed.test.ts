import { describe, expect, test } from 'vitest';
import { expandFeed } from '../../../src/actor/expand-feed.ts';
import type { GroupRange } from '../../../src/mailbox/wire-view.ts';
import type { Message } from '../../../src/protocol/message.ts';
import { ProtocolError } from '../../../src/protocol/protocol-error.ts';
import { formatCursor, parseCursor } from '../../../src/protocol/cursor.ts';
import { GroupRig } from '../../support/group-rig.ts';
import { noGroup } from '../../support/group-parts.ts';

/** A member whose log has one range of five messages, and the cursor within it after the first. */
async function withRange(): Promise<{ rig: GroupRig; version: number; index: number }> {
  const [rig, groupId] = await GroupRig.with(['ann', 'bob']);
  const sends = Array.from({ length: 5 }, (_, index) => {
    const params = { conversationId: groupId, text: `m${index}`, messageId: rig.messageId('ann') };
    return rig.group(groupId).send('ann', params, rig.deadline());
  });
  await rig.time.drive(Promise.all(sends));
  await rig.settle();
  for (let since = '0'; ;) {
    const page = await rig.time.drive(
      rig.mailbox('bob').call('getChanges', { since, limit: 1 }, rig.deadline()),
    );
    if ('reset' in page) throw new Error('the log is gone');
    const { seq, index, version } = parseCursor(page.cursor) ?? { version: 0, index: 0 };
    if (seq !== undefined) return { rig, version, index: index ?? 0 };
    since = page.cursor;
  }
}

function range(above: number, upTo: number): { kind: 'range'; range: GroupRange } {
  const range: GroupRange = {
    kind: 'message',
    conversationId: 'grp:1',
    above,
    upTo,
    cursorAt: (seq) => formatCursor(upTo, 0, seq),
  };
  return { kind: 'range', range };
}

function message(conversationId: string, seq: number, text: string): Message {
  return { conversationId, seq, messageId: `${seq}.bob.d`, from: 'bob', text, timestamp: seq };
}

describe('ranges of a group in the feed', () => {
  test('G8, G10: a place that is not within a range is no cursor of this row', async () => {
    const { rig, version, index } = await withRange();
    const page = (since: string) =>
      rig.time.drive(rig.mailbox('bob').call('getChanges', { since, limit: 1 }, rig.deadline()));
    expect(await page(formatCursor(version, index, 3))).toMatchObject({
      changes: [{ kind: 'message', message: { seq: 4 } }],
    });
    for (const seq of [0, 5, 6, 10 ** 12, Number.MAX_SAFE_INTEGER]) {
      expect(await page(formatCursor(version, index, seq))).toMatchObject({ reset: true });
    }
    expect(await page(`${formatCursor(version, index)}.zzzzzzzzzzz`)).toMatchObject({ reset: true });
    expect(await page(formatCursor(version, index + 1, 3))).toMatchObject({ reset: true });
  });

  test('G8: what lies between two stays is not read', async () => {
    const asked: { above: number; upTo: number }[] = [];
    const groups = {
      ...{ news: noGroup, newsOfAll: noGroup, subscribe: noGroup, mark: noGroup },
      range: (_groupId: string, _userId: string, bounds: { above: number; upTo: number }) => {
        asked.push(bounds);
        return Promise.resolve([]);
      },
    };
    const items = [range(0, 2), range(2, 3), range(1_000_000, 1_000_001), range(1_000_001, 1_000_700)];
    await expandFeed(
      { userId: 'ann', params: { limit: 9 } },
      { items, cursor: '9', hasMore: false },
      groups,
      1_000,
    );
    expect(asked).toEqual([
      { above: 0, upTo: 3 },
      { above: 1_000_000, upTo: 1_000_500 },
      { above: 1_000_500, upTo: 1_000_700 },
    ]);
  });

  test('G8: a page ends before what cannot be read, and goes on there', async () => {
    const groups = {
      ...{ news: noGroup, newsOfAll: noGroup, subscribe: noGroup, mark: noGroup },
      range: (groupId: string) =>
        groupId === 'grp:away'
          ? Promise.reject(new ProtocolError('unavailable', 'away'))
          : Promise.resolve([message(groupId, 3, 'x')]),
    };
    const away = range(4, 5);
    const page = {
      items: [range(2, 3), { ...away, range: { ...away.range, conversationId: 'grp:away' } }, range(2, 3)],
      cursor: '9',
      hasMore: false,
    };
    const params = { since: '1', limit: 9 };
    expect(await expandFeed({ userId: 'ann', params }, page, groups, 1_000)).toMatchObject({
      changes: [{ kind: 'message', message: { seq: 3 } }],
      cursor: formatCursor(3, 0, 3),
      hasMore: true,
    });
    const rest = { ...page, items: page.items.slice(1) };
    const stalled = expandFeed({ userId: 'ann', params }, rest, groups, 1_000);
    await expect(stalled).rejects.toMatchObject({ kind: 'unavailable' });
    const patient = { ...params, mayStall: true } as const;
    const nothing = { changes: [], cursor: '1', hasMore: true };
    expect(await expandFeed({ userId: 'ann', params: patient }, rest, groups, 1_000)).toEqual(nothing);
  });

  test('G10: a page of long messages ends where a frame would be too large', async () => {
    const long = 'x'.repeat(100_000);
    const groups = {
      ...{ news: noGroup, newsOfAll: noGroup, subscribe: noGroup, mark: noGroup },
      // The group itself gives a few at once.
      range: (groupId: string, _userId: string, { above, upTo }: { above: number; upTo: number }) => {
        const seqs = Array.from({ length: Math.min(2, upTo - above) }, (_, index) => above + index + 1);
        return Promise.resolve(seqs.map((seq) => message(groupId, seq, long)));
      },
    };
    const page = { items: [range(0, 20)], cursor: '99', hasMore: false };
    const asked = { userId: 'ann', params: { since: '0', limit: 500 } };
    const cut = await expandFeed(asked, page, groups, 1_000);
    if ('reset' in cut) throw new Error('reset');
    expect(cut.changes.length).toBeGreaterThan(3);
    expect(cut.changes.length).toBeLessThan(10);
    expect(cut).toMatchObject({ hasMore: true, cursor: cut.changes.at(-1)?.cursor });
  });
});
