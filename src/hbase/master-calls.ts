import { backoffDelayMs } from '../std/backoff.ts';
import type { HBaseCluster } from './hbase-cluster.ts';
import { HBaseError } from './hbase-error.ts';
import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';
import { remoteException } from './remote-exception.ts';
import type { RemoteException } from './remote-exception.ts';
import { Retry, verdictOf } from './retry.ts';
import { schemaErrorCode } from './retry-verdict.ts';
import type { RpcRequest } from './rpc-call.ts';
import type { ServerName } from './server-name.ts';

/** Names a request for HBase, so that it does the work once however often it is sent. */
export interface Nonce {
  readonly group: bigint;
  readonly nonce: bigint;
}

const procedurePoll = { baseMs: 20, maxMs: 500 };
const finishedState = 2;
const notFoundState = 0;

/** Calls to the active master, wherever it is, and waiting for the procedures that they start. */
export class MasterCalls {
  readonly #cluster: HBaseCluster;

  constructor(cluster: HBaseCluster) {
    this.#cluster = cluster;
  }

  /** Only for requests that may be sent twice. @throws HBaseError */
  async call<T>(request: RpcRequest<T>, deadline: number): Promise<T> {
    const retry = new Retry(this.#cluster, deadline);
    for (;;) {
      let master: ServerName | undefined;
      try {
        master = await retry.within(this.#cluster.registry.activeMaster());
        return await this.#cluster.channel(master, 'MasterService').call(request, deadline);
      } catch (error) {
        const verdict = verdictOf(error, 'repeatable');
        if (verdict.kind === 'fail') throw verdict.error;
        if (master && verdict.relocate) this.#cluster.registry.forgetMaster(master);
        await retry.pause(verdict.reason, error);
      }
    }
  }

  /**
   * Starts a procedure and waits until it is done.
   */
  async procedure(
    method: string,
    encode: (out: ProtoWriter, nonce: Nonce) => void,
    deadline: number,
  ): Promise<void> {
    const nonce = { group: this.#nonce(), nonce: this.#nonce() };
    const start: RpcRequest<bigint | undefined> = {
      method,
      encode: (out) => encode(out, nonce),
      decode: readProcedureId,
    };
    const id = await this.call(start, deadline);
    if (id !== undefined) await this.#finished(method, id, deadline);
  }

  async #finished(method: string, id: bigint, deadline: number): Promise<void> {
    const { time, random } = this.#cluster;
    for (let polls = 0; ; polls++) {
      const { state, exception } = await this.call(procedureResultRequest(id), deadline);
      if (exception !== undefined) {
        throw new HBaseError(
          schemaErrorCode(exception),
          `${method}: ${exception.className}: ${exception.message}`,
          {
            remoteClass: exception.className,
          },
        );
      }
      if (state === finishedState) return;
      if (state === notFoundState) {
        throw new HBaseError('unknown_fate', `${method}: HBase does not know the procedure ${id} any more`);
      }
      const delayMs = backoffDelayMs(procedurePoll, polls, random);
      if (time.monotonicMs() + delayMs >= deadline) {
        throw new HBaseError('unknown_fate', `${method} is still under way at the deadline`);
      }
      await new Promise<void>((resolve) => time.after(delayMs, resolve));
    }
  }

  #nonce(): bigint {
    const { random } = this.#cluster;
    const word = () => BigInt(Math.floor(random() * 0x100000000));
    return (word() << 31n) | word() | 1n; // not 0, which means none, and positive in Java
  }
}

/** All answers of procedures have its id in field 1. */
function readProcedureId(answer: ProtoReader): bigint | undefined {
  let id: bigint | undefined;
  for (let tag = answer.tag(); tag !== 0; tag = answer.tag()) {
    if (tag === 8) id = answer.ulong();
    else answer.skip(tag);
  }
  return id;
}

interface ProcedureResult {
  readonly state: number;
  readonly exception: RemoteException | undefined;
}

function procedureResultRequest(id: bigint): RpcRequest<ProcedureResult> {
  return {
    method: 'getProcedureResult',
    encode: (out) => out.long(1, id),
    decode: (answer) => {
      let state = 0;
      let exception: RemoteException | undefined;
      for (let tag = answer.tag(); tag !== 0; tag = answer.tag()) {
        if (tag >>> 3 === 1) state = answer.uint();
        else if (tag >>> 3 === 5) exception = readForeignException(answer);
        else answer.skip(tag);
      }
      return { state, exception };
    },
  };
}

/** Reads the ForeignExceptionMessage that comes next. */
function readForeignException(reader: ProtoReader): RemoteException {
  let className = '';
  let message = '';
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 !== 2) {
      reader.skip(tag);
      continue;
    }
    const inner = reader.enter();
    for (let field = reader.tag(); field !== 0; field = reader.tag()) {
      if (field >>> 3 === 1) className = reader.text();
      else if (field >>> 3 === 2) message = reader.text();
      else reader.skip(field);
    }
    reader.leave(inner);
  }
  reader.leave(outer);
  return remoteException(className, message);
}
