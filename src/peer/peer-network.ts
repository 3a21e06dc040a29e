/** Where a peer listens. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** Why a dialled socket closed: its machine answers, and nobody listens at that port. */
export class ConnectionRefused extends Error {
  override readonly name = 'ConnectionRefused';
}

/** What a socket tells its owner. After `closed` nothing follows. */
export interface PeerSocketEvents {
  /** Only for dialled sockets, once. */
  connected(): void;
  /** The first `length` bytes of `bytes`; they are overwritten after the call. */
  data(bytes: Buffer, length: number): void;
  closed(cause: Error): void;
}

/** One open or opening byte stream. */
export interface PeerSocket {
  /** `written` is called when the socket has let go of the buffer; not after it was closed. */
  write(bytes: Buffer, written: () => void): void;
  /** Writes these last bytes and closes, within a bounded time. No event follows. */
  end(lastBytes: Buffer): void;
  /** Closes at once. No event follows. */
  destroy(): void;
}

export interface PeerListenerEvents {
  /** A socket has come in; no event is called before this has returned. */
  accepted(socket: PeerSocket): PeerSocketEvents;
  /** A socket could not be accepted; it goes on listening. */
  failed(cause: Error): void;
}

export interface PeerListener {
  readonly address: PeerAddress;
  /** Accepts no more; open sockets stay. */
  close(): Promise<void>;
}

/** The network as an argument, so that the simulator can own it. */
export interface PeerNetwork {
  /** No event is called before this has returned. */
  dial(address: PeerAddress, events: PeerSocketEvents): PeerSocket;
  /** @throws the cause, where it is not possible to listen there; port 0 takes a free one */
  listen(address: PeerAddress, events: PeerListenerEvents): Promise<PeerListener>;
}
