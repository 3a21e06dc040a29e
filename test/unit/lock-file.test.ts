import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

interface LockedPackage {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const file = join(import.meta.dirname, '../../package-lock.json');
const { packages } = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, LockedPackage> };

/** Where Node would look for `name` from inside the package at `path`, nearest first. */
function candidates(path: string, name: string): string[] {
  const found = [`${path === '' ? '' : `${path}/`}node_modules/${name}`];
  if (path === '') return found;
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('node_modules/') - 1));
  return [...found, ...candidates(parent, name)];
}

// A registry that lacks the binaries of other platforms makes `npm install` leave them out, and `npm ci` then
// refuses the file on every platform.
it('the lock file has every optional dependency, those of other platforms included', () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !candidates(path, name).some((at) => at in packages)),
  );
  expect(missing).toEqual([]);
});

it('every package in the lock file has a version', () => {
  const unversioned = Object.entries(packages).filter(
    ([path, { version }]) => path !== '' && version === undefined,
  );
  expect(unversioned).toEqual([]);
});
