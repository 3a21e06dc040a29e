import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { ensureProgram } from '../debian-packages.ts';

const javaMajorMin = 17;
const javaPackage = 'openjdk-17-jre-headless';

/** The Java launcher: of JAVA_HOME, else on the PATH, else installed. Throws when there is none of version 17 or later. */
export function findJava(onProgress: (line: string) => void): string {
  const java = javaOfHome() ?? ensureProgram('java', javaPackage, onProgress);
  const major = javaMajor(java);
  if (major < javaMajorMin) {
    throw new Error(`${java} is Java ${major}; HBase here needs ${javaMajorMin} (on Debian: ${javaPackage})`);
  }
  return java;
}

/** The Maven launcher on the PATH, or installed. Throws when there is none. */
export function findMaven(onProgress: (line: string) => void): string {
  return ensureProgram('mvn', 'maven', onProgress);
}

function javaOfHome(): string | undefined {
  const home = process.env['JAVA_HOME'];
  if (!home) return undefined;
  const java = join(home, 'bin/java');
  return existsSync(java) ? java : undefined;
}

function javaMajor(java: string): number {
  const result = spawnSync(java, ['-version'], { encoding: 'utf8', timeout: 30_000 });
  const version = /version "(\d+)(?:\.(\d+))?/.exec(result.stderr);
  if (version === null) throw new Error(`${java} -version does not tell its version: ${result.stderr}`);
  const [, major, minor] = version;
  return Number(major === '1' ? minor : major);
}
