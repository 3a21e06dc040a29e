import type { closeCodes } from './close-code.ts';
import type { ErrorKind } from './protocol-error.ts';

/* What the reference says of codes; here so that none can be added without a word on it. */

export const errorMeanings: Record<ErrorKind, string> = {
  parse_error: 'The frame or body is no JSON.',
  invalid_request: 'It is JSON, but no JSON-RPC 2.0 request, or not one for now.',
  method_not_found: 'There is no such call.',
  invalid_params: '`data.path` names the field.',
  unauthenticated: 'No session is open, or the token is not valid.',
  forbidden: "Not allowed: by role, by the recipient's settings, by a limit.",
  not_found: 'No such user, conversation or message, or none that the caller may see.',
  conflict: 'It exists, or the same messageId has another content.',
  moved: 'Another node serves this user: `data.url`.',
  unavailable: 'The store, the owner or a peer was out of reach within the deadline.',
  rate_limited: 'Too many calls; `data.retryAfterMs`.',
  overloaded: 'Too much waits; `data.retryAfterMs`.',
  too_large: 'Above a limit of `session.open`.',
  stale_message_id: 'The messageId is older than the window in which repeats are recognised.',
  out_of_order: 'The message named by `after` is not there yet.',
  internal: 'A mistake of the server.',
};

export const closeMeanings: Record<keyof typeof closeCodes, string> = {
  shuttingDown: 'The node is going down.',
  moved: 'The user has moved to another node.',
  slowConsumer: 'The connection took no data for too long, or fell behind what is kept.',
  heartbeatMissed: 'No answer to pings.',
  rate: 'Too many calls, or frames that are none.',
  badFrame: 'A frame that cannot be read.',
  tokenEnded: 'The token has expired or was revoked.',
  notOpened: 'No session was opened in time.',
  replaced: 'The user has too many connections; this was the oldest.',
  tooLarge: 'A frame above the limit.',
};
