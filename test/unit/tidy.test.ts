import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { houseRules, linesOf } from '../support/house-rules.ts';
import type { TextFile } from '../support/house-rules.ts';

const root = join(import.meta.dirname, '../..');
const sourceLinesMedianMax = 150;

/** Every file that is, or is about to be, committed. */
function repositoryFiles(): TextFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  });
  return listed
    .toString()
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
    .filter(({ text }) => !text.includes('\0'));
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const files = repositoryFiles();
const paths = new Set(files.map(({ path }) => path));

describe('house rules', () => {
  it.each(houseRules)('$name', (rule) => {
    const found = files
      .filter(({ path }) => rule.appliesTo(path))
      .flatMap((file) => rule.violations(file).map((what) => `${file.path}: ${what}`));
    expect(found).toEqual([]);
  });

  it('the first documents are there', () => {
    const missing = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'LICENSE'].filter(
      (path) => !paths.has(path),
    );
    expect(missing).toEqual([]);
  });

  it(`half of the files in src have at most ${sourceLinesMedianMax} lines`, () => {
    const sizes = files.filter(({ path }) => /^src\/.*\.tsx?$/.test(path)).map(({ text }) => linesOf(text));
    expect(sizes.length).toBeGreaterThan(0);
    expect(median(sizes)).toBeLessThanOrEqual(sourceLinesMedianMax);
  });

  it('every room of src is on the map', () => {
    const rooms = new Set(
      Array.from(paths, (path) => /^src\/([^/]+)\//.exec(path)?.[1]).filter((room) => room),
    );
    const map = files.find(({ path }) => path === 'ARCHITECTURE.md')?.text ?? '';
    const unnamed = [...rooms].filter((room) => !new RegExp(`\\b${room}\\b`).test(map));
    expect(unnamed).toEqual([]);
  });
});

describe('the rules find what is planted', () => {
  const cases = houseRules.flatMap((rule) => rule.planted.map((file) => ({ name: rule.name, rule, file })));
  it.each(cases)('$name: $file.path', ({ rule, file }) => {
    expect(rule.appliesTo(file.path)).toBe(true);
    expect(rule.violations(file)).not.toEqual([]);
  });
});
