import { RingControlError } from '../handoff/ring-control.ts';
import type { ControlErrorBody, ControlErrorCode } from './control-api.ts';

/** A request that never got as far as the ring. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const statusOf: Readonly<Record<ControlErrorCode, number>> = {
  unauthenticated: 401,
  rate_limited: 429,
  too_large: 413,
  invalid: 400,
  invalid_weight: 400,
  not_found: 404,
  unknown_node: 404,
  no_such_change: 404,
  no_change: 409,
  last_node: 409,
  change_running: 409,
  node_down: 409,
  node_alive: 409,
  too_late: 409,
  not_member: 503,
  unavailable: 503,
  internal: 500,
};

const retryAfterDefaultMs = 1_000;

/** @param error of the ring or of the way to it; anything else is for the log, and `internal` */
export function errorAnswer(
  error: RingControlError | ControlError,
  retryAfterMs = retryAfterDefaultMs,
): Response {
  const { code, message } = error;
  const risk = error instanceof RingControlError ? error.risk : undefined;
  const body: ControlErrorBody = { error: { code, message, ...(risk === undefined ? {} : { risk }) } };
  const status = statusOf[code];
  const headers = new Headers({ 'content-type': 'application/json' });
  if (status === 401) headers.set('www-authenticate', 'Bearer');
  if (status === 429 || status === 503) headers.set('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  return new Response(JSON.stringify(body), { status, headers });
}
