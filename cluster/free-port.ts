import { randomInt } from 'node:crypto';
import { createServer, type ListenOptions, type Server } from 'node:net';

/** Below the usual range of outgoing connections, so that none of those can take a port between choice and use. */
const portMin = 20_000;
const portMax = 32_000;
const attemptsMax = 200;

/** Ports that this process chose: nobody else chooses them while it lives, also while what it starts there is down. */
const held = new Set<number>();

/** Whether a TCP server could listen on this port of 127.0.0.1 right now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = await listening({ host: '127.0.0.1', port, exclusive: true });
  if (server === undefined) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/**
 * Keeps other processes that ask here from choosing this port as long as this process lives; whether it could. Test
 * workers start many servers at once, and one that is killed and started again finds its port still its own. The hold
 * is a socket in Linux's abstract name space, which ends with its process; elsewhere it holds within this process.
 */
export async function holdPort(port: number): Promise<boolean> {
  if (held.has(port)) return true;
  if (process.platform === 'linux') {
    const server = await listening({ path: `\0mailring-port-${port}`, exclusive: true });
    if (server === undefined) return false;
    server.unref();
  }
  held.add(port);
  return true;
}

/** A TCP port of 127.0.0.1 that nobody listens on, held from now on. Throws when 200 random tries find none. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = randomInt(portMin, portMax);
    if (!held.has(port) && (await isPortFree(port)) && (await holdPort(port))) return port;
  }
  throw new Error(`no free TCP port found between ${portMin} and ${portMax} in ${attemptsMax} tries`);
}

/** A server that listens there, or undefined where it can't. */
function listening(where: ListenOptions): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(where, () => resolve(server));
  });
}
