import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { presignedUrl } from '../../scripts/media-upload/presigned-url.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { developmentPreset } from '../../src/config/presets.ts';
import { startNode, type RunningNode } from '../../src/node.ts';
import { ObjectStoreServer, refusalOf } from '../support/object-store-server.ts';

const key = { accessKeyId: 'ann', secretAccessKey: 'a secret/with+signs', region: 'eu-central-1' };
const picture = Buffer.from(Array.from({ length: 5_000 }, (_, index) => index % 256));
let folder: string;
let node: RunningNode;
let objects: ObjectStoreServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-media-'));
  await writeFile(join(folder, 'cat.png'), picture);
  const override = {
    ...{ id: 'n1', listen: '127.0.0.1:0', ops: '127.0.0.1:0', data: join(folder, 'data') },
    log: { level: 'silent' },
  } as const;
  node = await startNode(loadSettings({ preset: { ...developmentPreset, ...override } }));
  objects = await ObjectStoreServer.start(key);
});
afterAll(async () => {
  await objects.stop();
  await node.stop();
  await rm(folder, { recursive: true });
});

async function register(userId: string): Promise<string> {
  const body = JSON.stringify({ userId, name: userId, password: 'pw' });
  const answer = await fetch(`${node.url}/v1/users`, { method: 'POST', body });
  return ((await answer.json()) as { token: string }).token;
}

/** The example as people run it: exit code, and what it printed. */
function upload(token: string, secretAccessKey: string): Promise<{ code: number | null; output: string }> {
  const flags = {
    ...{ file: join(folder, 'cat.png'), to: 'bob', from: 'ann', token, url: node.url },
    ...{ endpoint: objects.endpoint, region: key.region },
  };
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const env = { ...process.env, AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const child = spawn(process.execPath, ['scripts/media-upload.ts', ...args], { env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString();
    });
  }
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ code, output });
    });
  });
}

it('a file goes to the store by a presigned URL, its reference to bob, who gets the same file', async () => {
  const [ann, bob] = [await register('ann'), await register('bob')];
  const sent = await upload(ann, key.secretAccessKey);
  expect(sent, sent.output).toMatchObject({ code: 0 });
  const answer = await fetch(`${node.url}/v1/rpc`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bob}`, 'x-device-id': 'd1' },
    body: JSON.stringify({
      ...{ jsonrpc: '2.0', id: 1, method: 'getMessages' },
      params: { conversationId: 'dm:ann:bob' },
    }),
  });
  const { result } = (await answer.json()) as { result: { messages: { mediaRef: { ref: string } }[] } };
  expect(result.messages).toMatchObject([{ mediaRef: { type: 'image/png', size: picture.length } }]);
  const [bucket = '', ...path] = result.messages[0]?.mediaRef.ref.split('/') ?? [];
  const store = { ...key, endpoint: objects.endpoint, bucket };
  const download = { key: path.join('/'), now: new Date(), expiresInSeconds: 60 } as const;
  const got = await fetch(presignedUrl(store, { ...download, method: 'GET' }));
  expect(Buffer.from(await got.arrayBuffer()).equals(picture)).toBe(true);
});

it('a URL signed with another key stores nothing, and no message is sent', async () => {
  const [before, ann] = [objects.objects.size, await register('ann2')];
  const sent = await upload(ann, 'another secret');
  expect(sent).toMatchObject({ code: 1 });
  expect(sent.output).toContain('SignatureDoesNotMatch');
  expect(objects.objects.size).toBe(before);
});

it('a URL is good for its method, object, time and length only', async () => {
  const store = { ...key, endpoint: objects.endpoint, bucket: 'media' };
  const make = (now: Date): string =>
    presignedUrl(store, { method: 'PUT', key: "ann/a b'(ü)", now, expiresInSeconds: 60 });
  const url = make(new Date());
  const put = async (target: string, method = 'PUT'): Promise<string> => {
    const answer = await fetch(target, { method, ...(method === 'PUT' && { body: 'x' }) });
    return answer.ok ? 'done' : (/<Code>(\w+)/.exec(await answer.text())?.[1] ?? String(answer.status));
  };
  expect(await put(url)).toBe('done');
  expect(await put(url, 'GET')).toBe('SignatureDoesNotMatch');
  expect(await put(url.replace('/ann/', '/bob/'))).toBe('SignatureDoesNotMatch');
  expect(await put(url.replace('Expires=60', 'Expires=6000'))).toBe('SignatureDoesNotMatch');
  expect(await put(`${url}&acl=public`)).toBe('SignatureDoesNotMatch');
  expect(await put(url.replace('127.0.0.1', 'localhost'))).toBe('SignatureDoesNotMatch');
  expect(await put(make(new Date(Date.now() - 61_000)))).toBe('AccessDenied');
  expect(await put(url.replace('Credential=ann', 'Credential=eve'))).toBe('InvalidAccessKeyId');
});

it("the store of these tests takes the example in Amazon's documentation, and nothing else at that", () => {
  const amazon = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
  };
  const target =
    '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
    '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
    '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
    '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
  const headers = { host: 'examplebucket.s3.amazonaws.com' };
  const at = Date.UTC(2013, 4, 24, 12);
  const refusal = (change: object): string | undefined =>
    refusalOf({ method: 'GET', target, headers, ...change }, amazon, at);
  expect(refusal({})).toBeUndefined();
  expect(refusal({ method: 'PUT' })).toBe('SignatureDoesNotMatch');
  expect(refusal({ headers: { host: 'other.s3.amazonaws.com' } })).toBe('SignatureDoesNotMatch');
});
