import type { JSONWebKeySet } from 'jose';
import type { Time } from '../std/time.ts';

const timeoutMs = 5_000;
const bytesMax = 1024 * 1024;

/** The keys that an issuer publishes, not checked. Follows no redirect. Rejects with Error after 5 s or 1 MiB. */
export async function fetchKeySet(url: string, time: Time): Promise<JSONWebKeySet> {
  const abort = new AbortController();
  const cancel = time.after(timeoutMs, () => {
    abort.abort(new Error(`${url} did not answer within ${timeoutMs} ms`));
  });
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      redirect: 'error',
      signal: abort.signal,
    });
    if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
    return JSON.parse(await textOf(response, url)) as JSONWebKeySet;
  } finally {
    cancel();
  }
}

async function textOf({ body }: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`${url} answered with more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
