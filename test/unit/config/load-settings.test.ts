import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import type { SettingsSources } from '../../../src/config/load-settings.ts';
import { settingsTable } from '../../../src/config/setting.ts';

const folder = mkdtempSync(join(tmpdir(), 'mailring-config-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function fileOf(content: unknown): string {
  const path = join(folder, 'settings.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function problemsOf(sources: SettingsSources): readonly string[] {
  try {
    loadSettings(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('where settings come from', () => {
  it('has a default for all that is needed', () => {
    const settings = loadSettings({});
    expect(settings).toMatchObject({
      id: 'n1',
      listen: '127.0.0.1:7400',
      store: { kind: 'lmdb', deadlineMs: 5000 },
    });
    expect(settings).not.toHaveProperty('redis');
  });

  it('flags win over variables, variables over the file, the file over the preset, the preset over defaults', () => {
    const preset = { id: 'preset', cache: { budgetBytes: 11_000_000, recentMs: 1 } };
    const file = fileOf({ id: 'file', cache: { budgetBytes: 12_000_000 } });
    const env = { MAILRING_ID: 'variable', MAILRING_CACHE_BUDGET_BYTES: '13000000' };
    const flags = { 'cache-budget-bytes': '14000000' };
    const cacheOf = (sources: SettingsSources) => loadSettings(sources).cache;
    expect(cacheOf({}).budgetBytes).toBe(256 * 1024 ** 2);
    expect(cacheOf({ preset })).toMatchObject({ budgetBytes: 11_000_000, recentMs: 1 });
    expect(cacheOf({ preset, file })).toMatchObject({ budgetBytes: 12_000_000, recentMs: 1 });
    expect(cacheOf({ preset, file, env }).budgetBytes).toBe(13_000_000);
    expect(cacheOf({ preset, file, env, flags }).budgetBytes).toBe(14_000_000);
    expect(loadSettings({ preset, file, env, flags }).id).toBe('variable');
  });

  it('takes the file from MAILRING_CONFIG, unless one is named', () => {
    const env = { MAILRING_CONFIG: fileOf({ id: 'by-variable' }) };
    expect(loadSettings({ env }).id).toBe('by-variable');
    const other = join(folder, 'other.json');
    writeFileSync(other, '{"id": "by-flag"}');
    expect(loadSettings({ env, file: other }).id).toBe('by-flag');
  });

  it('knows every setting by its flag and its variable, mechanically and without clashes', () => {
    const flags = settingsTable.flatMap((setting) => setting.flags);
    expect(new Set(flags).size).toBe(flags.length);
    expect(flags).toContain('hbase-in-flight-max-per-server');
    expect(settingsTable.find(({ path }) => path === 'cache.budgetBytes')?.variables).toEqual([
      'MAILRING_CACHE_BUDGET_BYTES',
    ]);
    for (const { path, flags: names, variables, fallback } of settingsTable) {
      if (fallback === undefined) continue;
      expect(loadSettings({ flags: { [names[0]!]: fallback } }), path).toEqual(loadSettings({}));
      expect(loadSettings({ env: { [variables[0]!]: fallback } }), path).toEqual(loadSettings({}));
    }
  });

  it('has the short flags of the command line contract', () => {
    const short = 'id listen ops peer advertise store data hbase hbase-namespace redis cluster-secret-file';
    const flags = new Set(settingsTable.flatMap((setting) => setting.flags));
    expect(short.split(' ').filter((flag) => !flags.has(flag))).toEqual([]);
    const given = { store: 'hbase', hbase: 'a:16000, b:16020', hbaseNamespace: 'other' };
    const { store, hbase } = loadSettings({ flags: given });
    expect({ kind: store.kind, ...hbase }).toMatchObject({
      kind: 'hbase',
      servers: ['a:16000', 'b:16020'],
      namespace: 'other',
    });
    expect(loadSettings({ env: { MAILRING_STORE: 'memory' } }).store.kind).toBe('memory');
  });

  it('takes flags as commander gives them: camelCase, and undefined for none', () => {
    expect(loadSettings({ flags: { cacheBudgetBytes: '2MiB', id: undefined } }).cache.budgetBytes).toBe(
      2 * 1024 ** 2,
    );
    expect(loadSettings({ flags: { webEnabled: true } }).web.enabled).toBe(true);
    expect(loadSettings({ flags: { webEnabled: 'false' } }).web.enabled).toBe(false);
  });

  it('takes units in variables, flags and strings of a file', () => {
    const file = fileOf({ cache: { recentMs: '12h' }, request: { deadlineMs: '1.5m' } });
    const { cache, request } = loadSettings({ file, env: { MAILRING_CACHE_BUDGET_BYTES: '1GiB' } });
    expect([cache.recentMs, cache.budgetBytes, request.deadlineMs]).toEqual([43_200_000, 1024 ** 3, 90_000]);
  });

  it('leaves other variables alone', () => {
    expect(
      loadSettings({ env: { PATH: '/bin', MAILRING_TEST_HBASE: 'localhost:1', MAILRING_ID: undefined } }).id,
    ).toBe('n1');
  });
});

describe('an error names what is wrong and says what is expected', () => {
  it.each<[string, SettingsSources, string]>([
    ['unknown flag', { flags: { 'cache-size': '1' } }, '--cache-size: there is no such setting'],
    ['unknown variable', { env: { MAILRING_CASH: '1' } }, 'MAILRING_CASH: there is no such setting'],
    [
      'ill-typed flag',
      { flags: { 'limits-batch-max': 'lots' } },
      '--limits-batch-max: expected a whole number (1 to 1000)',
    ],
    [
      'a unit of another kind',
      { flags: { 'request-deadline-ms': '5MiB' } },
      '--request-deadline-ms: expected a whole number',
    ],
    [
      'a fraction of a byte',
      { flags: { 'limits-text-bytes-max': '0.3B' } },
      '--limits-text-bytes-max: expected a whole number',
    ],
    [
      'out of range',
      { env: { MAILRING_COMMIT_BYTES_MAX: '1GiB' } },
      'MAILRING_COMMIT_BYTES_MAX: expected a whole number (bytes, 64KiB to 8MiB)',
    ],
    [
      'not one of',
      { env: { MAILRING_STORE: 'mysql' } },
      'MAILRING_STORE: expected one of hbase, lmdb, memory',
    ],
    ['an address without port', { flags: { listen: 'localhost' } }, '--listen: expected host:port'],
    ['a port out of range', { flags: { listen: 'localhost:65536' } }, '--listen: expected host:port'],
    ['one bad server of several', { flags: { hbase: 'a:1,b' } }, '--hbase: expected host:port,host:port'],
    ['an empty variable', { env: { MAILRING_REDIS: '' } }, 'MAILRING_REDIS: expected redis://'],
    ['neither true nor false', { flags: { 'web-enabled': 'yes' } }, '--web-enabled: expected true or false'],
    ['a flag without its value', { flags: { id: true } }, '--id: expected 1 to 64'],
    [
      'the same in two ways',
      { flags: { store: 'lmdb', 'store-kind': 'lmdb' } },
      '--store-kind: says the same as --store',
    ],
    ['a foreign id', { flags: { id: 'a b' } }, '--id: expected 1 to 64'],
  ])('%s', (_, sources, start) => {
    const problems = problemsOf(sources);
    expect(problems).toHaveLength(1);
    expect(problems[0]!.startsWith(start), problems[0]).toBe(true);
  });

  it.each<[string, unknown, string]>([
    ['an unknown name', { cash: 1 }, 'cash: there is no such setting'],
    ['an unknown name in a group', { cache: { size: 1 } }, 'cache.size: there is no such setting'],
    ['a group that is none', { cache: 5 }, 'cache: there is no such setting'],
    ['a null', { id: null }, 'id: expected 1 to 64'],
    ['a number as id', { id: 7 }, 'id: expected 1 to 64'],
    ['a boolean as number', { limits: { batchMax: true } }, 'limits.batchMax: expected a whole number'],
    ['a prototype', '{"__proto__": {"id": "x"}}', '__proto__: there is no such setting'],
    ['an array', [], 'expected a JSON object of settings'],
    ['no JSON', '{', 'cannot be read as JSON'],
  ])('in a file: %s', (_, content, start) => {
    const file = fileOf(content);
    const problems = problemsOf({ file });
    expect(problems).toHaveLength(1);
    expect(problems[0]!.startsWith(`${file}: ${start}`), problems[0]).toBe(true);
  });

  it('a file that is not there', () => {
    expect(problemsOf({ file: join(folder, 'none.json') })[0]).toContain('none.json: cannot be read');
  });

  it('tells everything that is wrong at once', () => {
    const problems = problemsOf({ flags: { id: '', nonsense: '1' }, env: { MAILRING_OPS: 'x' } });
    expect(problems).toHaveLength(3);
  });
});
