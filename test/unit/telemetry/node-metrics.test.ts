import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { NodeMetrics } from '../../../src/telemetry/node-metrics.ts';

const valueOf = (text: string, series: string): number => {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
};

describe('NodeMetrics', () => {
  it('exports what Node.js tells of the process, but nothing for which all of its sockets would be listed', async () => {
    const text = await new NodeMetrics().registry.metrics();
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds ');
    expect(text).not.toContain('nodejs_active_');
  });

  it('exports calls by method and outcome, and their latencies as a histogram', async () => {
    const metrics = new NodeMetrics();
    const tally = metrics.call('sendMessage');
    expect(metrics.call('sendMessage')).toBe(tally);
    for (const durationMs of [0.1, 0.6, 0.7, 30, 99_000]) tally.succeeded(durationMs);
    tally.failed('not_found');
    tally.failed('not_found');
    for (let scrape = 0; scrape < 2; scrape++) {
      const text = await metrics.registry.metrics();
      const bucket = (le: string) =>
        valueOf(text, `mailring_call_duration_seconds_bucket{method="sendMessage",le="${le}"}`);
      expect(valueOf(text, 'mailring_calls_total{method="sendMessage",outcome="ok"}')).toBe(5);
      expect(valueOf(text, 'mailring_calls_total{method="sendMessage",outcome="not_found"}')).toBe(2);
      expect(['0.0005', '0.001', '0.02', '0.05', '10', '+Inf'].map(bucket)).toEqual([1, 3, 3, 4, 4, 5]);
      expect(valueOf(text, 'mailring_call_duration_seconds_count{method="sendMessage"}')).toBe(5);
      expect(valueOf(text, 'mailring_call_duration_seconds_sum{method="sendMessage"}')).toBeCloseTo(99.0314);
      expect(text.match(/# TYPE mailring_call_duration_seconds histogram/g)).toHaveLength(1);
    }
  });

  it('has the process and levels that are asked for when read', async () => {
    const metrics = new NodeMetrics();
    let connections = 3;
    metrics.observeLevels(() => ({ connections, sessions: 2, callsInFlight: 1 }));
    metrics.traffic.bytesSent += 10;
    connections = 4;
    metrics.connectionClosed(4002);
    metrics.connectionClosed(31_337);
    const text = await metrics.registry.metrics();
    expect(valueOf(text, 'mailring_connections')).toBe(4);
    expect(valueOf(text, 'mailring_sessions')).toBe(2);
    expect(valueOf(text, 'mailring_sent_bytes_total')).toBe(10);
    expect(valueOf(text, 'mailring_connections_closed_total{code="4002"}')).toBe(1);
    expect(valueOf(text, 'mailring_connections_closed_total{code="other"}')).toBe(1);
    expect(valueOf(text, 'process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });
});

describe('logs', () => {
  it('never hold tokens, passwords or texts', () => {
    const lines: string[] = [];
    const logger = createLogger('info', 'n1', { write: (line) => lines.push(line) });
    const secret = { token: 'S3', password: 'S3', text: 'S3', authorization: 'S3' };
    logger.info({ ...secret, params: secret, call: { params: secret } }, 'called');
    logger.debug('not logged at this level');
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('S3');
    expect(JSON.parse(lines[0]!)).toMatchObject({
      nodeId: 'n1',
      msg: 'called',
      params: { text: '[secret]' },
    });
  });

  it('never hold the command that a client of Redis notes on its errors', () => {
    const lines: string[] = [];
    const logger = createLogger('info', 'n1', { write: (line) => lines.push(line) });
    const command = { name: 'hello', args: ['3', 'AUTH', 'mailring', 'S3'] };
    logger.warn({ err: Object.assign(new Error('WRONGPASS'), { command }) }, 'Redis is out of reach');
    expect(lines[0]).toContain('WRONGPASS');
    expect(lines[0]).not.toContain('S3');
  });
});
