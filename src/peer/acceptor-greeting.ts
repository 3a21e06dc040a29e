import type { Cancel, Time } from '../std/time.ts';
import { FramedSocket } from './framed-socket.ts';
import type { FrameReceiver } from './framed-socket.ts';
import { AcceptorHandshake } from './handshake.ts';
import type { Greeted, HandshakeContext } from './handshake.ts';
import { encodeRefusal, handshakeBytesMax, withLength } from './handshake-codec.ts';
import type { Attachment } from './handshake-codec.ts';
import type { LiveConnection } from './live-connection.ts';
import { PeerFault } from './peer-fault.ts';
import type { PeerSocket } from './peer-network.ts';
import type { PeerTally } from './peer-tally.ts';

export interface AcceptorGreetingOptions {
  readonly time: Time;
  readonly tally: PeerTally;
  readonly context: HandshakeContext;
  readonly connectMs: number;
  readonly frameBytesMax: number;
  /**
   * Proven: which channel it gets. `open` is called when the welcome is on its way.
   * @throws PeerFault where it gets none
   */
  readonly proven: (greeted: Greeted) => {
    readonly attachment: Attachment;
    readonly open: (socket: PeerSocket) => LiveConnection;
  };
  /** Once, in the end: undefined where a connection came of it. */
  readonly over: (fault: PeerFault | undefined) => void;
}

/** An accepted socket that has not proved yet that it knows the secret: little is read of it, nothing is done for it. */
export class AcceptorGreeting implements FrameReceiver {
  readonly framed: FramedSocket;
  readonly #options: AcceptorGreetingOptions;
  readonly #handshake: AcceptorHandshake;
  readonly #cancelDeadline: Cancel;
  #isOver = false;

  constructor(socket: PeerSocket, options: AcceptorGreetingOptions) {
    this.#options = options;
    this.#handshake = new AcceptorHandshake(options.context);
    this.framed = new FramedSocket(this, handshakeBytesMax, options.tally);
    this.framed.attach(socket);
    this.#cancelDeadline = options.time.after(options.connectMs, () =>
      this.lost(new PeerFault('timeout', `no proof within ${options.connectMs} ms`)),
    );
  }

  frame(bytes: Buffer, start: number, end: number): void {
    const { socket } = this.framed;
    const step = this.#handshake.receive(bytes.subarray(start, end));
    if (step.kind === 'send') {
      socket.write(withLength(step.frame), () => undefined);
      return;
    }
    const { attachment, open } = this.#options.proven(step);
    socket.write(withLength(this.#handshake.welcome(attachment)), () => undefined);
    this.#finish();
    const connection = open(socket);
    this.framed.accept(connection, this.#options.frameBytesMax);
    connection.flushSoon();
    this.#options.over(undefined);
  }

  drained(): void {
    // The handshake goes on frame by frame.
  }

  /** Tells the reason before it closes. */
  lost(fault: PeerFault): void {
    if (this.#isOver) return;
    this.#finish();
    this.framed.stop();
    if (fault.code === 'network') this.framed.socket.destroy();
    else this.framed.socket.end(withLength(encodeRefusal({ code: fault.code, text: fault.message })));
    this.#options.over(fault);
  }

  #finish(): void {
    this.#isOver = true;
    this.#cancelDeadline();
  }
}
