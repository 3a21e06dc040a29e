import type { CellBlock } from './cell.ts';
import { ProtoError } from './proto-reader.ts';
import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';
import type { RemoteException } from './remote-exception.ts';
import { CallError } from './rpc-call.ts';
import type { CallFailure, RpcRequest } from './rpc-call.ts';

type Unsent = Extract<CallFailure, { kind: 'notSent' }>['reason'];
type Lost = Extract<CallFailure, { kind: 'lost' }>['reason'];

/** A call in a channel, whatever its answer's type: settled exactly once, by one of these. */
export interface AnyPendingCall {
  readonly method: string;
  readonly deadline: number;
  encode(out: ProtoWriter): void;
  complete(reader: ProtoReader, bodyEnd: number, cells: CellBlock): void;
  failUnsent(reason: Unsent, message: string, cause?: unknown): void;
  failLost(reason: Lost, message: string, cause?: unknown): void;
  failRemote(exception: RemoteException): void;
}

export class PendingCall<T> implements AnyPendingCall {
  readonly deadline: number;
  readonly #request: RpcRequest<T>;
  readonly #resolve: (answer: T) => void;
  readonly #reject: (error: CallError) => void;

  constructor(
    request: RpcRequest<T>,
    deadline: number,
    resolve: (answer: T) => void,
    reject: (error: CallError) => void,
  ) {
    this.#request = request;
    this.deadline = deadline;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get method(): string {
    return this.#request.method;
  }

  encode(out: ProtoWriter): void {
    this.#request.encode(out);
  }

  /** Reads the delimited answer up to `bodyEnd`. An answer that makes no sense fails this call only. */
  complete(reader: ProtoReader, bodyEnd: number, cells: CellBlock): void {
    try {
      const outer = reader.enter();
      if (reader.end > bodyEnd) throw new ProtoError('an answer is longer than its frame');
      const answer = this.#request.decode(reader, cells);
      reader.leave(outer);
      this.#resolve(answer);
    } catch (error) {
      if (!(error instanceof ProtoError)) throw error;
      this.failLost('undecodable', `the answer to ${this.method} makes no sense: ${error.message}`, error);
    }
  }

  failUnsent(reason: Unsent, message: string, cause?: unknown): void {
    this.#reject(new CallError({ kind: 'notSent', reason }, message, cause));
  }

  failLost(reason: Lost, message: string, cause?: unknown): void {
    this.#reject(new CallError({ kind: 'lost', reason }, message, cause));
  }

  failRemote(exception: RemoteException): void {
    this.#reject(
      new CallError({ kind: 'remote', exception }, `${exception.className}: ${exception.message}`),
    );
  }
}
