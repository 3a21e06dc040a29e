import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The full path of a program on PATH, or undefined. */
export function findOnPath(program: string): string | undefined {
  for (const dir of (process.env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(dir, program);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not here: look further along the path.
    }
  }
  return undefined;
}

/** Whether we may install packages: root on a system with apt-get. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

const aptTimeoutMs = 10 * 60_000;

/** Installs Debian packages. Throws with apt-get's last lines when that fails. */
export function installPackages(packages: readonly string[], onProgress: (line: string) => void): void {
  onProgress(`installing ${packages.join(', ')} with apt-get`);
  const install = ['install', '--yes', '--no-install-recommends', ...packages];
  if (aptGet(install).ok) return;
  aptGet(['update']); // The package lists of a fresh container are empty; its own failure shows in the next line.
  const second = aptGet(install);
  if (!second.ok) throw new Error(`apt-get could not install ${packages.join(', ')}:\n${second.output}`);
}

function aptGet(args: readonly string[]): { ok: boolean; output: string } {
  const result = spawnSync('apt-get', [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: aptTimeoutMs,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  const output = `${result.stdout}${result.stderr}${result.error?.message ?? ''}`;
  return { ok: result.status === 0, output: output.slice(-2_000) };
}

/**
 * The path of a program, installing its package where that is possible. Throws, naming what to install,
 * where it is not.
 */
export function ensureProgram(
  program: string,
  debianPackage: string,
  onProgress: (line: string) => void,
): string {
  const present = findOnPath(program);
  if (present !== undefined) return present;
  if (!canInstallPackages()) {
    throw new Error(
      `${program} is not on the PATH: install it (on Debian: apt-get install ${debianPackage})`,
    );
  }
  installPackages([debianPackage], onProgress);
  const installed = findOnPath(program);
  if (installed === undefined)
    throw new Error(`${debianPackage} is installed but has no ${program} on the PATH`);
  return installed;
}
