import { connect, type Socket } from 'node:net';

const readBufferBytes = 64 * 1024;

/** Of all connections between servers: an end that is gone without a word is noticed some day. */
export const keepAliveDelayMs = 30_000;

/** What an outgoing connection tells from its start on. */
export interface PlainSocketEvents {
  connected(): void;
  /** The first `length` bytes of `bytes`; they are overwritten after the call. */
  data(bytes: Buffer, length: number): void;
}

/** Opens a TCP connection without Nagle's delay that reads into one buffer of its own. Errors and the end are the caller's. */
export function plainSocket(address: { host: string; port: number }, events: PlainSocketEvents): Socket {
  const buffer = Buffer.allocUnsafeSlow(readBufferBytes);
  const socket = connect({
    ...address,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveDelayMs,
    onread: {
      buffer,
      callback: (length) => {
        events.data(buffer, length);
        return true;
      },
    },
  });
  socket.once('connect', () => events.connected());
  return socket;
}
