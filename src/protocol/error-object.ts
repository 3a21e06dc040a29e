import { errorKinds } from './protocol-error.ts';
import type { ErrorDetails, ErrorKind, ProtocolError, Refusal } from './protocol-error.ts';

/** The JSON-RPC 2.0 error object of the client protocol. */
export interface ErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data: { readonly kind: ErrorKind; readonly retryable: boolean } & ErrorDetails;
}

export function errorObjectOf({ error, message, details }: Refusal): ErrorObject {
  const { code, retryable } = errorKinds[error];
  return { code, message, data: { kind: error, retryable, ...details } };
}

/** A thrown error as what it says to the client. */
export function refusalOf({ kind, message, details }: ProtocolError): Refusal {
  return { kind: 'refused', error: kind, message, details };
}
