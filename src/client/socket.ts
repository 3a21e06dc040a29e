/** What travels in one WebSocket frame: text for JSON, bytes for MessagePack. */
export type Frame = string | Uint8Array;

/** What a socket reports to its one owner. */
export interface SocketEvents {
  opened(): void;
  received(frame: Frame): void;
  /** The other side gave a sign of life without content (a ping); browsers hide those. */
  pinged(): void;
  /** The last event, at most once. `code` as in RFC 6455; 1006 where no close frame came. */
  closed(code: number, reason: string): void;
}

/** The part of a WebSocket that a connection needs. */
export interface Socket {
  send(frame: Frame): void;
  /** Starts the closing handshake. */
  close(code: number, reason: string): void;
  /** Lets go at once, without a handshake. */
  drop(): void;
}

/** Opens a WebSocket to `url` with one subprotocol; throws only where `url` is none, other failure is `closed`. */
export type OpenSocket = (url: string, subprotocol: string, events: SocketEvents) => Socket;
