import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { runChat } from '../support/third-party/chat-script.ts';
import { overHttp, overWebSocket } from '../support/third-party/json-rpc-2.0-client.ts';
import { pythonEnvironment, run } from '../support/third-party/python-environment.ts';
import { overVscode } from '../support/third-party/vscode-client.ts';

const chatScript = join(import.meta.dirname, '../support/third-party/chat.py');
const chatTimeoutMs = 60_000;

let folder: string;
let cluster: NodeCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-third-party-'));
  const settings = ['--store', 'lmdb', '--data', join(folder, 'data'), '--log-level', 'warn'];
  cluster = await NodeCluster.start({ count: 3, folder, settings });
});
afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('JSON-RPC 2.0 clients of others, as they come, chat on three nodes', () => {
  it.each([
    ['json-rpc-2.0 over WebSocket', overWebSocket],
    ['json-rpc-2.0 over HTTP', overHttp],
    ['vscode-ws-jsonrpc', overVscode],
  ])('%s', async (name, connect) => {
    // At each node, so that somebody is sent elsewhere.
    for (const [index, { httpUrl }] of cluster.nodes.entries()) {
      await runChat(httpUrl, `${name.replaceAll(/[^a-z0-9]+/gi, '-')}-${index}`, connect);
    }
  });

  it('jsonrpc-websocket, in Python', { timeout: 300_000 }, async () => {
    const python = await pythonEnvironment((line) => {
      console.error(line);
    });
    for (const [index, { httpUrl }] of cluster.nodes.entries()) {
      const ended = await run(python, [chatScript, httpUrl, `python-${index}`], chatTimeoutMs);
      expect(ended).toEqual({ exitCode: 0, output: 'chat done\n' });
    }
  });
});
