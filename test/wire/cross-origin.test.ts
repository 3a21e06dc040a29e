import { afterEach, expect, it } from 'vitest';
import { startTestGateway } from '../support/test-gateway.ts';
import type { TestGateway } from '../support/test-gateway.ts';

const friend = 'https://app.example.com';
let server: TestGateway;

afterEach(() => server.stop());

const allowedOf = (answer: Response): string | null => answer.headers.get('access-control-allow-origin');
const preflight = (origin: string): Promise<Response> =>
  fetch(`${server.httpUrl}/v1/rpc`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-device-id',
    },
  });

it('a page of another origin may ask where it is named, with its token and device', async () => {
  server = await startTestGateway({}, undefined, [friend]);
  const asked = await preflight(friend);
  expect([asked.status, allowedOf(asked)]).toEqual([204, friend]);
  expect(asked.headers.get('access-control-allow-headers')).toMatch(/Authorization.*X-Device-Id/);
  const token = await server.user('ann');
  const headers = { origin: friend, authorization: `Bearer ${token}`, 'x-device-id': 'd1' };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getConversations' });
  const answer = await fetch(`${server.httpUrl}/v1/rpc`, { method: 'POST', headers, body });
  expect([answer.status, allowedOf(answer), answer.headers.get('vary')]).toEqual([200, friend, 'Origin']);
  // Refusals and event streams as well: a page has to see the status.
  expect(
    allowedOf(await fetch(`${server.httpUrl}/v1/rpc`, { method: 'POST', headers: { origin: friend } })),
  ).toBe(friend);
  const ended = new AbortController();
  const stream = await fetch(`${server.httpUrl}/v1/events`, { headers, signal: ended.signal });
  expect([stream.status, allowedOf(stream)]).toEqual([200, friend]);
  ended.abort();
});

it('others may not, and nobody unless it was set', async () => {
  server = await startTestGateway({}, undefined, [friend]);
  expect(allowedOf(await preflight('https://evil.example.com'))).toBeNull();
  expect(allowedOf(await preflight(`${friend}.evil.example.com`))).toBeNull();
  await server.stop();
  server = await startTestGateway();
  expect(allowedOf(await preflight(friend))).toBeNull();
});

it('`*` is everybody', async () => {
  server = await startTestGateway({}, undefined, ['*']);
  expect(allowedOf(await preflight('https://any.example.com'))).toBe('*');
});
