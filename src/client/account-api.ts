/** A refused or failed account request; `status` is the HTTP status, 0 where none came. */
export class AccountError extends Error {
  override readonly name = 'AccountError';
  readonly status: number;
  /** From Retry-After, where the server gave one. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, message: string, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface NewUser {
  readonly userId: string;
  readonly name: string;
  readonly password: string;
}

const requestTimeoutMs = 15_000;

/** The address that serves HTTP where `wsUrl` serves WebSocket: `ws://h:1/v1/ws` gives `http://h:1`. */
export function httpUrlOf(wsUrl: string): string {
  const url = new URL(wsUrl);
  return `${url.protocol === 'wss:' || url.protocol === 'https:' ? 'https' : 'http'}://${url.host}`;
}

/** The WebSocket address of a node given by `ws://h:1`, `http://h:1` or in full. */
export function wsUrlOf(nodeUrl: string): string {
  const url = new URL(nodeUrl);
  return `${url.protocol === 'wss:' || url.protocol === 'https:' ? 'wss' : 'ws'}://${url.host}/v1/ws`;
}

/** Creates a user. Rejects with AccountError; 409 where the user exists. */
export async function createUser(httpUrl: string, user: NewUser): Promise<{ userId: string; token: string }> {
  const { userId, token } = await post(`${httpUrl}/v1/users`, user);
  if (typeof userId === 'string' && typeof token === 'string') return { userId, token };
  throw new AccountError(0, 'unreadable answer');
}

/** Logs in. Rejects with AccountError; 401 for a wrong user or password. `expiresAt`: epoch ms. */
export async function logIn(
  httpUrl: string,
  credentials: { readonly userId: string; readonly password: string },
): Promise<{ token: string; expiresAt: number }> {
  const { token, expiresAt } = await post(`${httpUrl}/v1/sessions`, credentials);
  if (typeof token === 'string' && typeof expiresAt === 'number') return { token, expiresAt };
  throw new AccountError(0, 'unreadable answer');
}

async function post(url: string, body: object): Promise<Record<string, unknown>> {
  let response: Response;
  let text: string;
  // Not AbortSignal.timeout, which stays behind, and costs something when it is over, where the answer has come.
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), requestTimeoutMs);
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: ending.signal,
    });
    text = await response.text();
  } catch (error) {
    throw new AccountError(0, `${url} cannot be reached`, undefined, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) {
    const retryAfterSeconds = Number(response.headers.get('retry-after'));
    const retryAfterMs = retryAfterSeconds > 0 ? retryAfterSeconds * 1000 : undefined;
    throw new AccountError(response.status, `${response.status} ${text.slice(0, 200)}`, retryAfterMs);
  }
  const answer: unknown = JSON.parse(text);
  if (typeof answer !== 'object' || answer === null) throw new AccountError(0, 'unreadable answer');
  return answer as Record<string, unknown>;
}
