import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestOpsServer, testOperatorToken } from '../../support/test-ops-server.ts';
import type { TestOpsServer } from '../../support/test-ops-server.ts';

let ops: TestOpsServer;
beforeEach(async () => {
  ops = await startTestOpsServer();
});
afterEach(() => ops.stop());

const authorization = `Bearer ${testOperatorToken}`;

interface Ask {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function ask(path: string, init: Ask = {}): Promise<Response> {
  return fetch(`${ops.url}${path}`, { ...init, headers: { authorization, ...init.headers } });
}

const post = (path: string, body: unknown): Promise<Response> =>
  ask(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });

async function errorOf(
  answer: Response,
): Promise<{ status: number; code: string; message: string; risk?: string }> {
  const { error } = (await answer.json()) as { error: { code: string; message: string; risk?: string } };
  return { status: answer.status, ...error };
}

const drain = { kind: 'drain', nodeId: 'n1' };

describe('who is let in', () => {
  it.each([
    ['GET', '/v1/ring'],
    ['POST', '/v1/ring/preview'],
    ['POST', '/v1/ring/changes'],
    ['GET', '/v1/ring/changes/latest'],
    ['GET', '/v1/ring/changes/c1/events'],
    ['POST', '/v1/ring/changes/c1/abort'],
    ['GET', '/'],
    ['GET', '/debug'],
    ['GET', '/healthz/..%2fv1/ring'],
    ['PUT', '/metrics'],
  ])('%s %s is for operators only', async (method, path) => {
    for (const header of [
      undefined,
      'Bearer x',
      `Basic ${testOperatorToken}`,
      `Bearer ${testOperatorToken}x`,
    ]) {
      const headers: Record<string, string> = header === undefined ? {} : { authorization: header };
      const answer = await fetch(`${ops.url}${path}`, { method, headers });
      expect(await errorOf(answer)).toMatchObject({ status: 401, code: 'unauthenticated' });
    }
    expect(ops.control.started).toEqual([]);
  });

  it.each(['/healthz', '/readyz', '/metrics'])('%s is for everybody who reaches the port', async (path) => {
    expect((await fetch(ops.url + path)).status).toBe(200);
  });

  it('G10: who shows many wrong tokens has to wait, also with the right one', async () => {
    const statuses: number[] = [];
    for (let tries = 0; tries < 15; tries++) {
      statuses.push(
        (await fetch(`${ops.url}/v1/ring`, { headers: { authorization: `Bearer ${tries}` } })).status,
      );
    }
    expect(statuses.slice(0, 10)).toEqual(Array<number>(10).fill(401));
    expect(statuses.at(-1)).toBe(429);
    const answer = await ask('/v1/ring');
    expect(answer.headers.get('retry-after')).toMatch(/^[12]$/);
    expect(await errorOf(answer)).toMatchObject({ status: 429, code: 'rate_limited' });
    expect((await fetch(`${ops.url}/healthz`)).status).toBe(200);
  });

  it('many right ones are no guesses', async () => {
    for (let times = 0; times < 30; times++) expect((await ask('/v1/ring')).status).toBe(200);
  });
});

describe('asking', () => {
  it('shows the ring, and previews without changing anything', async () => {
    expect(await (await ask('/v1/ring')).json()).toMatchObject({ epoch: 7, removed: ['n9'] });
    const preview = await (
      await post('/v1/ring/preview', { kind: 'weight', nodeId: 'n1', weight: 50 })
    ).json();
    expect(preview).toMatchObject({ request: { kind: 'weight', weight: 50 }, movedShare: 0.25 });
    expect(ops.control.started).toEqual([]);
  });

  it.each([
    ['not JSON', '{', 'the body is not JSON'],
    ['no kind', {}, 'kind: one of join, drain, remove, weight is expected'],
    ['an unknown kind', { kind: 'burn', nodeId: 'n1' }, 'kind: one of'],
    ['a kind of every object', { kind: 'constructor', nodeId: 'n1' }, 'kind: one of'],
    ['no node', { kind: 'drain' }, 'nodeId is missing'],
    ['a node that cannot be one', { kind: 'drain', nodeId: '../n1' }, 'nodeId must match'],
    ['a weight below nothing', { kind: 'weight', nodeId: 'n1', weight: -1 }, 'weight must be'],
    ['a weight that is a text', { kind: 'weight', nodeId: 'n1', weight: '5' }, 'weight must be'],
    ['no weight', { kind: 'weight', nodeId: 'n1' }, 'weight is missing'],
    ['more than it takes', { kind: 'drain', nodeId: 'n1', weight: 5 }, 'weight does not belong there'],
  ])('refuses %s, and says what is wrong', async (_what, body, message) => {
    const error = await errorOf(await post('/v1/ring/preview', body));
    expect(error).toMatchObject({ status: 400, code: 'invalid' });
    expect(error.message).toContain(message);
    expect((await post('/v1/ring/changes', { request: body })).status).toBe(400);
    expect(ops.control.started).toEqual([]);
  });

  it('G10: a body has a limit', async () => {
    const error = await errorOf(await post('/v1/ring/preview', { ...drain, nodeId: 'x'.repeat(20_000) }));
    expect(error).toMatchObject({ status: 413, code: 'too_large' });
  });
});

describe('changing', () => {
  it('starts a change and tells where to follow it', async () => {
    const answer = await post('/v1/ring/changes', { request: drain });
    expect([answer.status, answer.headers.get('location')]).toEqual([202, '/v1/ring/changes/c1']);
    expect(await answer.json()).toMatchObject({ changeId: 'c1', phase: 'preparing' });
    expect(ops.control.started).toEqual([{ request: drain, force: false }]);
  });

  it.each([
    ['last_node', 409],
    ['change_running', 409],
    ['node_down', 409],
    ['unknown_node', 404],
    ['not_member', 503],
    ['unavailable', 503],
  ] as const)('says why it does not: %s is %i', async (code, status) => {
    ops.control.refusal = { code, message: 'because', risk: 'reads may be old' };
    const error = await errorOf(await post('/v1/ring/changes', { request: drain }));
    expect(error).toEqual({ status, code, message: 'because', risk: 'reads may be old' });
  });

  it('does what can be forced when it is', async () => {
    ops.control.refusal = { code: 'node_down', message: 'because', risk: 'something' };
    expect((await post('/v1/ring/changes', { request: drain, force: true })).status).toBe(202);
    ops.control.refusal = { code: 'last_node', message: 'because' };
    expect((await post('/v1/ring/changes', { request: drain, force: true })).status).toBe(409);
  });

  it('aborts until it is too late', async () => {
    await post('/v1/ring/changes', { request: drain });
    expect((await post('/v1/ring/changes/c7/abort', '')).status).toBe(404);
    expect(await (await post('/v1/ring/changes/c1/abort', '')).json()).toMatchObject({ phase: 'finished' });
    await post('/v1/ring/changes', { request: drain });
    ops.control.goOn({ phase: 'switching' });
    expect(await errorOf(await post('/v1/ring/changes/c2/abort', ''))).toMatchObject({ code: 'too_late' });
  });
});

describe('following', () => {
  beforeEach(() => ops.control.start({ kind: 'drain', nodeId: 'n1' }, { force: false }));

  it('answers at once, and says when there is nothing', async () => {
    for (const id of ['latest', 'c1']) {
      expect(await (await ask(`/v1/ring/changes/${id}`)).json()).toMatchObject({ changeId: 'c1' });
    }
    expect(await errorOf(await ask('/v1/ring/changes/c5'))).toMatchObject({
      status: 404,
      code: 'no_such_change',
    });
    expect((await ask('/v1/ring/changes/latest?waitMs=x')).status).toBe(400);
    expect((await ask('/v1/ring/changes/latest?waitMs=31000')).status).toBe(400);
  });

  it('waits for news, and tells that there is none', async () => {
    const etag = (await ask('/v1/ring/changes/c1')).headers.get('etag')!;
    const headers = { 'if-none-match': etag };
    expect((await ask('/v1/ring/changes/c1?waitMs=50', { headers })).status).toBe(304);
    const waiting = ask('/v1/ring/changes/c1?waitMs=20000', { headers });
    ops.control.goOn({ movedUsers: 50 });
    const news = await waiting;
    expect(news.headers.get('etag')).not.toBe(etag);
    expect(await news.json()).toMatchObject({ movedUsers: 50 });
  });

  it('streams each state, the last one when it is finished', async () => {
    const answer = await ask('/v1/ring/changes/latest/events');
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
    let text = '';
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (!text.includes('"movedUsers":70')) ops.control.goOn({ movedUsers: 70 });
      else ops.control.goOn({ phase: 'finished', outcome: { kind: 'done', remark: undefined } });
    }
    const states = Array.from(text.matchAll(/^data: (.+)$/gm), ([, data = '']) => JSON.parse(data) as object);
    expect(states).toMatchObject([{ movedUsers: 0 }, { movedUsers: 70 }, { phase: 'finished' }]);
  });

  it('G10: only so many follow at once', async () => {
    const etag = (await ask('/v1/ring/changes/c1')).headers.get('etag')!;
    const waiting = Array.from({ length: 70 }, () =>
      ask('/v1/ring/changes/c1?waitMs=1000', { headers: { 'if-none-match': etag } }),
    );
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 304)).toHaveLength(64);
    expect(statuses.filter((status) => status === 429)).toHaveLength(6);
  });
});
