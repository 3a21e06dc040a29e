import { HBaseError } from './hbase-error.ts';
import type { HBaseErrorCode } from './hbase-error.ts';
import type { RemoteException } from './remote-exception.ts';
import type { CallError } from './rpc-call.ts';

/** Whether a call may be sent twice: reading does no harm, and neither does what carries a nonce HBase remembers. */
export type Effect = 'repeatable' | 'mutation';

/**
 * What to do after a failed try. `relocate`: what was known about the region's place is not to be trusted.
 * `reason`: how the call fails if there is no time left to try again.
 */
export type Verdict =
  | { readonly kind: 'again'; readonly relocate: boolean; readonly reason: HBaseErrorCode }
  | { readonly kind: 'fail'; readonly error: HBaseError };

type Meaning = 'moved' | 'busy' | 'overload' | HBaseErrorCode;

/**
 * Exceptions whose place in HBase's code proves that nothing was applied: thrown before a region is touched, or by a
 * check that precedes the first write. An exception that is not listed proves nothing.
 */
const meanings: Readonly<Record<string, Meaning>> = {
  NotServingRegionException: 'moved',
  'exceptions.RegionMovedException': 'moved',
  'exceptions.RegionOpeningException': 'busy',
  RegionTooBusyException: 'busy',
  'regionserver.RegionServerStoppedException': 'moved',
  'regionserver.RegionServerAbortedException': 'moved',
  'ipc.ServerNotRunningYetException': 'moved',
  PleaseHoldException: 'busy',
  UnknownScannerException: 'busy',
  'exceptions.OutOfOrderScannerNextException': 'busy',
  'exceptions.ScannerResetException': 'busy',
  MultiActionResultTooLarge: 'busy',
  CallQueueTooBigException: 'overload',
  CallDroppedException: 'overload',
  'quotas.RpcThrottlingException': 'busy',
  'regionserver.NoSuchColumnFamilyException': 'refused',
  'exceptions.FailedSanityCheckException': 'refused',
  'exceptions.RequestTooBigException': 'refused',
  'ipc.FatalConnectionException': 'refused',
  'security.AccessDeniedException': 'refused',
  'exceptions.UnknownProtocolException': 'refused',
  'ipc.UnsupportedCellCodecException': 'refused',
  'constraint.ConstraintException': 'refused',
  'quotas.SpaceLimitingException': 'refused',
  InvalidFamilyOperationException: 'refused',
  UnknownRegionException: 'not_found',
  TableNotFoundException: 'table_not_found',
  TableNotEnabledException: 'table_disabled',
  TableNotDisabledException: 'refused',
  TableExistsException: 'already_exists',
  NamespaceExistException: 'already_exists',
  NamespaceNotFoundException: 'not_found',
};
const packagePrefix = 'org.apache.hadoop.hbase.';
/** Cells above `hbase.server.keyvalue.maxsize` are refused by a plain DoNotRetryIOException, before the write. */
const oversizedCell = /^Cell\[.*\] with size \d+ exceeds limit of \d+ bytes$/;

function meaningOf(exception: RemoteException): Meaning | undefined {
  const { className, message } = exception;
  if (!className.startsWith(packagePrefix)) return undefined;
  const name = className.slice(packagePrefix.length);
  if (name === 'DoNotRetryIOException' && oversizedCell.test(message)) return 'refused';
  return Object.hasOwn(meanings, name) ? meanings[name] : undefined;
}

/** The server as a whole has too much to do; its region servers say so, and nothing was applied. */
export function isOverload(exception: RemoteException): boolean {
  return meaningOf(exception) === 'overload';
}

/** How a procedure of the master failed, after which it is undone. */
export function schemaErrorCode(exception: RemoteException): HBaseErrorCode {
  const meaning = meaningOf(exception);
  return meaning === undefined || meaning === 'moved' || meaning === 'busy' || meaning === 'overload'
    ? 'refused'
    : meaning;
}

/**
 * Sorts a failed try. A mutation is tried again only where it is certain that it was not applied and never will be;
 * since each earlier try was of that kind too, giving up after it is just as certain.
 */
export function judge(error: CallError, effect: Effect): Verdict {
  const { failure } = error;
  switch (failure.kind) {
    case 'notSent':
      return judgeUnsent(failure.reason, error);
    case 'lost':
      if (effect === 'mutation') return fail('unknown_fate', error);
      return { kind: 'again', relocate: true, reason: lostReasons[failure.reason] };
    case 'remote':
      return judgeRemote(failure.exception, error, effect);
  }
}

const lostReasons = { connection: 'unavailable', deadline: 'deadline', undecodable: 'protocol' } as const;

function judgeUnsent(
  reason: 'connect' | 'overloaded' | 'deadline' | 'closed' | 'invalid',
  error: CallError,
): Verdict {
  switch (reason) {
    case 'connect':
      return { kind: 'again', relocate: true, reason: 'unavailable' };
    case 'deadline':
      return { kind: 'again', relocate: false, reason: 'deadline' };
    case 'invalid':
      return fail('refused', error);
    case 'overloaded':
    case 'closed':
      return fail(reason, error);
  }
}

function judgeRemote(exception: RemoteException, error: CallError, effect: Effect): Verdict {
  const meaning = meaningOf(exception);
  if (meaning === 'moved') return { kind: 'again', relocate: true, reason: 'unavailable' };
  if (meaning === 'busy' || meaning === 'overload')
    return { kind: 'again', relocate: false, reason: 'unavailable' };
  if (meaning !== undefined) return fail(meaning, error, exception);
  if (effect === 'mutation') return fail('unknown_fate', error, exception);
  if (exception.doNotRetry) return fail('refused', error, exception);
  return { kind: 'again', relocate: true, reason: 'unavailable' };
}

function fail(code: HBaseErrorCode, error: CallError, exception?: RemoteException): Verdict {
  return {
    kind: 'fail',
    error: new HBaseError(code, error.message, { cause: error, remoteClass: exception?.className }),
  };
}
