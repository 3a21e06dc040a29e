import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { keepAliveDelayMs, plainSocket } from '../std/plain-socket.ts';

/** What a wire tells its owner. After `closed` nothing follows. */
export interface WireEvents {
  connected(): void;
  /** The first `length` bytes of `bytes`; they are overwritten after the call. */
  data(bytes: Buffer, length: number): void;
  closed(cause: Error): void;
}

/** One open or opening byte stream. */
export interface Wire {
  /** Hands bytes over; `written` is called when the wire has let go of the buffer. */
  write(bytes: Buffer, written: () => void): void;
  /** Closes at once; `closed` is not called any more. */
  destroy(): void;
}

/** Opens a byte stream: the network as an argument. */
export type Dial = (host: string, port: number, events: WireEvents) => Wire;

/** Plain TCP. */
export const dialTcp: Dial = (host, port, events) => wireOf(plainSocket({ host, port }, events), events);

/** The same inside TLS (`hbase.server.netty.tls.enabled` on the servers). */
export function dialTls(options: ConnectionOptions): Dial {
  return (host, port, events) => {
    const name = isIP(host) === 0 ? { servername: host } : {}; // addresses are no server names
    const socket = connectTls({ ...name, ...options, host, port });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveDelayMs);
    socket.once('secureConnect', () => events.connected());
    socket.on('data', (bytes: Buffer) => events.data(bytes, bytes.length));
    return wireOf(socket, events);
  };
}

function wireOf(socket: Socket, events: WireEvents): Wire {
  let failure: Error | undefined;
  let destroyed = false;
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('end', () => socket.destroy());
  socket.on('close', () => {
    if (!destroyed) events.closed(failure ?? new Error('the server closed the connection'));
  });
  return {
    write(bytes, written) {
      socket.write(bytes, written);
    },
    destroy() {
      destroyed = true;
      socket.destroy();
    },
  };
}
