import { mkdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';

/**
 * Keeps the folder to this process until it ends, however it ends; false where another one has it. Two clusters in one
 * folder have nodes of the same names, which would end each other in turns. A socket in Linux's abstract name space
 * does it, as for single nodes (`node-claim.ts`); on other systems nobody is refused.
 */
export async function claimDevFolder(folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  if (process.platform !== 'linux') return true;
  const { dev, ino } = await stat(folder);
  const lock = createServer((socket) => socket.destroy()).unref();
  return new Promise((resolve) => {
    // Where there is no such lock, nothing is known, and nobody is refused.
    lock.once('error', (error) => resolve(!('code' in error && error.code === 'EADDRINUSE')));
    lock.listen(`\0mailring-dev/${dev}/${ino}`, () => resolve(true));
  });
}
