import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, holdPort, isPortFree } from '../../cluster/free-port.ts';
import { ServiceProcess } from '../../cluster/service-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const opsOffset = 100;
const triesMax = 50;

/** Nodes that `mailring dev` runs unless told otherwise. */
const nodes = 3;

/** `mailring dev` as a process of its own on a data folder of its own, to be killed and started again. */
export class DevNode {
  readonly url: string;
  readonly process: ServiceProcess;
  readonly #folder: string;

  private constructor(port: number, folder: string) {
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    this.process = new ServiceProcess({
      name: 'mailring dev',
      command: process.execPath,
      args: ['src/main.ts', 'dev', '--port', String(port), '--data', join(folder, 'data')],
      cwd: root,
      logFile: join(folder, 'dev.log'),
      pidFile: join(folder, 'dev.pid'),
      // One line a node, in the order in which they get ready.
      readyLine: new RegExp(`(^ready http[^]*){${nodes}}`, 'm'),
      readyTimeoutMs: 30_000,
      stopTimeoutMs: 15_000,
      onProgress: () => undefined,
    });
  }

  /** Resolves when it serves. Rejects with the end of its log where it does not. */
  static async start(): Promise<DevNode> {
    const node = new DevNode(await freePorts(), await mkdtemp(join(tmpdir(), 'mailring-dev-')));
    try {
      await node.process.start();
    } catch (error) {
      await node.remove();
      throw error;
    }
    return node;
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.process.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A port for the first node, with those of the others and the operations ports free as well. */
async function freePorts(): Promise<number> {
  for (let attempt = 0; attempt < triesMax; attempt++) {
    const port = await freePort();
    const needed = Array.from({ length: nodes }, (_, node) => [port + node, port + opsOffset + node]).flat();
    const usable = await Promise.all(needed.map(async (one) => (await isPortFree(one)) && holdPort(one)));
    if (usable.every(Boolean)) return port;
  }
  throw new Error(`no free ports for ${nodes} nodes in ${triesMax} tries`);
}
