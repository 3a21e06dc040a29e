import { WebSocket } from 'ws';
import type { OpenSocket } from './socket.ts';

const handshakeTimeoutMs = 10_000;
const frameBytesMax = 16 * 1024 * 1024;

/** Sockets of Node, which unlike a browser's see the server's pings and can be torn down at once. */
export const openNodeSocket: OpenSocket = (url, subprotocol, events) => {
  const socket = new WebSocket(url, subprotocol, {
    handshakeTimeout: handshakeTimeoutMs,
    maxPayload: frameBytesMax,
    perMessageDeflate: false,
  });
  socket.on('open', () => events.opened());
  socket.on('ping', () => events.pinged());
  socket.on('message', (data: Buffer, isBinary) => events.received(isBinary ? data : data.toString('utf8')));
  // `close` follows every error with code 1006; the error's text is the better reason.
  let failure = '';
  socket.on('error', (error) => (failure = error.message));
  socket.on('close', (code, reason) =>
    events.closed(code, failure === '' ? reason.toString('utf8') : failure),
  );
  return {
    send: (frame) => socket.send(frame),
    close: (code, reason) => socket.close(code, reason),
    drop: () => socket.terminate(),
  };
};
