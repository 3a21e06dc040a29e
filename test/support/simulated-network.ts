import { ConnectionRefused } from '../../src/peer/peer-network.ts';
import type {
  PeerAddress,
  PeerListener,
  PeerListenerEvents,
  PeerNetwork,
  PeerSocket,
  PeerSocketEvents,
} from '../../src/peer/peer-network.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface SimulatedNetworkOptions {
  readonly time: VirtualTime;
  /** How long the next piece of bytes takes. Default: 1 ms. */
  readonly latencyMs?: () => number;
  /** The longest piece that is delivered at once. Default: all. */
  readonly pieceBytes?: () => number;
  /** How many bytes, in both directions together, the next connection carries before it breaks. Default: any. */
  readonly bytesUntilBreak?: () => number;
}

/** One byte stream between two ends. Bytes are read from the writer's buffer when they are delivered, no sooner. */
export class SimulatedConnection {
  readonly #options: SimulatedNetworkOptions;
  readonly dialer: SimulatedEnd;
  readonly acceptor: SimulatedEnd;
  #bytesLeft: number;
  #isBroken = false;
  /** Takes bytes and delivers none, and says nothing about it: a cut cable. */
  isMute = false;

  constructor(options: SimulatedNetworkOptions) {
    this.#options = options;
    this.#bytesLeft = options.bytesUntilBreak?.() ?? Infinity;
    this.dialer = new SimulatedEnd(this, options.time);
    this.acceptor = new SimulatedEnd(this, options.time);
    this.dialer.other = this.acceptor;
    this.acceptor.other = this.dialer;
  }

  get latencyMs(): number {
    return this.#options.latencyMs?.() ?? 1;
  }

  get isOpen(): boolean {
    return !this.#isBroken;
  }

  /** Both ends hear of it; what is under way is lost. */
  break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    for (const end of [this.dialer, this.acceptor]) end.hearClosed(new Error('the connection was cut'));
  }

  deliver(bytes: Buffer, to: SimulatedEnd): void {
    for (let at = 0; at < bytes.length && !this.#isBroken && !this.isMute;) {
      const piece = bytes.subarray(at, at + Math.max(1, this.#options.pieceBytes?.() ?? bytes.length));
      at += piece.length;
      const isLast = piece.length >= this.#bytesLeft;
      const arriving = Buffer.from(piece.subarray(0, Math.min(piece.length, this.#bytesLeft)));
      this.#bytesLeft -= arriving.length;
      if (arriving.length > 0) to.hearData(arriving);
      arriving.fill(0xee); // the buffer is reused, as with real sockets
      if (isLast) this.break();
    }
  }
}

class SimulatedEnd implements PeerSocket {
  events: PeerSocketEvents | undefined;
  other: SimulatedEnd | undefined;
  readonly #connection: SimulatedConnection;
  readonly #time: VirtualTime;
  #lastArrivalMs = 0;
  #isReleased = false;

  constructor(connection: SimulatedConnection, time: VirtualTime) {
    this.#connection = connection;
    this.#time = time;
  }

  write(bytes: Buffer, written: () => void): void {
    this.#later(() => {
      if (!this.#connection.isOpen) return;
      if (this.other !== undefined) this.#connection.deliver(bytes, this.other);
      if (!this.#connection.isMute) written();
    });
  }

  end(lastBytes: Buffer): void {
    this.write(lastBytes, () => undefined);
    this.destroy();
  }

  destroy(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#later(() => {
      if (!this.#connection.isMute) this.other?.hearClosed(new Error('the other side closed the connection'));
    });
  }

  hearData(bytes: Buffer): void {
    if (!this.#isReleased) this.events?.data(bytes, bytes.length);
  }

  hearClosed(cause: Error): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.events?.closed(cause);
  }

  /** In order, whatever the latencies. */
  #later(run: () => void): void {
    const nowMs = this.#time.monotonicMs();
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, nowMs + this.#connection.latencyMs);
    this.#time.after(this.#lastArrivalMs - nowMs, run);
  }
}

/** A network of one process on virtual time; hosts are ignored, ports are given out from 1. */
export class SimulatedNetwork implements PeerNetwork {
  readonly connections: SimulatedConnection[] = [];
  readonly #options: SimulatedNetworkOptions;
  readonly #listeners = new Map<number, PeerListenerEvents>();
  #lastPort = 0;

  constructor(options: SimulatedNetworkOptions) {
    this.#options = options;
  }

  dial({ port }: PeerAddress, events: PeerSocketEvents): PeerSocket {
    const connection = new SimulatedConnection(this.#options);
    const { dialer, acceptor } = connection;
    dialer.events = events;
    this.#options.time.after(connection.latencyMs, () => {
      const listener = this.#listeners.get(port);
      if (listener === undefined) {
        dialer.hearClosed(new ConnectionRefused('connection refused'));
        return;
      }
      this.connections.push(connection);
      acceptor.events = listener.accepted(acceptor);
      events.connected();
    });
    return dialer;
  }

  async listen({ host, port: wanted }: PeerAddress, events: PeerListenerEvents): Promise<PeerListener> {
    const port = wanted === 0 ? (this.#lastPort += 1) : wanted;
    if (this.#listeners.has(port)) throw new Error(`port ${port} is taken`);
    this.#listeners.set(port, events);
    return {
      address: { host, port },
      close: async () => void this.#listeners.delete(port),
    };
  }

  /** The connection that was made last. */
  get last(): SimulatedConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('no connection was made yet');
    return connection;
  }

  /** Whoever listens there is gone without a word, and its connections with it. */
  kill(port: number): void {
    this.#listeners.delete(port);
    this.breakAll();
  }

  breakAll(): void {
    for (const connection of this.connections) connection.break();
  }
}
