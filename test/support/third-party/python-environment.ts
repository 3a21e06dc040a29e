import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canInstallPackages, ensureProgram, installPackages } from '../../../cluster/debian-packages.ts';

const root = join(import.meta.dirname, '../../..');
const requirements = join(import.meta.dirname, 'requirements.txt');
const installTimeoutMs = 240_000;

/** What a program said, whatever its end. */
export interface Ended {
  readonly exitCode: number | null;
  readonly output: string;
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], timeoutMs: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data.toString();
      });
    }
    child.on('error', reject);
    child.on('close', (exitCode) => {
      resolve({ exitCode, output });
    });
  });
}

async function must(program: string, ...args: string[]): Promise<void> {
  const { exitCode, output } = await run(program, args, installTimeoutMs);
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${output.slice(-2_000)}`);
}

/**
 * The Python of a virtual environment with the packages of requirements.txt, made at the first call and kept in
 * .cache. Rejects, saying what is missing, where there is no Python or no package index.
 */
export async function pythonEnvironment(onProgress: (line: string) => void): Promise<string> {
  const python3 = ensureProgram('python3', 'python3', onProgress);
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const folder = join(root, '.cache', `python-${digest}`);
  const python = join(folder, 'bin/python');
  const done = join(folder, 'complete');
  if (existsSync(done)) return python;
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(root, '.cache'), { recursive: true });
  try {
    await must(python3, '-m', 'venv', folder);
  } catch (error) {
    // Debian has the module in a package of its own.
    if (!canInstallPackages()) throw error;
    installPackages(['python3-venv'], onProgress);
    await rm(folder, { recursive: true, force: true });
    await must(python3, '-m', 'venv', folder);
  }
  onProgress('installing the Python packages of the third-party clients');
  await must(python, '-m', 'pip', 'install', '--quiet', '--requirement', requirements);
  await writeFile(done, '');
  return python;
}
