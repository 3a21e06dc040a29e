import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ObjectStoreKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

export interface StoreRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** As S3 names what it refuses; undefined: it may be done. */
export type StoreRefusal = 'AccessDenied' | 'InvalidAccessKeyId' | 'SignatureDoesNotMatch' | undefined;

const weekSeconds = 604_800;
/** A URL may come from a clock that is so far ahead. */
const skewMs = 900_000;

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}

/** `20130524T000000Z` */
function amazonTime(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return NaN;
  const [year = 0, month = 0, ...rest] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, ...rest);
}

/**
 * Whether a request by a presigned URL (AWS Signature Version 4, in the query) may be done. Written from Amazon's
 * description of it, out of what has come over the wire: it shares nothing with the code that signs.
 */
export function refusalOf(request: StoreRequest, key: ObjectStoreKey, nowMs: number): StoreRefusal {
  const [path = '', query = ''] = request.target.split('?', 2);
  const pairs = query.split('&').filter((pair) => pair !== '');
  const params = new URLSearchParams(query);
  const param = (name: string): string => params.get(`X-Amz-${name}`) ?? '';
  const [accessKeyId, day = '', region = '', service = '', end = ''] = param('Credential').split('/');
  const signedAtMs = amazonTime(param('Date'));
  const expiresSeconds = Number(param('Expires'));
  const signedHeaders = param('SignedHeaders').split(';');
  const isWellFormed =
    param('Algorithm') === 'AWS4-HMAC-SHA256' &&
    [service, end].join('/') === 's3/aws4_request' &&
    param('Date').startsWith(day) &&
    day.length === 8 &&
    signedHeaders.includes('host') &&
    expiresSeconds >= 1 &&
    expiresSeconds <= weekSeconds;
  if (!isWellFormed || region !== key.region) return 'AccessDenied';
  if (accessKeyId !== key.accessKeyId) return 'InvalidAccessKeyId';
  const isInTime = nowMs >= signedAtMs - skewMs && nowMs <= signedAtMs + expiresSeconds * 1_000;
  if (!isInTime) return 'AccessDenied';

  const canonicalRequest = [
    request.method,
    path,
    pairs
      .filter((pair) => !pair.startsWith('X-Amz-Signature='))
      .sort()
      .join('&'),
    ...signedHeaders.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}`),
    '',
    signedHeaders.join(';'),
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const hash = createHash('sha256').update(canonicalRequest).digest('hex');
  const text = `AWS4-HMAC-SHA256\n${param('Date')}\n${day}/${region}/s3/aws4_request\n${hash}`;
  const dayKey = hmac(`AWS4${key.secretAccessKey}`, day);
  const expected = hmac(hmac(hmac(hmac(dayKey, region), 's3'), 'aws4_request'), text);
  const given = Buffer.from(param('Signature'), 'hex');
  const isRight = given.length === expected.length && timingSafeEqual(given, expected);
  return isRight ? undefined : 'SignatureDoesNotMatch';
}

/** A store of objects in memory that does what its presigned URLs allow and nothing else. */
export class ObjectStoreServer {
  /** By path: `/bucket/key`. */
  readonly objects = new Map<string, Buffer>();
  readonly refused: string[] = [];
  readonly endpoint: string;
  readonly #server: Server;

  private constructor(server: Server, key: ObjectStoreKey) {
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        this.#answer(request, Buffer.concat(parts), response, key);
      });
    });
  }

  static async start(key: ObjectStoreKey): Promise<ObjectStoreServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ObjectStoreServer(server, key);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, body: Buffer, response: ServerResponse, key: ObjectStoreKey): void {
    const { method = '', url: target = '', headers } = request;
    const refusal = refusalOf({ method, target, headers }, key, Date.now());
    const path = target.split('?', 1)[0] ?? '';
    if (refusal !== undefined) {
      this.refused.push(refusal);
      response.writeHead(403, { 'content-type': 'application/xml' });
      response.end(`<Error><Code>${refusal}</Code></Error>`);
    } else if (method === 'PUT') {
      this.objects.set(path, body);
      response.writeHead(200).end();
    } else {
      const found = this.objects.get(path);
      response.writeHead(found === undefined ? 404 : 200).end(found);
    }
  }
}
