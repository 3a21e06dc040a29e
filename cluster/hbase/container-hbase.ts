import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GenericContainer, Wait } from 'testcontainers';

import { freePort } from '../free-port.ts';
import type { ProvidedService } from '../provided-service.ts';
import { javaArgs, writeConfiguration } from './hbase-java.ts';
import { hbaseVersionDefault } from './install-hbase.ts';
import { standaloneProcess, standaloneSettings } from './standalone-hbase.ts';

/** Java and Maven; HBase itself comes from the same pom.xml as on the machine. */
export const containerImage = 'maven:3-eclipse-temurin-17';
const startupTimeoutMs = 10 * 60_000;
const rig = '/rig';

/** Standalone HBase in a container: for machines that have Docker and neither Java nor Maven. */
export async function provideContainerHBase(): Promise<ProvidedService<string[]>> {
  // HBase tells its clients host and port, so that both have to be the same inside and outside.
  const ports = { zookeeper: await freePort(), master: await freePort(), regionserver: await freePort() };
  const configDir = await mkdtemp(join(tmpdir(), 'mailring-hbase-conf-'));
  try {
    writeConfiguration(configDir, {
      ...standaloneSettings(`${rig}/data`, ports),
      'hbase.master.ipc.address': '0.0.0.0',
      'hbase.regionserver.ipc.address': '0.0.0.0',
    });
    const container = await new GenericContainer(containerImage)
      .withCopyFilesToContainer([{ source: join(import.meta.dirname, 'pom.xml'), target: `${rig}/pom.xml` }])
      .withCopyDirectoriesToContainer([{ source: configDir, target: `${rig}/conf` }])
      .withExposedPorts(
        { container: ports.master, host: ports.master },
        { container: ports.regionserver, host: ports.regionserver },
      )
      .withCommand(['sh', '-c', startScript()])
      .withWaitStrategy(Wait.forLogMessage(standaloneProcess.readyLine))
      .withStartupTimeout(startupTimeoutMs)
      .start();
    const host = container.getHost();
    const release = async (): Promise<void> => {
      await container.stop();
    };
    return { address: [`${host}:${ports.master}`, `${host}:${ports.regionserver}`], release };
  } finally {
    await rm(configDir, { recursive: true, force: true });
  }
}

function startScript(): string {
  const install = [
    `mvn --quiet --batch-mode --file ${rig}/pom.xml -Dhbase.version=${hbaseVersionDefault}`,
    `dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=${rig}/lib`,
  ];
  const installation = { version: hbaseVersionDefault, libDir: `${rig}/lib`, java: 'java' };
  const java = javaArgs(installation, {
    ...standaloneProcess,
    configDir: `${rig}/conf`,
    tempDir: `${rig}/tmp`,
  });
  return `mkdir -p ${rig}/tmp ${rig}/data && ${install.join(' ')} && exec java ${java.map(quote).join(' ')}`;
}

function quote(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`;
}
