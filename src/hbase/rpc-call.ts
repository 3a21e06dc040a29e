import type { CellBlock } from './cell.ts';
import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';
import type { RemoteException } from './remote-exception.ts';

/** The protocol services of HBase that this client speaks; each has connections of its own. */
export type ServiceName = 'ClientService' | 'ClientMetaService' | 'MasterService';

/** One remote method with its parameter and the reading of its answer. */
export interface RpcRequest<T> {
  readonly method: string;
  /** Writes the fields of the parameter message. Called at most once, when the call leaves. */
  encode(out: ProtoWriter): void;
  /** Reads the answer. @throws ProtoError */
  decode(answer: ProtoReader, cells: CellBlock): T;
}

/**
 * Why one try of a call failed, by what is known about its effect:
 * - `notSent`  not a byte of it left this process
 * - `lost`     it was sent, and no (readable) answer came
 * - `remote`   HBase answered with an exception
 */
export type CallFailure =
  | {
      readonly kind: 'notSent';
      readonly reason: 'connect' | 'overloaded' | 'deadline' | 'closed' | 'invalid';
    }
  | { readonly kind: 'lost'; readonly reason: 'connection' | 'deadline' | 'undecodable' }
  | { readonly kind: 'remote'; readonly exception: RemoteException };

/** How a channel rejects a call. It stays inside this room: the doors turn it into an `HBaseError`. */
export class CallError extends Error {
  readonly failure: CallFailure;

  constructor(failure: CallFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'CallError';
    this.failure = failure;
  }
}
