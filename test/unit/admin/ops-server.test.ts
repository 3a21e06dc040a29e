import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperatorToken } from '../../../src/admin/operator-token.ts';
import { startTestOpsServer } from '../../support/test-ops-server.ts';
import type { TestOpsServer } from '../../support/test-ops-server.ts';

describe('OpsServer', () => {
  let reason: string | undefined;
  let ops: TestOpsServer;

  beforeAll(async () => {
    ops = await startTestOpsServer(() => reason);
  });
  afterAll(() => ops.stop());

  it('is healthy while it lives, ready while nothing speaks against it', async () => {
    expect((await fetch(`${ops.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${ops.url}/readyz`)).status).toBe(200);
    reason = 'no store';
    const unready = await fetch(`${ops.url}/readyz`);
    expect([unready.status, await unready.text()]).toEqual([503, 'not ready: no store\n']);
    expect((await fetch(`${ops.url}/healthz`)).status).toBe(200);
  });

  it('has metrics in the text format', async () => {
    const answer = await fetch(`${ops.url}/metrics`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await answer.text()).toContain('process_cpu_seconds_total');
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

  it('is read from a file, where nobody can guess it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mailring-ops-'));
    const path = join(folder, 'token');
    for (const weak of ['', 'x'.repeat(31), `${'x'.repeat(31)}\n`, `${'x'.repeat(20)} ${'x'.repeat(20)}`]) {
      await writeFile(path, weak);
      await expect(OperatorToken.read(path)).rejects.toThrow(/at least 32 characters/);
    }
    await writeFile(path, `${'x'.repeat(32)}\n`);
    expect((await OperatorToken.read(path)).admits(`Bearer ${'x'.repeat(32)}`)).toBe(true);
    await expect(OperatorToken.read(join(folder, 'none'))).rejects.toThrow('ENOENT');
    await rm(folder, { recursive: true });
  });
});
