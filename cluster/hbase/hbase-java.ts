import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { HBaseInstallation } from './install-hbase.ts';

/** Hadoop configuration: property name to value. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

/** HBase on Java 17 reaches into these packages of the JDK. */
const jdkAccess = [
  ...['java.lang', 'java.nio', 'sun.nio.ch', 'jdk.internal.util.random'].flatMap((name) => [
    '--add-opens',
    `java.base/${name}=ALL-UNNAMED`,
  ]),
  '--add-exports',
  'java.base/jdk.internal.misc=ALL-UNNAMED',
];

const log4jProperties = `
log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.out
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %-5p [%t] %c{2}: %m%n
`;

/** The servers look their web pages up on the class path, even where those are switched off. */
const webFolders = [
  'webapps/hdfs/WEB-INF',
  'webapps/datanode/WEB-INF',
  'hbase-webapps/master/WEB-INF',
  'hbase-webapps/regionserver/WEB-INF',
];

/** Writes a configuration folder, to be first on the class path. */
export function writeConfiguration(configDir: string, settings: Settings): void {
  for (const folder of webFolders) mkdirSync(join(configDir, folder), { recursive: true });
  const xml = toXml(settings);
  for (const file of ['core-site.xml', 'hdfs-site.xml', 'hbase-site.xml'])
    writeFileSync(join(configDir, file), xml);
  writeFileSync(join(configDir, 'log4j.properties'), log4jProperties);
}

export interface JavaRun {
  readonly mainClass: string;
  readonly args: readonly string[];
  readonly heapMegabytes: number;
  readonly configDir: string;
  readonly tempDir: string;
  /** The serial collector has fewer threads: right for processes that do little. */
  readonly collector: 'serial' | 'default';
}

/** The arguments of `java` for one server. */
export function javaArgs(installation: HBaseInstallation, run: JavaRun): string[] {
  return [
    `-Xmx${run.heapMegabytes}m`,
    ...(run.collector === 'serial' ? ['-XX:+UseSerialGC'] : []),
    '-XX:+ExitOnOutOfMemoryError',
    '-Djava.net.preferIPv4Stack=true',
    '-Dzookeeper.admin.enableServer=false',
    `-Djava.io.tmpdir=${run.tempDir}`,
    ...jdkAccess,
    '-classpath',
    `${run.configDir}:${join(installation.libDir, '*')}`,
    run.mainClass,
    ...run.args,
  ];
}

/** Settings that standalone and distributed HBase share: all of it on the loopback address, no web pages. */
export function commonSettings(dataDir: string): Settings {
  return {
    'hbase.tmp.dir': join(dataDir, 'tmp'),
    'hadoop.tmp.dir': join(dataDir, 'tmp/hadoop'),
    'hbase.master.hostname': 'localhost',
    'hbase.regionserver.hostname': 'localhost',
    'hbase.master.ipc.address': '127.0.0.1',
    'hbase.regionserver.ipc.address': '127.0.0.1',
    'hbase.master.info.port': -1,
    'hbase.regionserver.info.port': -1,
    'hbase.zookeeper.quorum': '127.0.0.1',
    'hbase.zookeeper.property.clientPortAddress': '127.0.0.1',
    'hbase.zookeeper.property.dataDir': join(dataDir, 'zookeeper'),
  };
}

function toXml(settings: Settings): string {
  const properties = Object.entries(settings).map(
    ([name, value]) =>
      `  <property><name>${name}</name><value>${escapeXml(String(value))}</value></property>`,
  );
  return `<?xml version="1.0"?>\n<configuration>\n${properties.join('\n')}\n</configuration>\n`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
