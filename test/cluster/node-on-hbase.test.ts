import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { StandaloneHBase } from '../../cluster/hbase/standalone-hbase.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { developmentPreset } from '../../src/config/presets.ts';
import type { Settings } from '../../src/config/settings.ts';
import { startNode, withSchema } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { messageId, WireClient } from '../support/wire-client.ts';
import type { Json } from '../support/wire-client.ts';

/** Longer than any one call may take with the settings below. */
const callMaxMs = 4_500;
const hbaseMaxMs = 180_000;
const conversationId = 'dm:ann:bob';

let folder: string;
let hbase: StandaloneHBase;
let settings: Settings;
let node: RunningNode;
const tokens = new Map<string, string>();

async function register(userId: string): Promise<void> {
  const answer = await fetch(`${node.url}/v1/users`, {
    method: 'POST',
    body: JSON.stringify({ userId, name: userId, password: 'pw' }),
  });
  expect(answer.status).toBe(201);
  tokens.set(userId, ((await answer.json()) as { token: string }).token);
}

async function open(userId: string): Promise<WireClient> {
  return WireClient.open(`${node.url.replace('http', 'ws')}/v1/ws`, tokens.get(userId) ?? '');
}

/** Tries the same send again for as long as it fails as `unavailable`; anything else is a failure of the test. */
async function sendUntilDone(client: WireClient, params: Json): Promise<Json> {
  const end = Date.now() + hbaseMaxMs;
  for (;;) {
    const reply = await client.call('sendMessage', params);
    if (reply['error'] === undefined) return reply['result'] as Json;
    const { kind } = (reply['error'] as { data: { kind: string } }).data;
    if (kind !== 'unavailable' || Date.now() > end) throw new Error(JSON.stringify(reply['error']));
  }
}

async function texts(client: WireClient): Promise<unknown[]> {
  const { messages } = await client.result('getMessages', { conversationId, limit: 200 });
  return (messages as Json[]).map((message) => message['text']).reverse();
}

/** The sender's copy follows a moment after the reply. */
async function bothHave(expected: readonly string[]): Promise<void> {
  for (const userId of ['ann', 'bob']) {
    const client = await open(userId);
    await expect.poll(() => texts(client), { timeout: 20_000 }).toEqual(expected);
    client.close();
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-on-hbase-'));
  hbase = new StandaloneHBase({ dataDir: join(folder, 'hbase') });
  await hbase.start();
  const override = {
    listen: '127.0.0.1:0',
    ops: '127.0.0.1:0',
    data: join(folder, 'data'),
    log: { level: 'silent' },
    store: { kind: 'hbase', deadlineMs: 2_000 },
    hbase: { servers: hbase.servers },
    commit: { deadlineMs: 3_000 },
    request: { deadlineMs: 4_000 },
  } as const;
  settings = loadSettings({ preset: { ...developmentPreset, ...override } });
  await withSchema(settings, (schema) => schema.apply());
  node = await startNode(settings);
  for (const userId of ['ann', 'bob']) await register(userId);
}, hbaseMaxMs);

afterAll(async () => {
  await node.stop();
  await hbase.kill('hbase');
  await rm(folder, { recursive: true, force: true });
}, hbaseMaxMs);

it(
  'G1, G2, G4: nothing is lost or doubled over a stop of HBase; sends meanwhile fail in time and come back',
  async () => {
    const ann = await open('ann');
    const sent = ['one', 'two', 'three'];
    for (const text of sent)
      await ann.result('sendMessage', { to: 'bob', text, messageId: messageId('ann', text) });
    await bothHave(sent);

    await hbase.stop();
    const late = { to: 'bob', text: 'late', messageId: messageId('ann', 'late') };
    const startedAt = Date.now();
    expect(await ann.errorOf('sendMessage', late)).toBe('unavailable');
    expect(Date.now() - startedAt).toBeLessThan(callMaxMs);

    await hbase.start();
    const first = await sendUntilDone(ann, late);
    const again = await ann.result('sendMessage', late);
    expect(again).toEqual({ ...first, duplicate: true });
    await bothHave([...sent, 'late']);

    // A node that knows nothing finds it all in HBase.
    await node.stop();
    node = await startNode(settings);
    const bob = await open('bob');
    const { conversations } = await bob.result('getConversations', {});
    expect((conversations as Json[]).map(({ unread, snippet }) => ({ unread, snippet }))).toEqual([
      { unread: 4, snippet: 'late' },
    ]);
    await bothHave([...sent, 'late']);
  },
  3 * hbaseMaxMs,
);
