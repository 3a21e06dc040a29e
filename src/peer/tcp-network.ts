import { createServer as createTcpServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { keepAliveDelayMs, plainSocket } from '../std/plain-socket.ts';
import { ConnectionRefused } from './peer-network.ts';
import type {
  PeerAddress,
  PeerListener,
  PeerListenerEvents,
  PeerNetwork,
  PeerSocket,
  PeerSocketEvents,
} from './peer-network.ts';
import { acceptorTls, dialerTls, refusalOf } from './peer-tls.ts';
import type { PeerTls } from './peer-tls.ts';

/** What is shown and asked for on new connections; it may become another one at any time. */
export interface CurrentTls {
  readonly current: PeerTls;
}

/** For the last bytes of a connection that is being closed. */
const lingerMs = 1000;
const backlogMax = 512;
const refused = 'ECONNREFUSED';

/** Real sockets; without `tls` what goes over them can be read and changed on the way. */
export function tcpNetwork(tls?: CurrentTls): PeerNetwork {
  return {
    dial(address, events) {
      const socket =
        tls === undefined ? plainSocket(address, events) : dialSecure(address, tls.current, events);
      return peerSocketOf(socket, events);
    },
    listen(address, events) {
      const accept = (socket: Socket): void => acceptSocket(socket, events);
      const server =
        tls === undefined ? createTcpServer(plainOptions, accept) : secureServer(tls, accept, events);
      return listen(server, address, events);
    },
  };
}

const plainOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelayMs };

function secureServer(tls: CurrentTls, accept: (socket: Socket) => void, events: PeerListenerEvents): Server {
  let used = tls.current;
  const server = createTlsServer({ ...plainOptions, ...acceptorTls(used) }, accept);
  // Before the server takes a connection, so that none is shown what is not current any more.
  server.prependListener('connection', () => {
    if (tls.current === used) return;
    used = tls.current;
    server.setSecureContext(acceptorTls(used));
  });
  server.on('tlsClientError', (cause, socket) => events.failed(refusalOf(cause, socket)));
  return server;
}

function dialSecure(address: PeerAddress, tls: PeerTls, events: PeerSocketEvents): Socket {
  const socket = connectTls({ ...address, ...dialerTls(tls) });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveDelayMs);
  socket.once('secureConnect', () => events.connected());
  socket.on('data', (bytes: Buffer) => events.data(bytes, bytes.length));
  return socket;
}

function acceptSocket(socket: Socket, listener: PeerListenerEvents): void {
  const late: { events?: PeerSocketEvents } = {};
  const events = listener.accepted(
    peerSocketOf(socket, {
      connected: () => undefined,
      data: () => undefined,
      closed: (cause) => late.events?.closed(cause),
    }),
  );
  late.events = events;
  socket.on('data', (bytes: Buffer) => events.data(bytes, bytes.length));
}

function peerSocketOf(socket: Socket, events: PeerSocketEvents): PeerSocket {
  let failure: Error | undefined;
  let isReleased = false;
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('end', () => socket.destroy());
  socket.on('close', () => {
    if (!isReleased) events.closed(causeOf(failure));
  });
  return {
    write(bytes, written) {
      socket.write(bytes, (error) => {
        if (!error) written();
      });
    },
    end(lastBytes) {
      isReleased = true;
      socket.setTimeout(lingerMs, () => socket.destroy());
      socket.end(lastBytes, () => socket.destroySoon());
    },
    destroy() {
      isReleased = true;
      socket.destroy();
    },
  };
}

function causeOf(failure: Error | undefined): Error {
  if (failure === undefined) return new Error('the peer closed the connection');
  // A name with several addresses fails with what each of them said.
  const failures: readonly unknown[] = failure instanceof AggregateError ? failure.errors : [failure];
  const isRefused = failures.every((one) => one instanceof Error && 'code' in one && one.code === refused);
  return isRefused ? new ConnectionRefused(failure.message, { cause: failure }) : failure;
}

async function listen(
  server: Server,
  { host, port }: PeerAddress,
  events: PeerListenerEvents,
): Promise<PeerListener> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: backlogMax }, () => {
      server.off('error', reject);
      server.on('error', (cause) => events.failed(cause));
      resolve();
    });
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no TCP address');
  return {
    address: { host: bound.address, port: bound.port },
    close: () =>
      new Promise((resolve) => {
        // Resolves when no more are accepted, not when the open ones have closed.
        server.close();
        resolve();
      }),
  };
}
