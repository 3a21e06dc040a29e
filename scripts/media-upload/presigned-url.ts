import { createHash, createHmac } from 'node:crypto';

/** Where objects go, and the key that may put them there. */
export interface ObjectStore {
  /** Base address, as `https://s3.eu-central-1.amazonaws.com` or `http://127.0.0.1:9000`. */
  readonly endpoint: string;
  readonly region: string;
  /** Empty where the host's name has it. */
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface PresignedRequest {
  readonly method: 'GET' | 'PUT';
  /** Of the object, without a slash at its beginning. */
  readonly key: string;
  readonly now: Date;
  readonly expiresInSeconds: number;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** As encodeURIComponent, and what that leaves as it is; AWS wants it so. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * A URL that lets whoever has it do one thing with one object for a while: AWS Signature Version 4, in the query, as
 * S3 and those compatible with it take it. Made where the secret key is, never in a client.
 */
export function presignedUrl(store: ObjectStore, request: PresignedRequest): string {
  const path = [store.bucket, ...request.key.split('/')]
    .filter((part) => part !== '')
    .map(encoded)
    .join('/');
  const url = new URL(`${store.endpoint}/${path}`);
  const time = request.now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const scope = `${day}/${store.region}/s3/aws4_request`;
  const query = [
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${store.accessKeyId}/${scope}`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(request.expiresInSeconds)],
    ['X-Amz-SignedHeaders', 'host'],
  ]
    .map(([name = '', value = '']) => `${name}=${encoded(value)}`)
    .join('&');
  const canonical = [request.method, `/${path}`, query, `host:${url.host}`, '', 'host', 'UNSIGNED-PAYLOAD'];
  const digest = createHash('sha256').update(canonical.join('\n')).digest('hex');
  const signingKey = [day, store.region, 's3', 'aws4_request'].reduce<string | Buffer>(
    hmac,
    `AWS4${store.secretAccessKey}`,
  );
  const signature = hmac(signingKey, ['AWS4-HMAC-SHA256', time, scope, digest].join('\n')).toString('hex');
  return `${url.origin}/${path}?${query}&X-Amz-Signature=${signature}`;
}
