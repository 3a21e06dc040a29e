// What a clone of the repository is made of, and which Node runs it. Plain JavaScript for Node 20 and later:
// it is read before anything is installed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

export const clonePaths = {
  root,
  main: join(root, 'src/main.ts'),
  tests: join(root, 'scripts/run-tests.ts'),
  buildWeb: join(root, 'scripts/build-web.ts'),
  lock: join(root, 'package-lock.json'),
  installedLock: join(root, 'node_modules/.package-lock.json'),
};

/** Node of this version runs the sources as they are: types are stripped without a flag, and not only since today. */
const nodeMajorMin = 24;

/** @param {string} version such as 24.1.0 */
export function runsTypeScript(version) {
  return Number(version.split('.')[0]) >= nodeMajorMin;
}

/** The Node that npm installed into the clone, or this one where it will do. Throws when there is none. */
function nodeOfClone() {
  const own = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(own)) return own;
  if (runsTypeScript(process.versions.node)) return process.execPath;
  throw new Error(
    `Mailring runs on Node ${nodeMajorMin}, and ${own} is not there: run npm ci, with install scripts allowed ` +
      `(the package "node" fetches its binary in one), or use a Node ${nodeMajorMin} of your own.`,
  );
}

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Carries the launcher's process id to what it launches. Not a `MAILRING_…` variable: those are settings, and
 * one that the settings do not know is refused.
 */
const launcherVariable = 'LAUNCHER_OF_MAILRING';
// Told to this process alone: what it starts by itself was not launched.
const launcherPid = process.env[launcherVariable];
delete process.env[launcherVariable];

/** Whether `launch` of another process started this one. */
export function isLaunched() {
  return launcherPid === String(process.ppid);
}

/**
 * Runs the script that runs now once more, in the clone's own Node and in place of this process: same
 * arguments and terminal, signals passed on, and its end is our end. Throws when there is no such Node.
 */
export function launch() {
  const node = nodeOfClone();
  if (isLaunched()) throw new Error(`${node} is Node ${process.versions.node}, too old: run npm ci.`);
  const child = spawn(node, process.argv.slice(1), {
    stdio: 'inherit',
    env: { ...process.env, [launcherVariable]: String(process.pid) },
  });
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    console.error(`cannot start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => {
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
}
