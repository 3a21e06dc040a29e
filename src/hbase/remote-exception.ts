import type { ProtoReader } from './proto-reader.ts';

/** An exception that HBase answered with. */
export interface RemoteException {
  /** The Java class, fully qualified. */
  readonly className: string;
  /** The first line of what Java printed. */
  readonly message: string;
  /** HBase's own opinion. */
  readonly doNotRetry: boolean;
  readonly serverOverloaded: boolean;
}

const messageCharsMax = 500;

/** Reads the ExceptionResponse that comes next. */
export function readExceptionResponse(reader: ProtoReader): RemoteException {
  let className = '';
  let trace = '';
  let doNotRetry = false;
  let serverOverloaded = false;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag >>> 3) {
      case 1:
        className = reader.text();
        break;
      case 2:
        trace = reader.text();
        break;
      case 5:
        doNotRetry = reader.bool();
        break;
      case 6:
        serverOverloaded = reader.bool();
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return remoteException(className, trace, doNotRetry, serverOverloaded);
}

/** Reads the NameBytesPair that comes next: how exceptions of single actions of a `multi` travel. */
export function readNamedException(reader: ProtoReader): RemoteException {
  let className = '';
  let trace = '';
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) className = reader.text();
    else if (tag >>> 3 === 2) trace = reader.text();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return remoteException(className, trace, false, false);
}

export function remoteException(
  className: string,
  trace: string,
  doNotRetry = false,
  serverOverloaded = false,
): RemoteException {
  const firstLine = trace.split('\n', 1)[0] ?? '';
  // Java puts the class in front of the message, here it has a place of its own.
  const message = firstLine.startsWith(`${className}: `) ? firstLine.slice(className.length + 2) : firstLine;
  return { className, message: message.slice(0, messageCharsMax), doNotRetry, serverOverloaded };
}
