import { errorKinds } from '../protocol/protocol-error.ts';
import type { ErrorDetails, ErrorKind } from '../protocol/protocol-error.ts';

/**
 * Why a call failed: an error kind of the protocol, or one that only a client sees:
 * `timeout` (no answer before the deadline; what happened is unknown, the same call may be made again),
 * `queue_full` (too many calls waiting; nothing was sent), `closed` (the client was closed or told to stop).
 */
export type CallErrorKind = ErrorKind | 'timeout' | 'queue_full' | 'closed';

/** A call that failed. `retryable`: the same call, with the same ids, may be made again. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly kind: CallErrorKind;
  readonly retryable: boolean;
  readonly details: ErrorDetails;

  constructor(kind: CallErrorKind, message: string, retryable: boolean, details: ErrorDetails = {}) {
    super(message);
    this.kind = kind;
    this.retryable = retryable;
    this.details = details;
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const isErrorKind = (kind: unknown): kind is ErrorKind => typeof kind === 'string' && kind in errorKinds;

/** Reads the `error` member of a JSON-RPC response; a kind this version does not know counts as `internal`. */
export function callErrorOf(error: unknown): CallError {
  if (!isRecord(error)) return new CallError('internal', 'unreadable error', true);
  const data = isRecord(error['data']) ? error['data'] : {};
  const kind = isErrorKind(data['kind']) ? data['kind'] : 'internal';
  const retryable = typeof data['retryable'] === 'boolean' ? data['retryable'] : errorKinds[kind].retryable;
  const details: { -readonly [Key in keyof ErrorDetails]: ErrorDetails[Key] } = {};
  if (typeof data['path'] === 'string') details.path = data['path'];
  if (typeof data['url'] === 'string') details.url = data['url'];
  if (typeof data['nodeId'] === 'string') details.nodeId = data['nodeId'];
  if (typeof data['retryAfterMs'] === 'number') details.retryAfterMs = data['retryAfterMs'];
  const message = typeof error['message'] === 'string' ? error['message'] : kind;
  return new CallError(kind, message, retryable, details);
}
