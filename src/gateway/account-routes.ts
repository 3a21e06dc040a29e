import { isUtf8 } from 'node:buffer';
import { logInBody, registrationBody } from '../protocol/call-schemas.ts';
import { refusal } from '../protocol/protocol-error.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import { shapeCheck } from '../protocol/shape-check.ts';
import type { ShapeCheck } from '../protocol/shape-check.ts';
import { addressKey } from './client-address.ts';
import { unparsable } from './frame-encoding.ts';
import { jsonAnswer, refusedAnswer } from './http-answer.ts';
import { requestDeadline } from './http-context.ts';
import type { HttpContext, HttpParts } from './http-context.ts';
import { parseJson } from './json-encoding.ts';

const registrationCheck = shapeCheck(registrationBody);
const logInCheck = shapeCheck(logInBody);

/** `POST /v1/users`: 201 `{userId, token}`, or 409 where the user exists. */
export async function register(context: HttpContext, { host, admission }: HttpParts): Promise<Response> {
  const limited = rateLimit(admission.register(remote(context), host.options.time.monotonicMs()));
  if (limited !== undefined) return refusedAnswer(limited);
  const body = await readBody(context, registrationCheck);
  if ('error' in body) return refusedAnswer(body);
  const { userId } = body.value;
  const { token } = await host.options.accounts.register(body.value, requestDeadline(host));
  return jsonAnswer(201, { userId, token });
}

/** `POST /v1/sessions`: `{token, expiresAt}`, or 401. */
export async function logIn(context: HttpContext, { host, admission }: HttpParts): Promise<Response> {
  const limited = rateLimit(admission.logIn(remote(context), host.options.time.monotonicMs()));
  if (limited !== undefined) return refusedAnswer(limited);
  const body = await readBody(context, logInCheck);
  if ('error' in body) return refusedAnswer(body);
  const { userId, password } = body.value;
  const tooOften = rateLimit(admission.logInTo(userId, host.options.time.monotonicMs()));
  if (tooOften !== undefined) return refusedAnswer(tooOften);
  const issued = await host.options.accounts.logIn(userId, password, requestDeadline(host));
  return jsonAnswer(200, issued);
}

function remote(context: HttpContext): string {
  return addressKey(context.env.incoming.socket.remoteAddress);
}

function rateLimit(retryAfterMs: number): Refusal | undefined {
  return retryAfterMs === 0 ? undefined : refusal('rate_limited', 'too many attempts', { retryAfterMs });
}

async function readBody<T>(
  context: HttpContext,
  check: ShapeCheck<T>,
): Promise<{ readonly kind: 'body'; readonly value: T } | Refusal> {
  const bytes = Buffer.from(await context.req.arrayBuffer());
  const value = isUtf8(bytes) ? parseJson(bytes) : unparsable;
  if (value === unparsable) return refusal('parse_error', 'the body is not JSON');
  return check.fits(value) ? { kind: 'body', value } : check.explain(value);
}
