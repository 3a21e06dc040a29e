import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { ServiceGroup } from '../service-group.ts';
import { ServiceProcess } from '../service-process.ts';
import { javaArgs, type Settings, writeConfiguration } from './hbase-java.ts';
import { type HBaseInstallation, hbaseVersionDefault, installHBase } from './install-hbase.ts';

export interface HBaseRigOptions {
  /** Everything of this HBase: configuration, logs, pid files, data. Made when missing; kept by stop(). */
  readonly dataDir: string;
  /** A Maven version of `org.apache.hbase:hbase-server`; `2.6.4-hadoop3` unless told. */
  readonly version?: string;
  /** One line at a time. Silent unless told. */
  readonly onProgress?: (line: string) => void;
}

export interface HBaseServer {
  readonly name: string;
  readonly mainClass: string;
  readonly args: readonly string[];
  readonly heapMegabytes: number;
  readonly collector: 'serial' | 'default';
  readonly readyLine: RegExp;
}

const readyTimeoutMs = 180_000;
const stopTimeoutMs = 45_000;

/** A real HBase made of local Java processes, everything on 127.0.0.1. */
export abstract class HBaseRig extends ServiceGroup {
  readonly version: string;
  protected readonly dataDir: string;
  protected readonly onProgress: (line: string) => void;

  constructor(options: HBaseRigOptions) {
    super();
    this.dataDir = resolve(options.dataDir);
    this.version = options.version ?? hbaseVersionDefault;
    this.onProgress = options.onProgress ?? (() => undefined);
  }

  /** `host:port` of masters and region servers, to hand to a client. Empty before the first start. */
  abstract readonly servers: string[];

  /** Installs HBase when it is missing, starts it, resolves when it serves. May follow stop(), on the same data. */
  abstract start(): Promise<void>;

  /** Clean stop: everything that was written is kept. Resolves when all processes are gone. */
  abstract stop(): Promise<void>;

  protected async prepare(settings: Settings): Promise<HBaseInstallation> {
    const installation = await installHBase(this.version, this.onProgress);
    await mkdir(join(this.dataDir, 'tmp'), { recursive: true });
    writeConfiguration(this.configDir, settings);
    return installation;
  }

  protected addServer(installation: HBaseInstallation, server: HBaseServer): ServiceProcess {
    return this.add(
      new ServiceProcess({
        name: server.name,
        command: installation.java,
        args: javaArgs(installation, {
          ...server,
          configDir: this.configDir,
          tempDir: join(this.dataDir, 'tmp'),
        }),
        cwd: this.dataDir,
        logFile: join(this.dataDir, 'logs', `${server.name}.log`),
        pidFile: pidFile(this.dataDir, server.name),
        readyLine: server.readyLine,
        readyTimeoutMs,
        stopTimeoutMs,
        onProgress: this.onProgress,
      }),
    );
  }

  protected get configDir(): string {
    return join(this.dataDir, 'conf');
  }
}

/** The folder with one `<process>.pid` for each process that runs on this data. */
export function pidDir(dataDir: string): string {
  return join(dataDir, 'pids');
}

function pidFile(dataDir: string, name: string): string {
  return join(pidDir(dataDir), `${name}.pid`);
}
