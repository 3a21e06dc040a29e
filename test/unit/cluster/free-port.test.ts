import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

import { freePort, holdPort, isPortFree } from '../../../cluster/free-port.ts';

const inAnotherProcess = async (port: number): Promise<string> => {
  const module = new URL('../../../cluster/free-port.ts', import.meta.url).href;
  const script = `import { holdPort } from ${JSON.stringify(module)};
    process.stdout.write(String(await holdPort(${port})));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  return stdout;
};

test('a port is given once, although nobody listens there yet', async () => {
  const ports = await Promise.all(Array.from({ length: 60 }, freePort));
  expect(new Set(ports).size).toBe(60);
});

test('a port that somebody listens on is not free', async () => {
  const port = await freePort();
  expect(await isPortFree(port)).toBe(true);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  expect(await isPortFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isPortFree(port)).toBe(true);
});

test('another process does not choose a port that this one chose, where the system has abstract sockets', async () => {
  const port = await freePort();
  expect(await holdPort(port)).toBe(true);
  expect(await inAnotherProcess(port)).toBe(process.platform === 'linux' ? 'false' : 'true');
});
