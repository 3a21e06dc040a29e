import { expect, it } from 'vitest';
import { Availability } from '../../../scripts/torture/availability.ts';
import { chat, SmallHistory } from '../../support/small-history.ts';

const params = { conversationId: chat, text: 'text of m1', messageId: 'm1' };
const result = { conversationId: chat, messageId: 'm1', seq: 1, timestamp: 10, duplicate: false };

it('counts an answer within a second to each fault that was on, and to one alone', () => {
  const small = new SmallHistory();
  const at = (startMs: number, endMs: number) => ({ startMs, endMs });
  small.call('sendMessage', 'ann', params, { kind: 'ok', result }, at(10_000, 10_900));
  small.call('sendMessage', 'ann', params, { kind: 'ok', result }, at(20_000, 21_100));
  small.call('sendMessage', 'ann', params, { kind: 'unknown' }, at(30_000, Infinity));
  small.call(
    'sendMessage',
    'ann',
    params,
    { kind: 'error', error: 'unavailable', retryable: true },
    at(50_000, 50_001),
  );
  small.history.unsentAtMs.push(20_500);
  const availability = new Availability();
  availability.add(small.history, [
    { kind: 'kill node', what: '', startMs: 9_000, endMs: 26_000 },
    { kind: 'slow link', what: '', startMs: 19_000, endMs: 20_200 },
    // It echoes for five seconds.
    { kind: 'slow link', what: '', startMs: 40_000, endMs: 45_500 },
  ]);
  expect(availability.report()).toEqual({ all: 0.2, 'kill node': 0.25, 'slow link': 0 });
  const rows = availability.table().map((line) => line.trim().split(/ {2,}/));
  expect(rows).toEqual([
    ['fault', 'share', 'alone', 'calls', 'acked', 'failed', 'unknown'],
    ['all', '0.200', '0.333', '5', '2', '1', '1'],
    ['kill node', '0.250', '0.500', '4', '2', '0', '1'],
    ['slow link', '0.000', '0.000', '3', '1', '1', '0'],
  ]);
});
