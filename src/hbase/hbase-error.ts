/**
 * What a failed call means for the caller:
 * - `unavailable`   the cluster refused or could not be reached until the deadline; a mutation was **not** applied
 * - `overloaded`    this client's queue for that server is full; nothing was sent
 * - `deadline`      time ran out; a mutation was **not** applied (it was never sent, or its last try was refused)
 * - `unknown_fate`  a mutation was sent and its outcome is not known: it may have been applied, or may yet be
 * - `refused`       HBase will never accept this call (no such column family, not permitted, too large ...)
 * - `table_not_found`, `table_disabled`, `not_found`, `already_exists`   definite, about schema
 * - `protocol`      the server's answer to a read could not be understood
 * - `closed`        this client was closed; nothing was sent
 */
export type HBaseErrorCode =
  | 'unavailable'
  | 'overloaded'
  | 'deadline'
  | 'unknown_fate'
  | 'refused'
  | 'table_not_found'
  | 'table_disabled'
  | 'not_found'
  | 'already_exists'
  | 'protocol'
  | 'closed';

const retryableCodes: ReadonlySet<HBaseErrorCode> = new Set(['unavailable', 'overloaded', 'deadline']);

export interface HBaseErrorOptions extends ErrorOptions {
  /** The Java class of the exception that HBase answered with. */
  readonly remoteClass?: string | undefined;
}

/** The only error that leaves this room. */
export class HBaseError extends Error {
  readonly code: HBaseErrorCode;
  /** The very same call may be made again without any further thought. Never true of `unknown_fate`. */
  readonly retryable: boolean;
  readonly remoteClass: string | undefined;

  constructor(code: HBaseErrorCode, message: string, options: HBaseErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'HBaseError';
    this.code = code;
    this.retryable = retryableCodes.has(code);
    this.remoteClass = options.remoteClass;
  }
}
