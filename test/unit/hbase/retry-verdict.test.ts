import { describe, expect, it } from 'vitest';

import { remoteException } from '../../../src/hbase/remote-exception.ts';
import { judge } from '../../../src/hbase/retry-verdict.ts';
import type { Effect } from '../../../src/hbase/retry-verdict.ts';
import { CallError } from '../../../src/hbase/rpc-call.ts';
import type { CallFailure } from '../../../src/hbase/rpc-call.ts';

function verdict(failure: CallFailure, effect: Effect): string {
  const judged = judge(new CallError(failure, 'failed'), effect);
  return judged.kind === 'again' ? `again${judged.relocate ? ', elsewhere' : ''}` : judged.error.code;
}

function remote(className: string, { message = '', doNotRetry = false } = {}): CallFailure {
  return { kind: 'remote', exception: remoteException(className, message, doNotRetry) };
}
const hbase = (name: string) => `org.apache.hadoop.hbase.${name}`;

describe('judge', () => {
  it.each<[string, CallFailure, string, string]>([
    // what happened, as a read, as a mutation
    ['no connection', { kind: 'notSent', reason: 'connect' }, 'again, elsewhere', 'again, elsewhere'],
    ['queue full', { kind: 'notSent', reason: 'overloaded' }, 'overloaded', 'overloaded'],
    ['too large', { kind: 'notSent', reason: 'invalid' }, 'refused', 'refused'],
    ['client closed', { kind: 'notSent', reason: 'closed' }, 'closed', 'closed'],
    ['no time to send', { kind: 'notSent', reason: 'deadline' }, 'again', 'again'],
    ['connection broke', { kind: 'lost', reason: 'connection' }, 'again, elsewhere', 'unknown_fate'],
    ['no answer', { kind: 'lost', reason: 'deadline' }, 'again, elsewhere', 'unknown_fate'],
    ['answer is garbage', { kind: 'lost', reason: 'undecodable' }, 'again, elsewhere', 'unknown_fate'],
    ['not here', remote(hbase('NotServingRegionException')), 'again, elsewhere', 'again, elsewhere'],
    ['too busy', remote(hbase('RegionTooBusyException')), 'again', 'again'],
    ['queue too big', remote(hbase('CallQueueTooBigException')), 'again', 'again'],
    ['no such family', remote(hbase('regionserver.NoSuchColumnFamilyException')), 'refused', 'refused'],
    ['I/O trouble', remote('java.io.IOException'), 'again, elsewhere', 'unknown_fate'],
    [
      'a name that only ends alike',
      remote('com.acme.NotServingRegionException'),
      'again, elsewhere',
      'unknown_fate',
    ],
    ['no name', remote(''), 'again, elsewhere', 'unknown_fate'],
    ['a name like a property of objects', remote(hbase('constructor')), 'again, elsewhere', 'unknown_fate'],
    ['unlisted, do not retry', remote(hbase('X'), { doNotRetry: true }), 'refused', 'unknown_fate'],
    [
      'a cell too large',
      remote(hbase('DoNotRetryIOException'), {
        message: 'Cell[r/f:q/LATEST_TIMESTAMP/Put/vlen=9/seqid=0] with size 11 exceeds limit of 10 bytes',
      }),
      'refused',
      'refused',
    ],
    [
      'any other do not retry',
      remote(hbase('DoNotRetryIOException'), { doNotRetry: true }),
      'refused',
      'unknown_fate',
    ],
  ])('%s', (_, failure, asRead, asMutation) => {
    expect([verdict(failure, 'repeatable'), verdict(failure, 'mutation')]).toEqual([asRead, asMutation]);
  });
});
