import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { namedPorts } from '../named-ports.ts';
import { commonSettings, javaArgs, type Settings } from './hbase-java.ts';
import { HBaseRig, type HBaseRigOptions, type HBaseServer } from './hbase-rig.ts';
import type { HBaseInstallation } from './install-hbase.ts';

const portNames = [
  'zookeeper',
  'namenode',
  'datanode',
  'datanodeIpc',
  'master',
  'regionserver1',
  'regionserver2',
] as const;
type Ports = Record<(typeof portNames)[number], number>;

/** The processes, in the order in which they start. */
export type DistributedProcessName =
  'zookeeper' | 'namenode' | 'datanode' | 'master' | 'regionserver1' | 'regionserver2';

export interface DistributedHBaseOptions extends HBaseRigOptions {
  /** After this much silence a region server is taken for dead and its regions move. At least 4,000 ms. */
  readonly sessionTimeoutMs?: number;
}

const sessionTimeoutMsDefault = 6_000;
const formatTimeoutMs = 60_000;

/**
 * HBase as in production, small: ZooKeeper, HDFS with one data node, a master and two region servers, each a
 * process of its own. Acknowledged writes survive the kill of a region server.
 */
export class DistributedHBase extends HBaseRig {
  readonly #sessionTimeoutMs: number;
  #ports: Ports | undefined;

  constructor(options: DistributedHBaseOptions) {
    super(options);
    this.#sessionTimeoutMs = options.sessionTimeoutMs ?? sessionTimeoutMsDefault;
  }

  get servers(): string[] {
    if (this.#ports === undefined) return [];
    const { master, regionserver1, regionserver2 } = this.#ports;
    return [master, regionserver1, regionserver2].map((port) => `127.0.0.1:${port}`);
  }

  async start(): Promise<void> {
    const ports = (this.#ports ??= await namedPorts(this.dataDir, portNames));
    const installation = await this.prepare(settings(this.dataDir, ports, this.#sessionTimeoutMs));
    for (const server of servers(ports)) this.addServer(installation, server);
    try {
      this.#formatNameNode(installation);
      await this.#startAll(['zookeeper', 'namenode']);
      await this.#startAll(['datanode']);
      await this.#startAll(['master', 'regionserver1', 'regionserver2']);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.processNames.length === 0) return;
    // Without a master nobody moves the regions of the first server that stops to the second one.
    await this.#stopAll(['master']);
    await this.#stopAll(['regionserver1', 'regionserver2']);
    await this.#stopAll(['zookeeper', 'datanode']);
    await this.#stopAll(['namenode']);
  }

  async #startAll(names: DistributedProcessName[]): Promise<void> {
    const started = await Promise.allSettled(names.map((name) => this.process(name).start()));
    const failed = started.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #stopAll(names: DistributedProcessName[]): Promise<void> {
    await Promise.all(names.map((name) => this.process(name).stop()));
  }

  #formatNameNode(installation: HBaseInstallation): void {
    if (existsSync(join(this.dataDir, 'namenode/current'))) return;
    const args = javaArgs(installation, {
      mainClass: 'org.apache.hadoop.hdfs.server.namenode.NameNode',
      args: ['-format', '-nonInteractive'],
      heapMegabytes: 128,
      collector: 'serial',
      configDir: this.configDir,
      tempDir: join(this.dataDir, 'tmp'),
    });
    const result = spawnSync(installation.java, args, { encoding: 'utf8', timeout: formatTimeoutMs });
    if (result.status === 0) return;
    const output = `${result.stdout}${result.stderr}${result.error?.message ?? ''}`.slice(-4_000);
    throw new Error(`cannot format the name node:\n${output}`);
  }
}

function servers(ports: Ports): HBaseServer[] {
  const server = (
    name: DistributedProcessName,
    mainClass: string,
    heapMegabytes: number,
    readyLine: RegExp,
    args: readonly string[] = [],
  ): HBaseServer => ({ name, mainClass, args, heapMegabytes, readyLine, collector: 'serial' });
  const regionServer = (name: 'regionserver1' | 'regionserver2'): HBaseServer => ({
    ...server(name, 'org.apache.hadoop.hbase.regionserver.HRegionServer', 1024, /Serving as localhost,/, [
      '-D',
      `hbase.regionserver.port=${ports[name]}`,
      'start',
    ]),
    collector: 'default',
  });
  return [
    server('zookeeper', 'org.apache.hadoop.hbase.zookeeper.HQuorumPeer', 128, /binding to port/),
    server('namenode', 'org.apache.hadoop.hdfs.server.namenode.NameNode', 256, /NameNode RPC up at/),
    server(
      'datanode',
      'org.apache.hadoop.hdfs.server.datanode.DataNode',
      256,
      /successfully registered with NN/,
    ),
    server('master', 'org.apache.hadoop.hbase.master.HMaster', 512, /Master has completed initialization/, [
      'start',
    ]),
    regionServer('regionserver1'),
    regionServer('regionserver2'),
  ];
}

function settings(dataDir: string, ports: Ports, sessionTimeoutMs: number): Settings {
  const fileSystem = `hdfs://localhost:${ports.namenode}`;
  return {
    ...commonSettings(dataDir),
    'hbase.cluster.distributed': true,
    'hbase.rootdir': `${fileSystem}/hbase`,
    'hbase.wal.provider': 'asyncfs',
    'hbase.master.port': ports.master,
    'hbase.zookeeper.property.clientPort': ports.zookeeper,
    'zookeeper.session.timeout': sessionTimeoutMs,
    'fs.defaultFS': fileSystem,
    'dfs.replication': 1,
    'dfs.namenode.name.dir': join(dataDir, 'namenode'),
    'dfs.namenode.rpc-bind-host': '127.0.0.1',
    'dfs.namenode.http-address': '127.0.0.1:0',
    'dfs.namenode.datanode.registration.ip-hostname-check': false,
    'dfs.namenode.safemode.extension': 0,
    'dfs.datanode.data.dir': join(dataDir, 'datanode'),
    'dfs.datanode.hostname': 'localhost',
    'dfs.datanode.address': `127.0.0.1:${ports.datanode}`,
    'dfs.datanode.ipc.address': `127.0.0.1:${ports.datanodeIpc}`,
    'dfs.datanode.http.address': '127.0.0.1:0',
  };
}
