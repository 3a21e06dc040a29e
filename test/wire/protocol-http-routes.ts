import { describe, expect, it } from 'vitest';
import { deviceId } from '../support/protocol-stand.ts';
import type { Json } from '../support/wire-client.ts';
import type { CoverageParts } from './protocol-frames.ts';

/** Accounts, long polling and server-sent events, at the node that owns none of those who ask. */
export function describeHttpRoutes({ coverage, node, standOf, outcomeOf }: CoverageParts): void {
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(node(2).httpUrl + path, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const get = (path: string, token: string): Promise<Response> =>
    fetch(node(2).httpUrl + path, {
      headers: { authorization: `Bearer ${token}`, 'x-device-id': deviceId },
      signal: AbortSignal.timeout(15_000),
    });

  async function refused(answer: Response, status: number, kind: string, route: string): Promise<void> {
    expect([answer.status, outcomeOf((await answer.json()) as Json)]).toEqual([status, kind]);
    coverage.note(route, kind, 'http');
  }

  describe('accounts', () => {
    const eve = { userId: 'eve', name: 'Eve', password: 'secret' };

    it('POST /v1/users', async () => {
      const route = 'POST /v1/users';
      const made = await post('/v1/users', eve);
      expect([made.status, await made.json()]).toEqual([
        201,
        { userId: 'eve', token: expect.any(String) as string },
      ]);
      coverage.note(route, 'good', 'http');
      await refused(await post('/v1/users', eve), 409, 'conflict', route);
      await refused(await post('/v1/users', { ...eve, userId: '?' }), 400, 'invalid_params', route);
      await refused(await post('/v1/users', '{'), 400, 'parse_error', route);
      await refused(await post('/v1/users', 'x'.repeat(65_537)), 413, 'too_large', route);
    });

    it('POST /v1/sessions: the same answer for an unknown user and a wrong password', async () => {
      const route = 'POST /v1/sessions';
      const good = await post('/v1/sessions', { userId: 'eve', password: 'secret' });
      expect([good.status, await good.json()]).toEqual([
        200,
        { token: expect.any(String) as string, expiresAt: expect.any(Number) as number },
      ]);
      coverage.note(route, 'good', 'http');
      const [wrong, unknown] = await Promise.all(
        ['eve', 'nobody'].map((userId) => post('/v1/sessions', { userId, password: 'guess' })),
      );
      expect(await unknown?.text()).toBe(await wrong?.clone().text());
      if (wrong !== undefined) await refused(wrong, 401, 'unauthenticated', route);
      await refused(await post('/v1/sessions', { userId: 'eve' }), 400, 'invalid_params', route);
      await refused(await post('/v1/sessions', '{'), 400, 'parse_error', route);
      await refused(await post('/v1/sessions', 'x'.repeat(65_537)), 413, 'too_large', route);
    });

    it.each(['/v1/users', '/v1/sessions'])('429 with Retry-After: too many at %s', async (path) => {
      for (let attempt = 0; attempt < 500; attempt++) {
        const answer = await post(path, {});
        if (answer.status !== 429) continue;
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        await refused(answer, 429, 'rate_limited', `POST ${path}`);
        return;
      }
      throw new Error('500 attempts were let through');
    });
  });

  describe.each(['changes', 'events'])('GET /v1/%s', (name) => {
    const route = `GET /v1/${name}`;
    const path = `/v1/${name}`;

    /** The first event that is one, or the whole answer. */
    async function firstOf(answer: Response): Promise<string> {
      if (name === 'changes') return answer.text();
      let text = '';
      for await (const chunk of answer.body ?? []) {
        text += Buffer.from(chunk as Uint8Array).toString();
        if (/^(event|id):.*\n\n/ms.test(text)) break;
      }
      return text;
    }

    it('good, and reset', async () => {
      const { ann } = standOf('http');
      expect(await firstOf(await get(`${path}?since=0`, ann.token))).toMatch(/"(kind|reset)"/);
      coverage.note(route, 'good', 'http');
      expect(await firstOf(await get(`${path}?since=never-was`, ann.token))).toContain('"reset":true');
      coverage.note(route, 'good reset', 'http');
    });

    it('refused', async () => {
      const { ann } = standOf('http');
      await refused(await get(path, 'guess'), 401, 'unauthenticated', route);
      const long = `${path}?since=${'0'.repeat(300)}`;
      await refused(await get(long, ann.token), 400, 'invalid_params', route);
    });
  });
}
