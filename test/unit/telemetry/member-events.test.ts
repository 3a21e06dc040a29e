import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { MemberEvents } from '../../../src/member-events.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

test('trouble that lasts is logged now and then, what was left out is counted, and every one is in the metrics', async () => {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  const [time, registry] = [new VirtualTime(), new Registry()];
  const logger = createLogger('info', 'n1', destination);
  const events = new MemberEvents(
    { logger, registry, monotonicMs: () => time.monotonicMs() },
    () => undefined,
  );
  for (let round = 0; round < 300; round++) {
    events.membership({ kind: 'trouble', what: 'lease board', error: new Error('Redis is away') });
    if (round % 10 === 0) events.boardTrouble(new Error('ECONNREFUSED'));
    await time.run(100);
  }
  const of = (what: string) => lines.filter((line) => line['what'] === what);
  expect(of('lease board').map(({ unlogged }) => unlogged)).toEqual([undefined, 99, 99]);
  expect(of('the lease board').map(({ unlogged }) => unlogged)).toEqual([undefined, 9, 9]);
  const text = await registry.metrics();
  expect(text).toContain('mailring_ring_troubles_total{what="board"} 300');
  expect(text).toContain('mailring_lease_board_troubles_total 30');
});

test('a node that nobody reaches says where it should be reached, and what to look at', async () => {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  const registry = new Registry();
  const logger = createLogger('info', 'n4', destination);
  const events = new MemberEvents({ logger, registry, monotonicMs: () => 0 }, () => undefined);
  expect(await registry.metrics()).toContain('mailring_ring_troubles_total{what="arrival"} 0');
  events.membership({ kind: 'unreached', by: ['n1'], peerAddress: '10.0.0.4:7600', waitedMs: 10_000 });
  expect(lines).toMatchObject([{ by: ['n1'], peerAddress: '10.0.0.4:7600', waitedMs: 10_000 }]);
  expect(lines[0]?.['msg']).toMatch(/gets no users: .*--peer.*cluster secret/);
  expect(await registry.metrics()).toContain('mailring_ring_troubles_total{what="arrival"} 1');
});
