import { createServer, connect, type Server, type Socket } from 'node:net';

/** `out`: from who dials to who is dialed; `back`: the other way. */
export type Direction = 'out' | 'back';

/** About what a connection holds in the kernels of both sides; beyond it the sender has to wait. */
const delayedBytesMax = 256 * 1024;

interface LinkState {
  isHeld(direction: Direction): boolean;
  readonly delayMs: number;
}

/** One way of one connection. What is held or late keeps its order, and nothing is lost while both sides live. */
class Way {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #link: LinkState;
  readonly #direction: Direction;
  readonly #late: { readonly chunk: Buffer; readonly dueMs: number }[] = [];
  #lateBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(from: Socket, to: Socket, direction: Direction, link: LinkState) {
    this.#from = from;
    this.#to = to;
    this.#direction = direction;
    this.#link = link;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.on('end', () => this.#ended());
    from.on('close', () => this.#ended());
    // 'close' follows.
    from.on('error', () => undefined);
    to.on('drain', () => this.flow());
  }

  /** Goes on, or stops, as the link says by now. */
  flow(): void {
    clearTimeout(this.#timer);
    if (this.#link.isHeld(this.#direction)) {
      this.#from.pause();
      return;
    }
    while (!this.#to.writableNeedDrain) {
      const [next] = this.#late;
      if (next === undefined) break;
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.flow(), waitMs);
        return;
      }
      this.#late.shift();
      this.#lateBytes -= next.chunk.length;
      this.#to.write(next.chunk);
    }
    if (this.#late.length === 0 && this.#hasEnded) this.#to.destroy();
    else if (this.#lateBytes < delayedBytesMax && !this.#to.writableNeedDrain) this.#from.resume();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #take(chunk: Buffer): void {
    this.#late.push({ chunk, dueMs: performance.now() + this.#link.delayMs });
    this.#lateBytes += chunk.length;
    if (this.#lateBytes >= delayedBytesMax || this.#to.writableNeedDrain) this.#from.pause();
    this.flow();
  }

  /** Over a link that is held the other side does not hear of an end either. */
  #ended(): void {
    this.#hasEnded = true;
    this.flow();
  }
}

/** Stands between two parties, on a port of its own: slow, silent in one way or both, or broken, as it is told. */
export class LinkProxy {
  readonly name: string;
  /** Where connections go to; set before the first one. */
  targetPort = 0;
  delayMs = 0;
  readonly #held = new Set<Direction>();
  readonly #ways = new Set<Way>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #isBroken = false;

  private constructor(name: string) {
    this.name = name;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  static async open(name: string): Promise<LinkProxy> {
    const proxy = new LinkProxy(name);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  isHeld(direction: Direction): boolean {
    return this.#held.has(direction);
  }

  /** Lets nothing through this way any more, and keeps connections open, as a network does that drops packets. */
  hold(direction: Direction): void {
    this.#held.add(direction);
    for (const way of this.#ways) way.flow();
  }

  /** Ends all connections, and each new one at once. */
  break(): void {
    this.#isBroken = true;
    this.cut();
  }

  /** Ends all connections; new ones are welcome. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** All is well again; what was held goes on. */
  heal(): void {
    this.#held.clear();
    this.delayMs = 0;
    this.#isBroken = false;
    for (const way of this.#ways) way.flow();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(dialer: Socket): void {
    if (this.#isBroken) {
      dialer.on('error', () => undefined);
      dialer.destroy();
      return;
    }
    const target = connect({ host: '127.0.0.1', port: this.targetPort, allowHalfOpen: true });
    const ways = [new Way(dialer, target, 'out', this), new Way(target, dialer, 'back', this)];
    for (const way of ways) {
      this.#ways.add(way);
      way.flow();
    }
    for (const socket of [dialer, target]) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (this.#sockets.has(dialer) || this.#sockets.has(target)) return;
        for (const way of ways) {
          way.stop();
          this.#ways.delete(way);
        }
      });
    }
  }
}
