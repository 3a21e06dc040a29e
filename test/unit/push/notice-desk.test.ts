import { beforeEach, expect, it } from 'vitest';
import type { Conversation } from '../../../src/protocol/message.ts';
import { NoticeDesk } from '../../../src/push/notice-desk.ts';
import type { Notice } from '../../../src/push/notice.ts';
import { newPushTally } from '../../../src/push/push-tally.ts';
import type { MailboxPort } from '../../../src/router/mailbox-port.ts';
import { FakeMailboxes } from '../../support/fake-mailboxes.ts';
import { ManualTime } from '../../support/manual-time.ts';

const delayMs = 3_000;
let time: ManualTime;
let heard: boolean;
let reads: number;
let unread: Conversation[];
let told: Notice[];
let desk: NoticeDesk;

beforeEach(() => {
  time = new ManualTime();
  [heard, reads, unread, told] = [false, 0, [], []];
  const call = () => {
    reads += 1;
    return Promise.resolve({ conversations: unread, hasMore: false, serverTime: 0 });
  };
  const directory = Object.assign(new FakeMailboxes(), {
    mailbox: () => ({ userId: 'ann', call }) as unknown as MailboxPort,
  });
  desk = new NoticeDesk({
    ...{ directory, isHeard: () => heard, delayMs, hasPreview: true, time, tally: newPushTally() },
    deliver: (notice) => told.push(notice),
    onTrouble: (error) => {
      throw error;
    },
  });
});

function receive(agoMs: number): void {
  const lastTimestamp = time.wallMs() - agoMs;
  unread = [
    {
      ...{
        conversationId: 'dm:ann:bob',
        type: 'dm',
        name: 'Bob',
        peer: 'bob',
        lastSeq: 1,
        readSeq: 0,
        unread: 1,
      },
      ...{ lastFrom: 'bob', snippet: 'hello', lastTimestamp, updatedAt: lastTimestamp },
    },
  ];
}

async function pass(): Promise<void> {
  time.advance(delayMs);
  await new Promise((resolve) => setImmediate(resolve));
}

it('what a connection was sent since its last sign of life is told when it turns out to be lost, and nothing older', async () => {
  receive(80_000);
  desk.lost('ann', 60_000);
  await pass();
  expect(told).toEqual([]);
  desk.lost('ann', 90_000);
  await pass();
  expect(told).toMatchObject([{ userId: 'ann', from: 'bob', preview: 'hello' }]);
  desk.lost('ann', 90_000);
  await pass();
  expect(told).toHaveLength(1);
});

it('a look that is due for another reason as well goes back to the earlier of the two', async () => {
  receive(80_000);
  desk.unheard('ann');
  desk.lost('ann', 90_000);
  desk.unheard('ann');
  await pass();
  expect(told).toHaveLength(1);
});

it('a device that is back at once costs no read', async () => {
  receive(1_000);
  desk.lost('ann', 90_000);
  heard = true;
  await pass();
  expect([told.length, reads]).toEqual([0, 0]);
});
