import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperatorToken } from '../../../src/admin/operator-token.ts';
import { OpsServer } from '../../../src/admin/ops-server.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { NodeMetrics } from '../../../src/telemetry/node-metrics.ts';

describe('OpsServer', () => {
  let reason: string | undefined;
  let url: string;
  const ops = new OpsServer({
    metrics: new NodeMetrics(),
    logger: createLogger('silent', 'n1'),
    unreadyReason: () => reason,
  });

  beforeAll(async () => {
    url = `http://127.0.0.1:${await ops.start({ host: '127.0.0.1', port: 0 })}`;
  });
  afterAll(() => ops.stop());

  it('is healthy while it lives, ready while nothing speaks against it', async () => {
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    reason = 'no store';
    const unready = await fetch(`${url}/readyz`);
    expect([unready.status, await unready.text()]).toEqual([503, 'not ready: no store\n']);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('has metrics in the text format', async () => {
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await answer.text()).toContain('process_cpu_seconds_total');
    expect((await fetch(`${url}/other`)).status).toBe(404);
  });
});

describe('OperatorToken', () => {
  it('is made once in a folder and admits who shows it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mailring-ops-'));
    const token = await OperatorToken.open(folder, randomBytes);
    const again = await OperatorToken.open(folder, randomBytes);
    const text = (await readFile(join(folder, 'operator-token'), 'utf8')).trim();
    for (const known of [token, again]) {
      expect(known.admits(`Bearer ${text}`)).toBe(true);
      for (const wrong of [
        undefined,
        '',
        text,
        `Bearer ${text}x`,
        `Bearer ${text.slice(1)}`,
        `Basic ${text}`,
      ]) {
        expect(known.admits(wrong)).toBe(false);
      }
    }
    await rm(folder, { recursive: true });
  });
});
