import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { VerifiedToken } from '../accounts/verified-token.ts';
import { isId } from '../protocol/conversation-id.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Caller } from '../session/call-table.ts';
import type { MailboxPort } from '../router/mailbox-port.ts';
import type { SessionHost } from '../session/session-host.ts';
import type { Admission } from './admission.ts';
import type { RequestRoom } from './request-room.ts';

/** A request with the sockets of Node beneath it. */
export type HttpContext = Context<{ Bindings: HttpBindings }>;

/** What the routes share. */
export interface HttpParts {
  readonly host: SessionHost;
  readonly admission: Admission;
  /** Requests that are answered at once. */
  readonly calling: RequestRoom;
  /** Long polls and event streams. */
  readonly waiting: RequestRoom;
}

export interface HttpCaller extends Caller {
  readonly token: VerifiedToken;
  /** The token itself, to be looked at again later. */
  readonly bearer: string;
}

/** Absolute monotonic milliseconds by which a request that begins now is answered. */
export function requestDeadline({ options }: SessionHost): number {
  return options.time.monotonicMs() + options.settings.request.deadlineMs;
}

/** Who asks, by `Authorization: Bearer` and `X-Device-Id`. Rejects with ProtocolError. */
export async function httpCaller(
  context: HttpContext,
  host: SessionHost,
  deadline: number,
): Promise<HttpCaller> {
  const token = /^Bearer +(\S+) *$/i.exec(context.req.header('authorization') ?? '')?.[1];
  if (token === undefined) throw new ProtocolError('unauthenticated', 'a bearer token is needed');
  const verified = await host.options.accounts.authenticate(token, deadline);
  const deviceId = context.req.header('x-device-id') ?? '';
  if (!isId(deviceId)) {
    throw new ProtocolError('invalid_params', 'X-Device-Id must name the device', { path: 'X-Device-Id' });
  }
  const { userId } = verified;
  const { userRates, time, directory } = host.options;
  const retryAfterMs = userRates.take(userId, time.monotonicMs());
  if (retryAfterMs > 0) throw new ProtocolError('rate_limited', 'too many requests', { retryAfterMs });
  host.noteDevice(verified, deviceId, deadline);
  const mailboxOf = (other: string): MailboxPort => directory.mailbox(other);
  const mailbox = directory.mailboxOfClient(userId);
  const company = host.company(mailbox);
  return { userId, deviceId, mailbox, mailboxOf, company, token: verified, bearer: token };
}
