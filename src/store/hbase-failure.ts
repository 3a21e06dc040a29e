import type { HBaseError } from '../hbase/hbase-error.ts';
import { StoreError } from '../row/row-store.ts';
import type { StoreErrorCode } from '../row/row-store.ts';

/** What a failed call to HBase means for whoever uses the store. */
export function hbaseFailure(error: HBaseError): StoreError {
  const advice = error.code === 'table_not_found' ? '; make the tables with `mailring schema apply`' : '';
  return new StoreError(codeOf(error), `HBase: ${error.message}${advice}`, { cause: error });
}

function codeOf({ code }: HBaseError): StoreErrorCode {
  switch (code) {
    case 'unknown_fate':
    case 'refused':
      return code;
    case 'protocol':
      return 'corrupt';
    case 'unavailable':
    case 'overloaded':
    case 'deadline':
    case 'closed':
    case 'table_not_found': // an operator can make or enable the table while we run
    case 'table_disabled':
    case 'not_found':
    case 'already_exists':
      return 'unavailable';
  }
}
