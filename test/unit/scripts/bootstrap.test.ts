import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const launchers = ['bootstrap.mjs', 'clone.mjs', 'end-with-parent.mjs', 'mailring.mjs'];

let clone: string;

const lock = (version: string): string =>
  JSON.stringify({
    packages: {
      '': {},
      'node_modules/a': { version },
      'node_modules/b': { version: '1.0.0', optional: true },
    },
  });

/** A program for the clone: says what it was called with, then waits for a signal if it is told to. */
const mainScript = `
const args: string[] = process.argv.slice(2);
if (args.includes('wait')) {
  setInterval(() => undefined, 1_000);
  process.on('SIGTERM', () => process.exit(7));
}
const passedDown = Object.keys(process.env).filter((name) => /launcher|^mailring_(?!test_)/i.test(name));
console.log(JSON.stringify({ args, pid: process.pid, passedDown }));`;

/** Stands for npm: notes its arguments and does what \`npm ci\` does to the installed lock. */
const npmScript = `#!/bin/sh
echo "$@" >> npm-calls
mkdir -p node_modules
cp package-lock.json node_modules/.package-lock.json
`;

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(join(clone, path, '..'), { recursive: true });
  writeFileSync(join(clone, path), text, { mode });
}

function start(script: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  const { npm_execpath: _execpath, npm_command: _command, ...inherited } = process.env;
  const path = `${join(clone, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`;
  return spawn(process.execPath, [join(clone, 'scripts', script), ...args], {
    cwd: clone,
    env: { ...inherited, PATH: path, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

interface Ended {
  readonly args: string[];
  readonly code: number;
  readonly passedDown?: string[];
}

/** Runs to the end; what the program said of itself, and the exit code. */
async function run(script: string, args: string[]): Promise<Ended> {
  const child = start(script, args);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  const said = /^\{.*\}$/m.exec(output)?.[0] ?? '{"args":[]}';
  return { ...(JSON.parse(said) as { args: string[] }), code };
}

function npmCalls(): string {
  const file = join(clone, 'npm-calls');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

async function untilGone(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await delay(100);
  }
  return false;
}

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'mailring-clone-'));
  for (const file of launchers) cpSync(join(root, 'scripts', file), join(clone, 'scripts', file));
  write('package.json', JSON.stringify({ type: 'module' }));
  write('src/main.ts', mainScript);
  write('scripts/run-tests.ts', mainScript);
  write('scripts/build-web.ts', '');
  write('package-lock.json', lock('1.0.0'));
  write('bin/npm', npmScript, 0o755);
});

afterEach(() => {
  rmSync(clone, { recursive: true, force: true });
});

describe('npm start and npm test in a clone', () => {
  it('install what is missing, development dependencies too, and go on with the arguments', async () => {
    expect(await run('bootstrap.mjs', ['start', '--port', '1'])).toMatchObject({
      args: ['dev', '--port', '1'],
      code: 0,
    });
    expect(npmCalls()).toBe('ci --include=dev --include=optional\n');
  });

  // A program that is started by one of the tests loads its settings from this very environment.
  it.each([['start'], ['test']])(
    '%s passes down no variable that would be taken for a setting',
    async (name) => {
      expect(npmCalls()).toBe('');
      expect((await run('bootstrap.mjs', [name])).passedDown).toEqual([]);
      expect(npmCalls()).not.toBe(''); // Something was installed, so it was launched.
    },
  );

  it('install nothing when all is there, packages of other platforms apart', async () => {
    const here = { packages: { 'node_modules/a': { version: '1.0.0' } } };
    write('node_modules/.package-lock.json', JSON.stringify(here));
    expect(await run('bootstrap.mjs', ['test', 'some/path'])).toMatchObject({ args: ['some/path'], code: 0 });
    expect(npmCalls()).toBe('');
  });

  it('install when the lock has moved on', async () => {
    write('node_modules/.package-lock.json', lock('0.9.0'));
    await run('bootstrap.mjs', ['start']);
    expect(npmCalls()).toMatch(/^ci /);
  });

  it('fail, and start nothing, when npm fails', async () => {
    write('bin/npm', '#!/bin/sh\nexit 3\n', 0o755);
    expect(await run('bootstrap.mjs', ['start'])).toEqual({ args: [], code: 1 });
  });
});

describe('the launchers', () => {
  it('run the sources in a clone, and dist in an installed package', async () => {
    write('dist/main.js', "console.log(JSON.stringify({ args: ['compiled'] }))");
    expect(await run('mailring.mjs', ['node'])).toMatchObject({ args: ['node'] });
    rmSync(join(clone, 'src'), { recursive: true });
    expect(await run('mailring.mjs', ['node'])).toMatchObject({ args: ['compiled'] });
  });

  it.each([
    { signal: 'SIGTERM' as const, code: 7 },
    { signal: 'SIGKILL' as const, code: null },
  ])('end the program on $signal', async ({ signal, code }) => {
    // Something was installed just now, so that the program is a process of its own.
    const launcher = start('bootstrap.mjs', ['start', 'wait']);
    const [line] = (await once(launcher.stdout, 'data')) as [Buffer];
    const { pid } = JSON.parse(line.toString()) as { pid: number };
    expect(pid).not.toBe(launcher.pid);
    launcher.kill(signal);
    const isGone = await untilGone(pid);
    if (!isGone) process.kill(pid, 'SIGKILL');
    expect(isGone).toBe(true);
    expect(launcher.exitCode).toBe(code);
  });
});
