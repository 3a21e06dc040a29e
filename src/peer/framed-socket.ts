import { FrameReader } from './frame-reader.ts';
import { PeerFault } from './peer-fault.ts';
import type { PeerSocket, PeerSocketEvents } from './peer-network.ts';
import type { PeerTally } from './peer-tally.ts';

/** Whoever has the say over a socket at the moment: a handshake, then the connection that comes of it. */
export interface FrameReceiver {
  /** @throws PeerFault, which comes back through `lost` */
  frame(bytes: Buffer, start: number, end: number): void;
  /** After each piece of data, when its frames were handed over. */
  drained(): void;
  /** The stream has ended, or can not be read on. Closing the socket is the receiver's business. */
  lost(fault: PeerFault): void;
}

/** Frames out of a socket, to a receiver that may change from one frame to the next. */
export class FramedSocket implements PeerSocketEvents {
  receiver: FrameReceiver;
  readonly #reader: FrameReader;
  readonly #tally: PeerTally;
  readonly #onConnected: () => void;
  #socket: PeerSocket | undefined;

  /** @param frameBytesMax until {@link accept} is called */
  constructor(
    receiver: FrameReceiver,
    frameBytesMax: number,
    tally: PeerTally,
    onConnected = (): void => undefined,
  ) {
    this.receiver = receiver;
    this.#tally = tally;
    this.#onConnected = onConnected;
    this.#reader = new FrameReader(frameBytesMax, (bytes, start, end) =>
      this.receiver.frame(bytes, start, end),
    );
  }

  get socket(): PeerSocket {
    if (this.#socket === undefined) throw new Error('an event before the socket was there');
    return this.#socket;
  }

  attach(socket: PeerSocket): void {
    this.#socket = socket;
  }

  /** From now on frames may be that long, and they go to `receiver`. */
  accept(receiver: FrameReceiver, frameBytesMax: number): void {
    this.receiver = receiver;
    this.#reader.frameBytesMax = frameBytesMax;
  }

  /** Nothing more comes out, also of the piece that is being read. */
  stop(): void {
    this.#reader.stop();
  }

  connected(): void {
    this.#onConnected();
  }

  data(bytes: Buffer, length: number): void {
    this.#tally.bytesReceived += length;
    try {
      this.#reader.push(bytes, length);
    } catch (error) {
      this.stop();
      if (!(error instanceof PeerFault)) throw error;
      this.receiver.lost(error);
      return;
    }
    this.receiver.drained();
  }

  closed(cause: Error): void {
    this.stop();
    this.receiver.lost(new PeerFault('network', cause.message, { cause }));
  }
}
