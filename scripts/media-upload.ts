// An example: a client uploads a file to an S3-compatible store by a presigned URL, and sends its reference. Mailring
// never sees the file. The first part stands for the app's own backend, which alone has the key of the store.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { parseArgs } from 'node:util';
import { presignedUrl, type ObjectStore } from './media-upload/presigned-url.ts';

const usage = `node scripts/media-upload.ts --file picture.png --to bob --from ann --token <token>
    [--url http://127.0.0.1:7400] [--endpoint http://127.0.0.1:9000] [--region us-east-1] [--bucket media]

The key of the store is in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Prints the reply to sendMessage.`;

const uploadSeconds = 300;
const timeoutMs = 60_000;
const mediaTypes = new Map([
  ['.png', 'image/png'],
  ['.jpg', 'image/jpeg'],
  ['.mp4', 'video/mp4'],
  ['.pdf', 'application/pdf'],
]);

/** Backend: where this user may put one new object, and the reference under which others find it. */
function uploadSlot(store: ObjectStore, userId: string): { putUrl: string; ref: string } {
  const key = `${userId}/${randomUUID()}`;
  const now = new Date();
  const putUrl = presignedUrl(store, { method: 'PUT', key, now, expiresInSeconds: uploadSeconds });
  return { putUrl, ref: `${store.bucket}/${key}` };
}

/** Client: uploads first, then sends; a message without its object would be a broken one for everybody. */
async function sendFile(
  values: Record<'file' | 'to' | 'from' | 'token' | 'url', string>,
  store: ObjectStore,
): Promise<unknown> {
  const bytes = await readFile(values.file);
  const type = mediaTypes.get(extname(values.file).toLowerCase()) ?? 'application/octet-stream';
  const { putUrl, ref } = uploadSlot(store, values.from);
  const put = await fetch(putUrl, { method: 'PUT', body: bytes, signal: AbortSignal.timeout(timeoutMs) });
  if (!put.ok) throw new Error(`the store answered ${put.status}: ${await put.text()}`);

  const deviceId = 'media-upload';
  const params = {
    to: values.to,
    text: '',
    messageId: `${Date.now()}.${values.from}.${deviceId}`,
    mediaRef: { ref, type, size: bytes.length },
  };
  const answer = await fetch(`${values.url}/v1/rpc`, {
    method: 'POST',
    headers: { authorization: `Bearer ${values.token}`, 'x-device-id': deviceId },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'sendMessage', params }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  return answer.json();
}

const { values } = parseArgs({
  options: {
    ...{
      file: { type: 'string' },
      to: { type: 'string' },
      from: { type: 'string' },
      token: { type: 'string' },
    },
    url: { type: 'string', default: 'http://127.0.0.1:7400' },
    endpoint: { type: 'string', default: 'http://127.0.0.1:9000' },
    region: { type: 'string', default: 'us-east-1' },
    bucket: { type: 'string', default: 'media' },
  },
});
const { file, to, from, token, url, endpoint, region, bucket } = values;
const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
if (
  file === undefined ||
  to === undefined ||
  from === undefined ||
  token === undefined ||
  accessKeyId === undefined ||
  secretAccessKey === undefined
) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const store = { endpoint, region, bucket, accessKeyId, secretAccessKey };
  const reply = await sendFile({ file, to, from, token, url }, store);
  console.log(JSON.stringify(reply));
  process.exitCode = (reply as { result?: unknown }).result === undefined ? 1 : 0;
}
