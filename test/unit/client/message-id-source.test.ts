import { expect, test } from 'vitest';
import { clientTime } from '../../../src/client/client-time.ts';
import { MessageIdSource } from '../../../src/client/message-id-source.ts';
import { parseMessageId } from '../../../src/protocol/message-id.ts';

test('ids of one millisecond differ, are well formed and name their maker', () => {
  const still = { ...clientTime, wallMs: () => 1_700_000_000_000 };
  // Two tabs that were duplicated from one share the device id.
  const tabs = [0.1, 0.999_999_999].map((chance) => new MessageIdSource('ann', 'web-1', still, () => chance));
  const ids = tabs.flatMap((tab) => Array.from({ length: 1_000 }, () => tab.next()));
  expect(new Set(ids).size).toBe(2_000);
  for (const id of ids) {
    expect(parseMessageId(id)).toMatchObject({
      epochMs: 1_700_000_000_000,
      senderId: 'ann',
      deviceId: 'web-1',
    });
  }
});

test('a clock that is corrected by little does not go back in ids; one that was wrong does, and no id comes twice', () => {
  let nowMs = 1_700_000_000_000;
  const source = new MessageIdSource('ann', 'd1', { wallMs: () => nowMs }, () => 0.5);
  const stepsMs = [0, -200, 100, 150, -600_000, 0, 600_000];
  const ids = stepsMs.map((stepMs) => {
    nowMs += stepMs;
    return source.next();
  });
  const laterMs = ids.map((id) => (parseMessageId(id)?.epochMs ?? NaN) - 1_700_000_000_000);
  expect(laterMs).toEqual([0, 0, 0, 50, -599_950, -599_950, 50]);
  expect(new Set(ids).size).toBe(ids.length);
});
