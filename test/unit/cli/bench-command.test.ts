import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { benchCommand } from '../../../src/cli/bench-command.ts';
import type { BenchReport } from '../../../src/cli/bench/bench-report.ts';
import { ProtocolError } from '../../../src/protocol/protocol-error.ts';
import { FakeServer } from '../../support/fake-server.ts';

let server: FakeServer;
let output = '';

beforeEach(async () => {
  output = '';
  server = await FakeServer.start();
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});

afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  await server.stop();
});

async function bench(...args: string[]): Promise<BenchReport> {
  const common = ['--url', `ws://127.0.0.1:${server.port}`, '--ops', server.url, '--json', '--warmup', '0.1'];
  await benchCommand()
    .exitOverride()
    .parseAsync([...common, ...args], { from: 'user' });
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as BenchReport;
}

describe('mailring bench', () => {
  test('dm: every acknowledged message is delivered, and the shape of the report is as documented', async () => {
    const report = await bench('--pairs', '2', '--inflight', '2', '--seconds', '0.3');
    expect(Object.keys(report)).toEqual([
      ...['scenario', 'pairs', 'inflight', 'seconds', 'ackedPerSecond', 'deliveredPerSecond', 'ackMs'],
      ...['deliveryMs', 'errors', 'clientCpuShare', 'nodeCpuMicrosPerMessage'],
    ]);
    expect(report).toMatchObject({ scenario: 'dm', pairs: 2, inflight: 2, seconds: 0.3, errors: {} });
    expect(report.ackedPerSecond).toBeGreaterThan(0);
    expect(report.deliveredPerSecond).toBeGreaterThan(report.ackedPerSecond * 0.9);
    expect(report.ackMs.p50).toBeGreaterThan(0);
    expect(report.ackMs.p99).toBeLessThanOrEqual(report.ackMs.max);
    expect(report.nodeCpuMicrosPerMessage).toBeGreaterThan(0);
    const feeds = [...server.backend.users.values()].map(({ feed }) => feed.length);
    expect(feeds).toHaveLength(4);
    expect(feeds[0]).toBeGreaterThan(0);
    expect(feeds[1]).toBe(feeds[0]); // the two of a pair have the same messages
  });

  test('a fixed rate is kept, and its latency counts from the due time', async () => {
    let stallUntilMs = 0;
    server.intercept = ({ method }) => {
      if (method !== 'sendMessage') return 'answer';
      // The server hangs once for 200 ms: messages that were due meanwhile must show the delay.
      if (stallUntilMs === 0) {
        stallUntilMs = performance.now() + 200;
        while (performance.now() < stallUntilMs);
      }
      return 'answer';
    };
    const report = await bench(
      '--pairs',
      '1',
      '--inflight',
      '1',
      '--seconds',
      '1',
      '--warmup',
      '0',
      '--rate',
      '100',
    );
    expect(report.ackedPerSecond).toBeGreaterThan(90);
    expect(report.ackedPerSecond).toBeLessThan(140);
    expect(report.ackMs.max).toBeGreaterThan(150);
    expect(report.ackMs.p99).toBeGreaterThan(100);
  });

  test.each(['history', 'conversations', 'connect'])('%s', async (scenario) => {
    const report = await bench(
      '--pairs',
      '2',
      '--inflight',
      '2',
      '--seconds',
      '0.3',
      '--scenario',
      scenario,
      '--fill',
      '120',
    );
    expect(report.ackedPerSecond).toBeGreaterThan(0);
    expect(report.errors).toEqual({});
    if (scenario !== 'history') return;
    expect(report.pagesPerSecond).toBe(report.ackedPerSecond);
    const before = server.seen
      .filter(({ method }) => method === 'getMessages')
      .map(({ params }) => params['before']);
    expect(new Set(before).size).toBeGreaterThan(2); // it turns pages
  });

  test('counts errors by kind', async () => {
    let calls = 0;
    server.intercept = ({ method }) =>
      method === 'sendMessage' && calls++ % 2 === 0 ? new ProtocolError('overloaded', 'busy') : 'answer';
    const report = await bench('--pairs', '1', '--inflight', '2', '--seconds', '0.3');
    expect(report.errors['overloaded']).toBeGreaterThan(0);
  });

  test('fails with exit code 1 where nobody listens', async () => {
    await benchCommand().parseAsync(['--url', 'ws://127.0.0.1:1'], { from: 'user' });
    expect(process.exitCode).toBe(1);
  });

  test.each([
    [['--url', 'ws://127.0.0.1:1', '--scenario', 'group', '--members', '2', '--online', '3'], 2],
    [['--url', 'http://127.0.0.1:1'], 1],
    [['--url', 'ws://127.0.0.1:1', '--pairs', '0'], 1],
    [[], 2],
  ])('refuses %j', async (args, exitCode) => {
    // Commander's own usage errors carry 1; the program's root turns them into 2.
    const refused = benchCommand().exitOverride().parseAsync(args, { from: 'user' });
    await expect(refused).rejects.toBeInstanceOf(CommanderError);
    await expect(refused).rejects.toMatchObject({ exitCode });
  });
});
