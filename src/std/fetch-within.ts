import type { Time } from './time.ts';

export interface FetchLimits {
  /** For the whole exchange. */
  readonly timeoutMs: number;
  /** Of the answer's body. */
  readonly bytesMax: number;
}

export interface FetchedText {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** An HTTP exchange within limits. Follows no redirect. Rejects with Error where there is no answer within them. */
export async function fetchWithin(
  url: string,
  init: RequestInit,
  { timeoutMs, bytesMax }: FetchLimits,
  time: Time,
): Promise<FetchedText> {
  const abort = new AbortController();
  const cancel = time.after(timeoutMs, () => {
    abort.abort(new Error(`${url} did not answer within ${timeoutMs} ms`));
  });
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal: abort.signal });
    const { status, headers } = response;
    return { status, headers, text: await textOf(response, url, bytesMax) };
  } finally {
    cancel();
  }
}

async function textOf({ body }: Response, url: string, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`${url} answered with more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(concat(chunks, bytes));
}

function concat(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
