import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { freePort, holdPort, isPortFree } from './free-port.ts';

/**
 * One free port for each name, remembered in `ports.json` of the data folder: what is stored there
 * (HDFS and ZooKeeper keep addresses) and the clients of a stopped service find it at the same address again.
 */
export async function namedPorts<Name extends string>(
  dataDir: string,
  names: readonly Name[],
): Promise<Record<Name, number>> {
  const file = join(dataDir, 'ports.json');
  const remembered = await readPorts(file);
  const ports = new Map<Name, number>();
  for (const name of names) {
    const previous = remembered.get(name);
    const usable = previous !== undefined && (await isPortFree(previous)) && (await holdPort(previous));
    ports.set(name, usable ? previous : await freePort());
  }
  await mkdir(dataDir, { recursive: true });
  const content = Object.fromEntries(ports) as Record<Name, number>;
  await writeFile(`${file}.new`, `${JSON.stringify(content)}\n`);
  await rename(`${file}.new`, file);
  return content;
}

async function readPorts(file: string): Promise<Map<string, number>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
    throw error;
  }
  const ports = new Map<string, number>();
  for (const [name, port] of Object.entries(JSON.parse(text) as Record<string, unknown>)) {
    if (typeof port === 'number') ports.set(name, port);
  }
  return ports;
}
