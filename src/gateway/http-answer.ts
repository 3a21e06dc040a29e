import { errorObjectOf, refusalOf } from '../protocol/error-object.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { ErrorKind, Refusal } from '../protocol/protocol-error.ts';

const statusOf: Record<ErrorKind, number> = {
  parse_error: 400,
  invalid_request: 400,
  method_not_found: 404,
  invalid_params: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  moved: 503,
  unavailable: 503,
  rate_limited: 429,
  overloaded: 503,
  too_large: 413,
  stale_message_id: 400,
  out_of_order: 409,
  internal: 500,
};

/** A refusal outside of JSON-RPC: its status, and `{error}` as it would be within. */
export function refusedAnswer(why: Refusal): Response {
  const status = statusOf[why.error];
  const headers = new Headers({ 'content-type': 'application/json' });
  if (status === 401) headers.set('www-authenticate', 'Bearer');
  if (status === 429 || status === 503) {
    headers.set('retry-after', retryAfterSeconds(why.details?.retryAfterMs ?? 1_000));
  }
  return new Response(JSON.stringify({ error: errorObjectOf(why) }), { status, headers });
}

export function jsonAnswer(status: number, body: object): Response {
  return textAnswer(status, JSON.stringify(body));
}

/** @param json text that is JSON already */
export function textAnswer(status: number, json: string): Response {
  return new Response(json, { status, headers: { 'content-type': 'application/json' } });
}

/** Retry-After knows whole seconds only. */
export function retryAfterSeconds(retryAfterMs: number): string {
  return String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
}

/** What to say about an error that was thrown; `undefined` where it was not foreseen. */
export function foreseen(error: unknown): Refusal | undefined {
  return error instanceof ProtocolError ? refusalOf(error) : undefined;
}
