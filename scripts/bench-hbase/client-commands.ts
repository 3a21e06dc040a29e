import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ensureProgram } from '../../cluster/debian-packages.ts';
import type { HBaseInstallation } from '../../cluster/hbase/install-hbase.ts';
import { ClientProcess } from './client-process.ts';
import { clientNames } from './workload.ts';
import type { ClientName } from './workload.ts';

export interface BenchedCluster {
  readonly installation: HBaseInstallation;
  /** Masters and region servers, `host:port`. */
  readonly servers: readonly string[];
  /** `host:port`. */
  readonly zookeeper: string;
}

interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

const javaPackage = 'openjdk-17-jdk-headless';
const compileTimeoutMs = 120_000;

/** Starts all clients under test, each against the same cluster. The Java program is compiled into `classesDir`. */
export async function startClients(cluster: BenchedCluster, classesDir: string): Promise<ClientProcess[]> {
  const started: ClientProcess[] = [];
  try {
    for (const name of clientNames) {
      const { command, args } = commandOf(name, cluster, classesDir);
      started.push(await ClientProcess.start(name, command, args));
    }
    return started;
  } catch (error) {
    for (const client of started) client.kill();
    throw error;
  }
}

function commandOf(name: ClientName, cluster: BenchedCluster, classesDir: string): Command {
  switch (name) {
    case 'ours':
      return nodeCommand(new URL('./ours-worker.ts', import.meta.url), cluster.servers.join(','));
    case 'java':
      return javaCommand(cluster, classesDir);
    case 'hbaseRpcClient':
      return nodeCommand(new URL('./rpc-client-worker.ts', import.meta.url), cluster.zookeeper);
  }
}

function nodeCommand(program: URL, argument: string): Command {
  return {
    command: process.execPath,
    args: ['--disable-warning=DEP0005', fileURLToPath(program), argument],
  };
}

/** Compiles first. @throws Error where there is no JDK, or the compiler complains */
function javaCommand({ installation, zookeeper }: BenchedCluster, classesDir: string): Command {
  const here = import.meta.dirname;
  const jars = join(installation.libDir, '*');
  const javac = ensureProgram('javac', javaPackage, (line) => {
    console.error(line);
  });
  const compiler = ['-nowarn', '-proc:none', '-classpath', jars, '-d', classesDir, join(here, 'Bench.java')];
  const result = spawnSync(javac, compiler, { encoding: 'utf8', timeout: compileTimeoutMs });
  if (result.status !== 0) throw new Error(`cannot compile Bench.java:\n${result.stderr}`);
  const classPath = [here, classesDir, jars].join(':');
  return {
    command: installation.java,
    args: [
      '-Xmx1g',
      '--add-opens',
      'java.base/java.nio=ALL-UNNAMED',
      '-classpath',
      classPath,
      'Bench',
      zookeeper,
    ],
  };
}
