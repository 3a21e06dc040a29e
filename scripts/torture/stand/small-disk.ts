import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const size = '1g';
/** Few large pieces, as each waits for its turn among all that people do; the last free bytes in small ones. */
const pieceBytes = [64 * 1024 * 1024, 1024 * 1024, 4096];

/** A disk in memory, mounted on a folder, small enough to be filled. */
export class SmallDisk {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined where this system does not let us: only root of Linux may. */
  static async mount(folder: string, onProgress: (line: string) => void): Promise<SmallDisk | undefined> {
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'mailring-torture', folder]);
      const disk = new SmallDisk(folder);
      process.once('exit', disk.#drop);
      return disk;
    } catch (error) {
      onProgress(`no disk that could be filled: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  /** Takes every byte that is left. */
  async fill(): Promise<void> {
    const file = await open(this.#filler, 'w');
    try {
      for (const bytes of pieceBytes) {
        const piece = Buffer.alloc(bytes, 1);
        while (await hadRoom(file.write(piece)));
      }
    } finally {
      await file.close();
    }
  }

  async free(): Promise<void> {
    await rm(this.#filler, { force: true });
  }

  /** What was on it is then in the folder itself. */
  async unmount(): Promise<void> {
    await this.free();
    const copy = `${this.#folder}.copy`;
    await mkdir(copy);
    await cp(this.#folder, copy, { recursive: true });
    await run('umount', [this.#folder]);
    process.off('exit', this.#drop);
    await rm(this.#folder, { recursive: true });
    await rename(copy, this.#folder);
  }

  /** Whoever ends before all else is over leaves no mount behind; it is gone when the last who uses it is. */
  readonly #drop = (): void => {
    spawnSync('umount', ['--lazy', this.#folder]);
  };

  get #filler(): string {
    return join(this.#folder, 'filler');
  }
}

async function hadRoom(writing: Promise<{ readonly bytesWritten: number }>): Promise<boolean> {
  try {
    return (await writing).bytesWritten > 0;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}
