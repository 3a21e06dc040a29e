import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DistributedHBase } from '../../cluster/hbase/distributed-hbase.ts';

const startTimeoutMs = 300_000;
const restartTimeoutMs = 240_000;

const dataDir = mkdtempSync(join(tmpdir(), 'mailring-distributed-'));
const hbase = new DistributedHBase({ dataDir });

/** Whether a TCP connection is accepted; a paused process accepts, its kernel does that. */
function accepts(server: string): Promise<boolean> {
  const [host = '', port = ''] = server.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: 5_000 });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}

beforeAll(async () => {
  await hbase.start();
}, startTimeoutMs);

afterAll(async () => {
  await hbase.stop();
  rmSync(dataDir, { recursive: true, force: true });
}, startTimeoutMs);

describe('DistributedHBase', () => {
  it('names its processes and its servers', async () => {
    expect(hbase.processNames).toEqual([
      'zookeeper',
      'namenode',
      'datanode',
      'master',
      'regionserver1',
      'regionserver2',
    ]);
    expect(hbase.servers).toHaveLength(3);
    expect(await Promise.all(hbase.servers.map(accepts))).toEqual([true, true, true]);
  });

  it(
    'kills a region server and starts it again on its port',
    async () => {
      const [, first = ''] = hbase.servers;
      const pid = hbase.pid('regionserver1');
      await hbase.kill('regionserver1');
      expect(hbase.pid('regionserver1')).toBeUndefined();
      expect(await accepts(first)).toBe(false);
      await hbase.restart('regionserver1');
      expect(hbase.pid('regionserver1')).not.toBe(pid);
      expect(await accepts(first)).toBe(true);
    },
    restartTimeoutMs,
  );
});
