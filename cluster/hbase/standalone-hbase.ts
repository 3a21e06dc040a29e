import { join } from 'node:path';

import { namedPorts } from '../named-ports.ts';
import { commonSettings, type Settings } from './hbase-java.ts';
import { HBaseRig } from './hbase-rig.ts';

const portNames = ['zookeeper', 'master', 'regionserver'] as const;
type Ports = Record<(typeof portNames)[number], number>;

const processName = 'hbase';
const sessionTimeoutMs = 90_000;

/** How the one process runs, wherever it does. */
export const standaloneProcess = {
  mainClass: 'org.apache.hadoop.hbase.master.HMaster',
  args: ['start'],
  heapMegabytes: 2048,
  collector: 'default',
  readyLine: /Master has completed initialization/,
} as const;

/**
 * HBase in one JVM (master, region server, ZooKeeper) on the local file system: quick to start, and keeps its
 * data over a clean stop, but not over a kill: crash tests take DistributedHBase. Its one process is `hbase`.
 */
export class StandaloneHBase extends HBaseRig {
  #ports: Ports | undefined;

  get servers(): string[] {
    if (this.#ports === undefined) return [];
    return [`127.0.0.1:${this.#ports.master}`, `127.0.0.1:${this.#ports.regionserver}`];
  }

  /** `host:port`, for clients that find HBase that way. Empty before the first start. */
  get zookeeper(): string {
    return this.#ports === undefined ? '' : `127.0.0.1:${this.#ports.zookeeper}`;
  }

  async start(): Promise<void> {
    const ports = (this.#ports ??= await namedPorts(this.dataDir, portNames));
    const installation = await this.prepare(standaloneSettings(this.dataDir, ports));
    const server = this.addServer(installation, { name: processName, ...standaloneProcess });
    try {
      await server.start();
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.processNames.length > 0) await this.process(processName).stop();
  }
}

/** Configuration of a standalone HBase that keeps everything in `dataDir`. */
export function standaloneSettings(dataDir: string, ports: Ports): Settings {
  return {
    ...commonSettings(dataDir),
    'hbase.cluster.distributed': false,
    'hbase.rootdir': `file://${join(dataDir, 'hbase')}`,
    // The local file system cannot hflush: what is not flushed is lost with the process.
    'hbase.unsafe.stream.capability.enforce': false,
    'hbase.wal.provider': 'filesystem',
    'hbase.master.port': ports.master,
    'hbase.regionserver.port': ports.regionserver,
    'hbase.zookeeper.property.clientPort': ports.zookeeper,
    // Nothing fails over here; a machine that stalls for a while must not end the only server.
    'zookeeper.session.timeout': sessionTimeoutMs,
    'hbase.zookeeper.property.maxSessionTimeout': sessionTimeoutMs,
    // On a stop ZooKeeper may be gone before the region server has signed off; more tries only take longer.
    'zookeeper.recovery.retry': 1,
  };
}
