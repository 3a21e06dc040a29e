import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';

/**
 * A lock on something of a folder, among processes of one machine: the kernel gives it back when the process has ended, and
 * not before. It is a socket in Linux's abstract name space, and doesn't keep the process alive; closing it lets go. Rejects
 * where another process has it (`EADDRINUSE`), or there is no such folder or lock.
 */
export async function processLock(folder: string, what: string): Promise<Server> {
  const { dev, ino } = await stat(folder);
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(`\0mailring/${dev}/${ino}/${what}`, () => {
      server.unref();
      resolve(server);
    });
  });
}
