import { refusal, type Refusal } from './protocol-error.ts';

export type RequestId = string | number | null;

/** One JSON-RPC request; `id` undefined: a notification, which gets no answer. */
export interface CallRequest {
  readonly kind: 'call';
  readonly id: RequestId | undefined;
  readonly method: string;
  /** An object, not yet checked further. */
  readonly params: object;
}

/** What is no request; answered under `id`, which is null where none could be read. */
export interface InvalidRequest {
  readonly kind: 'invalid';
  readonly id: RequestId;
  readonly refusal: Refusal;
}

const noParams = Object.freeze({});

/** Reads one element of a frame as a request; looks at the envelope only, not at the params. */
export function readRequest(value: unknown): CallRequest | InvalidRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return invalid(null, 'a request is an object');
  }
  const { jsonrpc, id, method, params } = value as Record<string, unknown>;
  if (id !== undefined && !isRequestId(id)) return invalid(null, 'id must be a string or an integer');
  if (jsonrpc !== '2.0') return invalid(id ?? null, 'jsonrpc must be "2.0"');
  if (typeof method !== 'string') return invalid(id ?? null, 'method must be a string');
  if (params === undefined || params === null) return { kind: 'call', id, method, params: noParams };
  if (typeof params !== 'object') return invalid(id ?? null, 'params must be an object');
  return { kind: 'call', id, method, params };
}

/** Numbers beyond 2^53 would come back changed, and fractions are not needed: refused, not mangled. */
function isRequestId(id: unknown): id is RequestId {
  return typeof id === 'string' || id === null || Number.isSafeInteger(id);
}

function invalid(id: RequestId, message: string): InvalidRequest {
  return { kind: 'invalid', id, refusal: refusal('invalid_request', message) };
}
