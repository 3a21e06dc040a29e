import { readExceptionResponse } from './remote-exception.ts';
import type { RemoteException } from './remote-exception.ts';
import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';

/** The delimited RequestHeader of a call that has a parameter. */
export function writeRequestHeader(
  out: ProtoWriter,
  callId: number,
  method: string,
  timeoutMs: number,
): void {
  const header = out.openDelimited();
  out.uint(1, callId);
  out.text(3, method);
  out.bool(4, true);
  out.uint(7, Math.min(0x7fffffff, Math.max(1, Math.floor(timeoutMs))));
  out.close(header);
}

export interface ResponseHeader {
  readonly callId: number;
  readonly exception: RemoteException | undefined;
  readonly cellBlockBytes: number;
}

/** Reads the delimited ResponseHeader that starts a frame. @throws ProtoError */
export function readResponseHeader(reader: ProtoReader): ResponseHeader {
  let callId = 0;
  let exception: RemoteException | undefined;
  let cellBlockBytes = 0;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) callId = reader.uint();
    else if (tag >>> 3 === 2) exception = readExceptionResponse(reader);
    else if (tag >>> 3 === 3) cellBlockBytes = readCellBlockMeta(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { callId, exception, cellBlockBytes };
}

function readCellBlockMeta(reader: ProtoReader): number {
  let length = 0;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) length = reader.uint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return length;
}
