import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the usual range of outgoing connections, so that none of those can take a port between choice and use. */
const portMin = 20_000;
const portMax = 32_000;
const attemptsMax = 200;

/** Whether a TCP server could listen on this port of 127.0.0.1 right now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A TCP port of 127.0.0.1 that nobody listens on. Throws when 200 random tries find none. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = randomInt(portMin, portMax);
    if (await isPortFree(port)) return port;
  }
  throw new Error(`no free TCP port found between ${portMin} and ${portMax} in ${attemptsMax} tries`);
}
