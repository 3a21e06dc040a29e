import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { settingsTable } from '../../../src/config/setting.ts';

const source = join(import.meta.dirname, '../../../src');

/** What may be said to use a setting: everything but the table itself and what reads it in. */
async function usingCode(): Promise<string> {
  const texts: string[] = [];
  for await (const path of glob('**/*.ts', { cwd: source })) {
    if (path.startsWith('config/')) continue;
    texts.push(readFileSync(join(source, path), 'utf8'));
  }
  return texts.join('\n');
}

function isUsed(path: string, code: string): boolean {
  const [name = '', leaf] = path.split('.');
  const read = new RegExp(
    String.raw`[sS]ettings\.${name}\b|\{[^{}]*\b${name}\b[^{}]*\} = (this\.#?)?settings\b`,
  );
  return read.test(code) && (leaf === undefined || new RegExp(String.raw`\b${leaf}\b`).test(code));
}

it('an unused setting is a lie: every one is read by a room or by node.ts', async () => {
  const code = await usingCode();
  // All that `mode` does is in src/config/production-check.ts.
  const paths = settingsTable.map(({ path }) => path).filter((path) => path !== 'mode');
  expect(paths.filter((path) => !isUsed(path, code))).toEqual([]);
});

it('tells what is used from what is not', () => {
  expect(isUsed('redis', 'connect(settings.redis)')).toBe(true);
  expect(isUsed('redis', 'const { id, redis } = settings;')).toBe(true);
  expect(isUsed('redis', 'const redis = 5;')).toBe(false);
  expect(isUsed('cache.budgetBytes', 'new Cache(settings.cache); this.#left = limits.budgetBytes;')).toBe(
    true,
  );
  expect(isUsed('cache.budgetBytes', 'new Cache(settings.cache)')).toBe(false);
  expect(isUsed('cache.budgetBytes', 'const budgetBytes = 5;')).toBe(false);
});
