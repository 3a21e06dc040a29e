import type { Cancel, Time } from '../std/time.ts';
import { FramedSocket } from './framed-socket.ts';
import type { FrameReceiver } from './framed-socket.ts';
import { DialerHandshake } from './handshake.ts';
import type { Greeted, HandshakeContext } from './handshake.ts';
import { handshakeBytesMax, withLength } from './handshake-codec.ts';
import type { Attachment } from './handshake-codec.ts';
import { PeerFault } from './peer-fault.ts';
import type { PeerAddress, PeerNetwork } from './peer-network.ts';
import type { PeerIdentity } from './peer-request.ts';
import type { PeerTally } from './peer-tally.ts';

export interface DialerGreetingOptions {
  readonly network: PeerNetwork;
  readonly time: Time;
  readonly tally: PeerTally;
  readonly context: HandshakeContext;
  readonly nodeId: string;
  readonly address: PeerAddress;
  /** For all of it, dialling included. */
  readonly connectMs: number;
  readonly offer: (peer: PeerIdentity) => Attachment;
  /** The socket is the callee's now. @throws PeerFault where the welcome makes no sense; then `failed` follows */
  readonly greeted: (framed: FramedSocket, greeted: Greeted) => void;
  /** The socket is closed. */
  readonly failed: (fault: PeerFault) => void;
}

/** One attempt to get from an address to an authenticated connection: one of its callbacks is called once. */
export class DialerGreeting implements FrameReceiver {
  readonly #options: DialerGreetingOptions;
  readonly #handshake: DialerHandshake;
  readonly #framed: FramedSocket;
  readonly #cancelDeadline: Cancel;
  #isOver = false;

  constructor(options: DialerGreetingOptions) {
    const { network, address, time, connectMs, tally } = options;
    this.#options = options;
    this.#handshake = new DialerHandshake(options.context, options.nodeId, options.offer);
    this.#framed = new FramedSocket(this, handshakeBytesMax, tally, () =>
      this.#send(this.#handshake.hello()),
    );
    this.#framed.attach(network.dial(address, this.#framed));
    this.#cancelDeadline = time.after(connectMs, () =>
      this.lost(new PeerFault('timeout', `no connection within ${connectMs} ms`)),
    );
  }

  frame(bytes: Buffer, start: number, end: number): void {
    const step = this.#handshake.receive(bytes.subarray(start, end));
    if (step.kind === 'send') {
      this.#send(step.frame);
      return;
    }
    this.#options.greeted(this.#framed, step);
    this.#finish();
  }

  drained(): void {
    // The handshake goes on frame by frame.
  }

  lost(fault: PeerFault): void {
    if (this.#isOver) return;
    this.abandon();
    this.#options.failed(fault);
  }

  abandon(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#framed.stop();
    this.#framed.socket.destroy();
  }

  #finish(): void {
    this.#isOver = true;
    this.#cancelDeadline();
  }

  #send(frame: Buffer): void {
    this.#framed.socket.write(withLength(frame), () => undefined);
  }
}
