import type { OpenSocket } from './socket.ts';

/** Sockets of a browser, or of any runtime with a global `WebSocket`. */
export const openBrowserSocket: OpenSocket = (url, subprotocol, events) => {
  const socket = new WebSocket(url, subprotocol);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => events.opened();
  socket.onmessage = (event) => {
    const data: unknown = event.data;
    if (typeof data === 'string') events.received(data);
    else if (data instanceof ArrayBuffer) events.received(new Uint8Array(data));
  };
  socket.onclose = (event) => events.closed(event.code, event.reason);
  return {
    send: (frame) => {
      // A copy into a plain ArrayBuffer: the DOM's types do not take views of shared memory.
      socket.send(typeof frame === 'string' ? frame : new Uint8Array(frame));
    },
    close: (code, reason) => socket.close(code, reason),
    drop: () => socket.close(),
  };
};
