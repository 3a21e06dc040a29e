import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { NodeProcess } from '../../../cluster/mailring/node-process.ts';
import { LinkProxy } from './link-proxy.ts';
import type { NodeControl } from './node-preload.ts';

export interface TortureClusterOptions {
  readonly nodes: number;
  readonly folder: string;
  /** Flags of `mailring node` that all of them get. */
  readonly settings: readonly string[];
  /** What all nodes dial besides each other, by name: `redis`, `hbase1`, … to a port of this machine. */
  readonly services: ReadonlyMap<string, number>;
  readonly onProgress: (line: string) => void;
}

/** A node, and what stands between it and the world. */
export interface TortureNode {
  readonly id: string;
  readonly process: NodeProcess;
  /** Between clients and it. */
  readonly clients: LinkProxy;
  /** From it to others, by their names. */
  readonly links: ReadonlyMap<string, LinkProxy>;
}

const pollMs = 250;
const startTimeoutMs = 60_000;
const preload = join(import.meta.dirname, 'node-preload.ts');

/** Nodes as processes, each link of each in our hands. */
export class TortureCluster {
  readonly nodes: readonly TortureNode[];
  readonly operatorTokenFile: string;
  readonly #folder: string;
  readonly #onProgress: (line: string) => void;
  readonly #wallOffsets = new Map<string, number>();

  private constructor(
    nodes: readonly TortureNode[],
    operatorTokenFile: string,
    { folder, onProgress }: TortureClusterOptions,
  ) {
    this.nodes = nodes;
    this.operatorTokenFile = operatorTokenFile;
    this.#folder = folder;
    this.#onProgress = onProgress;
  }

  /** Resolves when all nodes serve in one view. */
  static async start(options: TortureClusterOptions): Promise<TortureCluster> {
    const { folder, services } = options;
    await mkdir(folder, { recursive: true });
    const operatorTokenFile = join(folder, 'operator-token');
    await writeFile(operatorTokenFile, randomBytes(32).toString('hex'));
    const secretFile = join(folder, 'cluster-secret');
    await writeFile(secretFile, randomBytes(32).toString('hex'));
    const settings = [
      ...['--operator-token-file', operatorTokenFile, '--cluster-secret-file', secretFile],
      ...options.settings,
    ];
    const ids = Array.from({ length: options.nodes }, (_, number) => `n${number + 1}`);
    const nodes: TortureNode[] = [];
    for (const id of ids) {
      const clients = await LinkProxy.open(`clients>${id}`);
      const url = pathToFileURL(preload);
      url.searchParams.set('control', controlFile(folder, id));
      const process = await NodeProcess.prepare({
        ...{ id, folder, runtimeFlags: ['--import', url.href] },
        settings: [...settings, '--advertise', `ws://127.0.0.1:${clients.port}/v1/ws`],
      });
      clients.targetPort = process.ports.client;
      const links = new Map<string, LinkProxy>();
      const others = [...ids.filter((other) => other !== id), ...services.keys()];
      for (const other of others) links.set(other, await LinkProxy.open(`${id}>${other}`));
      nodes.push({ id, process, clients, links });
    }
    const peerPorts = nodes.map(({ id, process }): [string, number] => [id, process.ports.peer]);
    const ports = new Map([...services, ...peerPorts]);
    for (const { links } of nodes) for (const [name, link] of links) link.targetPort = ports.get(name) ?? 0;
    const cluster = new TortureCluster(nodes, operatorTokenFile, options);
    for (const node of nodes) await cluster.#writeControl(node);
    try {
      await Promise.all(nodes.map(({ process }) => process.process.start()));
      const illness = await cluster.illness(startTimeoutMs);
      if (illness !== undefined) throw new Error(illness);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** Addresses for clients, all behind the links. */
  get httpUrls(): string[] {
    return this.nodes.map(({ clients }) => `http://127.0.0.1:${clients.port}`);
  }

  get wsUrls(): string[] {
    return this.nodes.map(({ clients }) => `ws://127.0.0.1:${clients.port}/v1/ws`);
  }

  /** Of the nodes that run. */
  get pids(): number[] {
    return this.nodes.flatMap(({ process }) => process.process.pid ?? []);
  }

  /** All links of the cluster, those between clients and nodes as well. */
  get links(): LinkProxy[] {
    return this.nodes.flatMap(({ clients, links }) => [clients, ...links.values()]);
  }

  /** Stops everything from one of them to the other, or in both ways. What is sent waits, and nobody is told. */
  silence(from: TortureNode, to: TortureNode): void {
    from.links.get(to.id)?.hold('out');
    to.links.get(from.id)?.hold('back');
  }

  /** Signals a node, where it runs. @returns whether it does */
  signal({ process }: TortureNode, signal: NodeJS.Signals): boolean {
    if (process.process.pid === undefined) return false;
    process.process.signal(signal);
    return true;
  }

  /** Starts a node that does not run. It may be unable to for as long as other faults are on: `heal` tries again. */
  async revive({ id, process }: TortureNode): Promise<void> {
    if (process.process.pid !== undefined) return;
    try {
      await process.process.start();
    } catch (error) {
      this.#onProgress(
        `${id} could not be started: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  /** Starts every node that does not run. */
  async heal(): Promise<void> {
    await Promise.all(this.nodes.map((node) => this.revive(node)));
  }

  /** Puts a node's clock on the wall forward or back; 0 puts it right. */
  async setWallOffset(node: TortureNode, offsetMs: number): Promise<void> {
    this.#wallOffsets.set(node.id, offsetMs);
    await this.#writeControl(node);
    this.signal(node, 'SIGUSR2');
  }

  /** Waits until every node is ready and in the same view with all others. @returns what is wrong after that time */
  async illness(timeoutMs: number): Promise<string | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const seen = await Promise.all(this.nodes.map((node) => this.#stateOf(node)));
      const [first] = seen;
      const isWell = first?.startsWith(`${this.nodes.length} `) === true;
      if (isWell && seen.every((state) => state === first)) return undefined;
      if (performance.now() > deadline)
        return `not well ${timeoutMs} ms after the last fault: ${seen.join('; ')}`;
      await sleep(pollMs);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ process }) => process.process.stop()));
    await Promise.all(this.links.map((link) => link.close()));
  }

  async #stateOf({ id, process }: TortureNode): Promise<string> {
    try {
      const ready = await fetch(`${process.opsUrl}/readyz`, { signal: AbortSignal.timeout(5_000) });
      if (!ready.ok) return `${id} is not ready: ${await ready.text()}`;
      const members = await process.metric('mailring_ring_members');
      return `${members} members, epoch ${await process.metric('mailring_ring_epoch')}`;
    } catch (error) {
      return `${id}: ${String(error)}`;
    }
  }

  async #writeControl({ id, links }: TortureNode): Promise<void> {
    const control: NodeControl = {
      routes: Object.fromEntries([...links.values()].map((link) => [link.targetPort, link.port])),
      wallOffsetMs: this.#wallOffsets.get(id) ?? 0,
    };
    const file = controlFile(this.#folder, id);
    await writeFile(`${file}.new`, JSON.stringify(control));
    await rename(`${file}.new`, file);
  }
}

function controlFile(folder: string, id: string): string {
  return join(folder, `${id}.control.json`);
}
