/** Every error kind of the client protocol: its JSON-RPC code and whether the same call may be tried again. */
export const errorKinds = {
  parse_error: { code: -32700, retryable: false },
  invalid_request: { code: -32600, retryable: false },
  method_not_found: { code: -32601, retryable: false },
  invalid_params: { code: -32602, retryable: false },
  unauthenticated: { code: -32001, retryable: false },
  forbidden: { code: -32002, retryable: false },
  not_found: { code: -32003, retryable: false },
  conflict: { code: -32004, retryable: false },
  moved: { code: -32005, retryable: true },
  unavailable: { code: -32006, retryable: true },
  rate_limited: { code: -32007, retryable: true },
  overloaded: { code: -32008, retryable: true },
  too_large: { code: -32009, retryable: false },
  stale_message_id: { code: -32010, retryable: false },
  out_of_order: { code: -32011, retryable: true },
  internal: { code: -32603, retryable: true },
} as const;

export type ErrorKind = keyof typeof errorKinds;

/** What goes along in `error.data` beside `kind` and `retryable`. */
export interface ErrorDetails {
  /** Names the field, as in `mediaRef.size`. */
  readonly path?: string;
  readonly retryAfterMs?: number;
  readonly url?: string;
  readonly nodeId?: string;
  readonly epoch?: number;
}

/** An error as the client sees it; `message` is for people and never tells what the caller may not know. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly kind: ErrorKind;
  readonly details: ErrorDetails;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.details = details;
  }

  /** The JSON-RPC 2.0 error object. */
  toJSON(): { code: number; message: string; data: { kind: ErrorKind; retryable: boolean } & ErrorDetails } {
    const { code, retryable } = errorKinds[this.kind];
    return { code, message: this.message, data: { kind: this.kind, retryable, ...this.details } };
  }
}

/** A refusal that is an expected outcome: returned, not thrown, and cheap. */
export interface Refusal {
  readonly kind: 'refused';
  readonly error: ErrorKind;
  readonly message: string;
  readonly details?: ErrorDetails;
}

export function refusal(error: ErrorKind, message: string, details?: ErrorDetails): Refusal {
  return details === undefined
    ? { kind: 'refused', error, message }
    : { kind: 'refused', error, message, details };
}
