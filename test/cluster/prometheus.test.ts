import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensurePromtool } from '../../cluster/prometheus/promtool.ts';

const folder = join(import.meta.dirname, '../../cluster/prometheus');
let promtool: string;

beforeAll(() => {
  promtool = ensurePromtool((line) => console.error(line));
}, 600_000);

describe('what Prometheus reads, by its own checker', () => {
  it.each([
    ['check', 'config', 'prometheus.yml'],
    ['check', 'rules', 'rules/mailring.yml'],
    ['test', 'rules', 'tests/mailring.test.yml'],
  ])('promtool %s %s %s', (...args) => {
    const { status, stdout, stderr } = spawnSync(promtool, args, {
      cwd: folder,
      encoding: 'utf8',
      timeout: 50_000,
    });
    expect({ status, output: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, output: '' });
  });
});
