import { request } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface HttpAsked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  /** Loopback address to come from, as `127.0.0.9`. */
  readonly from?: string;
}

/** One request of a connection of its own. Rejects where the connection does. */
export function ask(
  url: string,
  { method = 'POST', headers = {}, body, from }: HttpAsked,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const options = {
      method,
      headers,
      agent: false,
      timeout: 20_000,
      ...(from !== undefined && { localAddress: from }),
    };
    const asked = request(url, options, (answer) => {
      let text = '';
      answer.on('data', (data: Buffer) => {
        text += data.toString();
      });
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, body: text });
      });
      answer.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end(body);
  });
}

let registered = 0;

/** A new user, each from another address: what one address may register is limited. */
export async function register(httpUrl: string, userId: string): Promise<string> {
  const from = `127.0.${100 + (process.pid % 100)}.${1 + (registered++ % 250)}`;
  const body = JSON.stringify({ userId, name: userId, password: 'pw' });
  const answer = await ask(`${httpUrl}/v1/users`, { body, from });
  if (answer.status !== 201) throw new Error(`registration: ${answer.status} ${answer.body}`);
  return (JSON.parse(answer.body) as { token: string }).token;
}
