import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Version 1 of control groups has a tree for block devices, version 2 one for everything. */
const blockTree = '/sys/fs/cgroup/blkio';
const onlyTree = '/sys/fs/cgroup';
const freeTriesMax = 20;
const retryMs = 100;

/**
 * Makes the disk under a folder slow for some processes: a control group of theirs may write only so many times a second,
 * so that each sync waits its turn, as on a disk that is worn, or shared with too many.
 */
export class SlowDisk {
  readonly #tree: string;
  readonly #group: string;
  /** `major:minor`. */
  readonly #device: string;

  private constructor(tree: string, group: string, device: string) {
    this.#tree = tree;
    this.#group = group;
    this.#device = device;
  }

  /**
   * Undefined where this system does not let us: only root of Linux may, and the folder must be on a disk.
   *
   * @param name of the control group
   */
  static async prepare(
    folder: string,
    name: string,
    onProgress: (line: string) => void,
  ): Promise<SlowDisk | undefined> {
    const tree = existsSync(blockTree) ? blockTree : onlyTree;
    const group = join(tree, name);
    try {
      const device = await diskUnder(folder);
      if (tree === onlyTree) await writeFile(join(tree, 'cgroup.subtree_control'), '+io');
      await mkdir(group);
      return new SlowDisk(tree, group, device);
    } catch (error) {
      onProgress(`no disk that could be slowed: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  /** From now on these processes together write at most so many times a second. */
  async slow(pids: readonly number[], writesPerSecond: number): Promise<void> {
    await this.#limit(String(writesPerSecond));
    for (const pid of pids) await this.#move(pid);
  }

  /** As fast as it is. */
  async free(): Promise<void> {
    await this.#limit(this.#isOnlyTree ? 'max' : '0');
  }

  /** When all processes that were slowed have ended. */
  async remove(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await rmdir(this.#group);
        return;
      } catch (error) {
        if (tries === freeTriesMax) throw error;
        await sleep(retryMs);
      }
    }
  }

  get #isOnlyTree(): boolean {
    return this.#tree === onlyTree;
  }

  #limit(writesPerSecond: string): Promise<void> {
    return this.#isOnlyTree
      ? writeFile(join(this.#group, 'io.max'), `${this.#device} wiops=${writesPerSecond}`)
      : writeFile(
          join(this.#group, 'blkio.throttle.write_iops_device'),
          `${this.#device} ${writesPerSecond}`,
        );
  }

  async #move(pid: number): Promise<void> {
    try {
      await writeFile(join(this.#group, 'cgroup.procs'), String(pid));
    } catch (error) {
      // It has ended by another fault.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}

/** The whole disk, as limits are not for partitions. */
async function diskUnder(folder: string): Promise<string> {
  const { dev } = await stat(folder);
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  const device = await realpath(`/sys/dev/block/${major}:${minor}`);
  const disk = existsSync(join(device, 'partition')) ? join(device, '..') : device;
  return (await readFile(join(disk, 'dev'), 'utf8')).trim();
}
