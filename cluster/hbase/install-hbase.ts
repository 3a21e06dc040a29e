import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { findJava, findMaven } from './java-tools.ts';

/** The Maven version that the rig takes unless told. Standalone, 3.0.0-alpha-4 was tried as well. */
export const hbaseVersionDefault = '2.6.4-hadoop3';

export interface HBaseInstallation {
  readonly version: string;
  /** Folder with all jars. */
  readonly libDir: string;
  /** The Java launcher to run them with. */
  readonly java: string;
}

const installTimeoutMs = 15 * 60_000;
const outputTailBytes = 4_000;

/** Where downloads are kept: `MAILRING_TEST_CACHE`, or `.cache/` of the project. */
export function cacheDir(): string {
  const configured = process.env['MAILRING_TEST_CACHE'];
  return configured ? resolve(configured) : join(import.meta.dirname, '../../.cache');
}

/**
 * Makes the jars of one HBase version available, from the cache or by Maven (180 jars, 120 MB). Maven's own
 * settings on this machine apply. Throws when Java or Maven is missing or the download fails.
 */
export async function installHBase(
  version: string,
  onProgress: (line: string) => void,
): Promise<HBaseInstallation> {
  const java = findJava(onProgress);
  const parent = join(cacheDir(), 'hbase');
  const libDir = join(parent, version);
  if (existsSync(libDir)) return { version, libDir, java };

  const mvn = findMaven(onProgress);
  await mkdir(parent, { recursive: true });
  const partial = await mkdtemp(join(parent, 'partial-'));
  try {
    onProgress(`installing HBase ${version} with Maven into ${libDir} (about 120 MB, a minute or so)`);
    await copyDependencies(mvn, version, partial);
    await rename(partial, libDir).catch((error: unknown) => {
      if (!existsSync(libDir)) throw error; // Otherwise another process was faster, and its copy is as good.
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return { version, libDir, java };
}

function copyDependencies(mvn: string, version: string, outputDir: string): Promise<void> {
  const args = [
    '--quiet',
    '--batch-mode',
    '--file',
    join(import.meta.dirname, 'pom.xml'),
    `-Dhbase.version=${version}`,
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${outputDir}`,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(mvn, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: installTimeoutMs });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-outputTailBytes);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error) => reject(new Error(`cannot start ${mvn}`, { cause: error })));
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(`Maven could not fetch HBase ${version} (${signal ?? `exit code ${code}`}):\n${output}`),
        );
    });
  });
}
