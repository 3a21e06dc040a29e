// `npm start` and `npm test` in a fresh clone: installs what is missing, then goes on with the clone's own Node.
// Plain JavaScript for Node 20 and later, with nothing installed yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

import { clonePaths, isLaunched, launch, runsTypeScript } from './clone.mjs';
import { endWithParent } from './end-with-parent.mjs';

const commands = {
  start: { main: clonePaths.main, args: ['dev'], first: clonePaths.buildWeb },
  test: { main: clonePaths.tests, args: [], first: undefined },
};

try {
  const [name = '', ...rest] = process.argv.slice(2);
  if (!Object.hasOwn(commands, name))
    throw new Error(`usage: bootstrap.mjs ${Object.keys(commands).join('|')}`);
  endWithParent();
  const installedNow = !isLaunched() && install();
  // npm puts the clone's Node first on the PATH, so from the second time on it is what runs us.
  if (installedNow || !runsTypeScript(process.versions.node)) launch();
  else await run(commands[name], rest);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

/** Returns whether there was anything to do. */
function install() {
  const missing = whyInstall();
  if (missing === undefined) return false;
  console.error(`Installing dependencies with npm ci (${missing}); this takes a minute or so.`);
  // Development dependencies are what runs a clone: Node itself and TypeScript are among them.
  const npmArgs = ['ci', '--include=dev', '--include=optional'];
  // The npm and the Node that were called, if that is how we are run: npm ci removes the ones on the PATH.
  const { npm_execpath: npm, npm_node_execpath: node = process.execPath } = process.env;
  const viaScript = npm !== undefined && /npm-cli\.[cm]?js$/.test(npm);
  const options = { cwd: clonePaths.root, stdio: ['ignore', 'inherit', 'inherit'] };
  const result = viaScript
    ? spawnSync(node, [npm, ...npmArgs], options)
    : spawnSync('npm', npmArgs, { ...options, shell: process.platform === 'win32' });
  if (result.error !== undefined) throw new Error(`cannot run npm: ${result.error.message}`);
  if (result.status !== 0)
    throw new Error(`npm ci failed (${result.signal ?? `exit code ${result.status}`}).`);
  return true;
}

/** A step that has to end well before the program starts. */
function runFirst(script) {
  const { status, signal, error } = spawnSync(process.execPath, [script], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${script} failed (${signal ?? `exit code ${status}`}).`);
}

async function run({ main, args, first }, rest) {
  if (first !== undefined) runFirst(first);
  process.argv = [process.execPath, main, ...args, ...rest];
  await import(pathToFileURL(main).href);
}

/** Why node_modules is not what package-lock.json says; undefined when it is. */
function whyInstall() {
  if (!existsSync(clonePaths.installedLock)) return 'nothing is installed yet';
  const wanted = packagesOf(clonePaths.lock);
  const installed = packagesOf(clonePaths.installedLock);
  for (const [path, { version, optional, devOptional }] of Object.entries(wanted)) {
    if (path === '') continue; // The project itself.
    const present = installed[path];
    if (present === undefined && (optional || devOptional)) continue; // Of another platform.
    if (present?.version !== version) return `${path} is not at ${version}`;
  }
  return undefined;
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
}
