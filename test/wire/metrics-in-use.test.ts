import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeProcess } from '../../cluster/mailring/node-process.ts';
import { CertificateAuthority } from '../support/certificate-authority.ts';
import { namesIn, queries, rules } from '../support/monitoring-files.ts';
import { peerTlsFlags, writePeerTls } from '../support/peer-tls-files.ts';
import { WireClient } from '../support/wire-client.ts';

interface Metric {
  readonly name: string;
  readonly kind: string;
  readonly series: readonly string[];
}

const seriesMax = 40;
/** What Prometheus makes by itself. */
const own = ['up'];

function metricsIn(text: string): Metric[] {
  const lines = text.split('\n');
  return lines.flatMap((line) => {
    const [, name, kind] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name === undefined || kind === undefined) return [];
    const series = lines.filter((one) => new RegExp(`^${name}(_bucket|_sum|_count)?[{ ]`).test(one));
    return [{ name, kind, series }];
  });
}

describe('the metrics of a running node', () => {
  let folder: string;
  let node: NodeProcess;
  let metrics: readonly Metric[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mailring-metrics-'));
    // What is off by default has metrics as well.
    const secretFile = join(folder, 'push-secret');
    await writeFile(secretFile, 'x'.repeat(32));
    const authority = new CertificateAuthority('metrics');
    const tls = await writePeerTls(folder, authority.issue('n1'), authority);
    const settings = [
      ...['--push-url', 'http://127.0.0.1:9/', '--push-secret-file', secretFile],
      ...peerTlsFlags(tls),
    ];
    node = await NodeProcess.prepare({ id: 'n1', folder, settings });
    await node.process.start();
    const client = await WireClient.connect(node.wsUrl);
    await client.call('no.such.call', {});
    client.close();
    await fetch(`${node.httpUrl}/v1/users`, { method: 'POST', body: '{}' });
    metrics = metricsIn(await (await fetch(`${node.opsUrl}/metrics`)).text());
  });
  afterAll(async () => {
    await node.process.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('are all that dashboard and rules ask for', () => {
    const exposed = new Set(
      metrics.flatMap(({ name, kind }) =>
        kind === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name],
      ),
    );
    const recorded = rules.flatMap(({ record }) => record ?? []);
    const known = new Set([...exposed, ...recorded, ...own]);
    const asked = queries().flatMap(({ where, expr }) => namesIn(expr).map((name) => ({ where, name })));
    expect(asked.length).toBeGreaterThan(50);
    expect(asked.filter(({ name }) => !known.has(name))).toEqual([]);
  });

  it('are named as Prometheus asks: counters end in _total, times are seconds, sizes bytes', () => {
    const ours = metrics.filter(({ name }) => name.startsWith('mailring_'));
    expect(ours.length).toBeGreaterThan(40);
    for (const { name, kind } of ours) {
      expect(name).toMatch(/^mailring_[a-z]+(_[a-z]+)*$/);
      expect([name, name.endsWith('_total')]).toEqual([name, kind === 'counter']);
      expect(name).not.toMatch(/_(ms|millis|milliseconds|kib|mib|percent)(_|$)/);
      if (kind === 'histogram') expect(name).toMatch(/_(seconds|bytes)$/);
    }
  });

  it('are few: no label grows with users, conversations or addresses', () => {
    for (const { name, kind, series } of metrics) {
      const labels = kind === 'histogram' ? series.filter((one) => one.includes('_count')) : series;
      expect([name, labels.length <= seriesMax]).toEqual([name, true]);
      expect(series.join('\n')).not.toMatch(/(user|conversation|message|device|address|token)(Id)?="/i);
    }
  });
});
