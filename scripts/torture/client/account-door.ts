import { setTimeout as sleep } from 'node:timers/promises';

const attemptTimeoutMs = 10_000;
const attemptsMax = 20;
const retryMs = 500;

/** Registers a user at any of the nodes. @returns the token @throws Error where none of them does it */
export async function register(httpUrls: readonly string[], userId: string): Promise<string> {
  const password = `the password of ${userId}`;
  let failure: unknown;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const url = httpUrls[attempt % httpUrls.length] ?? '';
    try {
      const made = await post(`${url}/v1/users`, { userId, name: userId, password });
      // 409: an earlier attempt got through after all.
      const answer = made.status === 409 ? await post(`${url}/v1/sessions`, { userId, password }) : made;
      const { token } = (await answer.json()) as { token?: unknown };
      if (answer.ok && typeof token === 'string') return token;
      failure = new Error(`status ${answer.status}`);
    } catch (error) {
      failure = error;
    }
    await sleep(retryMs);
  }
  throw new Error(`${userId} could not be registered`, { cause: failure });
}

function post(url: string, body: object): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(attemptTimeoutMs),
  });
}
