import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import type { NodeProcess } from '../../cluster/mailring/node-process.ts';
import type { RingProgress, RingReport } from '../../src/admin/control-api.ts';
import { messageId } from '../support/wire-client.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const startMaxMs = 120_000;
const testMaxMs = 120_000;

interface Ended {
  readonly code: number;
  /** One JSON object a line, as `--json` prints. */
  readonly news: readonly { readonly kind: string; readonly [key: string]: unknown }[];
  readonly err: string;
}

interface Answer {
  readonly status: number;
  readonly body: {
    readonly error?: { readonly code: string; readonly message: string };
  } & Partial<RingProgress>;
}

describe('the ring of three real nodes, by command and over HTTP', () => {
  let folder: string;
  let cluster: NodeCluster;
  let nodes: readonly [NodeProcess, NodeProcess, NodeProcess];
  let tokenFile: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mailring-control-'));
    const data = join(folder, 'data');
    // Nodes on one data folder share the token that is made there.
    tokenFile = join(data, 'operator-token');
    // So slow that what there is to move at the end takes some ten seconds.
    const pace = ['--ring-handoff-bytes-per-second', '65536'];
    const settings = ['--store', 'lmdb', '--data', data, ...pace];
    cluster = await NodeCluster.start({ count: 3, folder, settings });
    nodes = cluster.nodes as unknown as typeof nodes;
  }, startMaxMs);
  afterAll(async () => {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }, startMaxMs);

  /** `mailring ring …` as a process, with the operations port of one node. */
  const ring = (node: NodeProcess, ...args: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      const access = ['--ops', node.opsUrl, '--operator-token-file', tokenFile, '--json'];
      const [name = '', ...rest] = args;
      const command = ['src/main.ts', 'ring', name, ...access, ...rest];
      execFile(process.execPath, command, { cwd: root, timeout: 60_000 }, (error, out, err) => {
        const news = out
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Ended['news'][number]);
        resolve({ code: error === null ? 0 : Number(error.code), news, err });
      });
    });

  const ask = async (node: NodeProcess, method: string, path: string, body?: object): Promise<Answer> => {
    const authorization = `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}`;
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${node.opsUrl}${path}`, { method, headers: { authorization }, ...init });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  };

  const show = async (node: NodeProcess): Promise<RingReport> =>
    (await ask(node, 'GET', '/v1/ring')).body as unknown as RingReport;

  /** Resolves when no change is under way and all agree. */
  async function atRest(): Promise<void> {
    const seen = async (): Promise<unknown> => {
      const reports = await Promise.all(nodes.map(show));
      return [
        new Set(reports.map(({ epoch }) => epoch)).size,
        reports.some(({ pending }) => pending !== undefined),
      ];
    };
    await expect.poll(seen, { timeout: 30_000 }).toEqual([1, false]);
  }

  /** Two dozen users with some 3 MB in memory. */
  async function fillMailboxes(): Promise<void> {
    const text = 'x'.repeat(8_000);
    for (let user = 0; user < 24; user++) {
      const userId = `u${user}`;
      const account = JSON.stringify({ userId, name: userId, password: 'pw' });
      const registered = await fetch(`${nodes[0].httpUrl}/v1/users`, { method: 'POST', body: account });
      const { token } = (await registered.json()) as { token: string };
      if (user % 2 === 0) continue;
      const headers = { authorization: `Bearer ${token}`, 'x-device-id': 'd1' };
      for (let round = 0; round < 3; round++) {
        const calls = Array.from({ length: 6 }, (_, id) => {
          const params = { to: `u${user - 1}`, text, messageId: messageId(userId, `${round}-${id}`) };
          return { jsonrpc: '2.0', id, method: 'sendMessage', params };
        });
        const init = { method: 'POST', headers, body: JSON.stringify(calls) };
        const answer = await (await fetch(`${nodes[0].httpUrl}/v1/rpc`, init)).text();
        expect(answer).not.toContain('"error"');
      }
    }
  }

  const weights = async (): Promise<Record<string, number>> => {
    const { members } = await show(nodes[0]);
    return Object.fromEntries(members.map(({ nodeId, weight }) => [nodeId, weight]));
  };

  it(
    'nobody gets in without the token, and says so',
    async () => {
      await atRest();
      const right = tokenFile;
      tokenFile = join(folder, 'wrong-token');
      await writeFile(tokenFile, 'x'.repeat(40));
      const { code, news } = await ring(nodes[0], 'drain', 'n2');
      tokenFile = right;
      expect(code).toBe(1);
      expect(news).toMatchObject([{ kind: 'error', code: 'unauthenticated' }]);
      expect(await weights()).toEqual({ n1: 100, n2: 100, n3: 100 });
      for (const path of ['/v1/ring', '/v1/ring/changes', '/', '/v1/users']) {
        expect((await fetch(`${nodes[1].opsUrl}${path}`, { method: 'POST' })).status).toBe(401);
      }
    },
    testMaxMs,
  );

  it(
    'any node shows the ring',
    async () => {
      for (const node of nodes) {
        const { code, news } = await ring(node, 'show');
        expect(code).toBe(0);
        expect(news).toMatchObject([{ kind: 'ring', ring: { nodeId: node.id, removed: [] } }]);
      }
      const { members } = await show(nodes[0]);
      expect(members.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 2);
    },
    testMaxMs,
  );

  it(
    'a node that is not there is refused, and a weight that is none is wrong usage',
    async () => {
      const { code, news } = await ring(nodes[0], 'drain', 'n7');
      expect(code).toBe(1);
      expect(news.at(-1)).toMatchObject({ kind: 'error', code: 'unknown_node' });
      expect((await ring(nodes[0], 'weight', 'n1', '-1')).code).toBe(2);
      expect((await ring(nodes[0], 'weight', 'n1')).code).toBe(2);
    },
    testMaxMs,
  );

  it(
    'previews, changes a weight and follows it until it is done',
    async () => {
      const preview = await ring(nodes[0], 'weight', 'n2', '50', '--preview');
      expect(preview).toMatchObject({ code: 0, news: [{ kind: 'preview', preview: { refusals: [] } }] });
      expect(await weights()).toMatchObject({ n2: 100 });
      const { code, news } = await ring(nodes[2], 'weight', 'n2', '50');
      expect([code, news.at(-1)]).toMatchObject([
        0,
        { kind: 'finished', progress: { outcome: { kind: 'done' } } },
      ]);
      await atRest();
      expect(await weights()).toMatchObject({ n2: 50 });
      expect((await ring(nodes[1], 'weight', 'n2', '50')).news.at(-1)).toMatchObject({ code: 'no_change' });
      expect((await ring(nodes[1], 'weight', 'n2', '100')).code).toBe(0);
    },
    testMaxMs,
  );

  it(
    'a drained node may be removed and joins again; one that serves users is not removed; the last one stays',
    async () => {
      const [n1, n2, n3] = nodes;
      expect((await ring(n1, 'remove', 'n2')).news.at(-1)).toMatchObject({
        kind: 'error',
        code: 'node_alive',
      });
      for (const nodeId of ['n2', 'n3']) expect((await ring(n1, 'drain', nodeId)).code).toBe(0);
      await atRest();
      expect(await weights()).toEqual({ n1: 100, n2: 0, n3: 0 });
      for (const force of [[], ['--force']]) {
        const last = await ring(n2, 'drain', 'n1', ...force);
        expect([last.code, last.news.at(-1)]).toMatchObject([1, { kind: 'error', code: 'last_node' }]);
      }
      expect((await ring(n1, 'remove', 'n3')).code).toBe(0);
      await expect.poll(async () => (await show(n1)).removed, { timeout: 15_000 }).toEqual(['n3']);
      await expect
        .poll(async () => (await fetch(`${n3.opsUrl}/readyz`)).status, { timeout: 15_000 })
        .toBe(503);
      expect((await ring(n1, 'join', 'n3')).code).toBe(0);
      // It comes in by itself, by a change of its own that keeps others out until it is over.
      await expect.poll(weights, { timeout: 60_000 }).toEqual({ n1: 100, n2: 0, n3: 100 });
      await atRest();
      expect((await ring(n1, 'join', 'n2', '--weight', '100')).code).toBe(0);
      await expect.poll(weights, { timeout: 60_000 }).toEqual({ n1: 100, n2: 100, n3: 100 });
      await expect
        .poll(async () => (await fetch(`${n3.opsUrl}/readyz`)).status, { timeout: 15_000 })
        .toBe(200);
    },
    testMaxMs,
  );

  it(
    'one change at a time; one that takes its time is seen from anywhere, and aborted',
    async () => {
      await atRest();
      await fillMailboxes();
      const [n1, n2, n3] = nodes;
      const first = await ask(n1, 'POST', '/v1/ring/changes', { request: { kind: 'drain', nodeId: 'n1' } });
      expect(first).toMatchObject({ status: 202, body: { phase: 'preparing', coordinator: 'n1' } });
      for (const node of [n1, n2]) {
        const second = await ask(node, 'POST', '/v1/ring/changes', {
          request: { kind: 'drain', nodeId: 'n2' },
        });
        expect(second).toMatchObject({ status: 409, body: { error: { code: 'change_running' } } });
      }
      const { changeId = '' } = first.body;
      expect((await ask(n2, 'GET', '/v1/ring/changes/latest')).body).toMatchObject({ changeId });
      const { code, news } = await ring(n3, 'abort');
      expect([code, news.at(-1)]).toMatchObject([
        0,
        { kind: 'finished', progress: { changeId, outcome: { kind: 'aborted' } } },
      ]);
      await atRest();
      expect(await weights()).toEqual({ n1: 100, n2: 100, n3: 100 });
      expect((await ring(n1, 'abort')).news).toMatchObject([{ kind: 'error', code: 'no_such_change' }]);
    },
    testMaxMs,
  );
});
