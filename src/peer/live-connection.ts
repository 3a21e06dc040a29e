import type { Cancel, Time } from '../std/time.ts';
import { unpackFrame } from './frame-codec.ts';
import type { PeerFrame } from './frame-codec.ts';
import type { FrameReceiver } from './framed-socket.ts';
import { FrameWriter } from './frame-writer.ts';
import { PeerFault } from './peer-fault.ts';
import type { PeerFaultCode } from './peer-fault.ts';
import type { PeerLimits } from './peer-limits.ts';
import type { PeerSocket } from './peer-network.ts';
import type { PeerTally } from './peer-tally.ts';
import type { ReceiveWindow } from './receive-window.ts';
import type { SendWindow } from './send-window.ts';

/** A numbered frame that was taken: in order, each once. */
export type ContentFrame = Extract<PeerFrame, { kind: 'request' | 'note' | 'reply' }>;

export interface LiveConnectionOptions {
  readonly socket: PeerSocket;
  readonly outgoing: SendWindow;
  readonly incoming: ReceiveWindow;
  readonly limits: PeerLimits;
  readonly time: Time;
  readonly tally: PeerTally;
  /** @throws PeerFault where such a frame makes no sense at this end */
  readonly onContent: (frame: ContentFrame, bytes: number) => void;
  readonly onUnsendable: (id: number) => void;
  /** Once, and nothing follows; not after {@link LiveConnection.close} or {@link LiveConnection.destroy}. */
  readonly onLost: (fault: PeerFault) => void;
}

/**
 * A channel on an authenticated connection, the same at both ends: frames in are counted, frames out go in one write
 * a tick, and a peer that is silent or takes nothing is noticed.
 */
export class LiveConnection implements FrameReceiver {
  readonly #options: LiveConnectionOptions;
  readonly #out = new FrameWriter();
  readonly #flushNow = (): void => this.#flush();
  #isOpen = true;
  #isFlushDue = false;
  #cancelBeat: Cancel;
  #hasWritten = false;
  /** Heartbeats since the last byte came, and since the peer last acknowledged anything while it owed that. */
  #silentBeats = 0;
  #stalledBeats = 0;
  #acknowledgedAtBeat = 0;

  constructor(options: LiveConnectionOptions) {
    this.#options = options;
    this.#cancelBeat = this.#nextBeat();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** For how long nothing has come, by heartbeats of this side; ms. */
  get quietMs(): number {
    return this.#silentBeats * this.#options.limits.heartbeatMs;
  }

  /** One frame from the socket. @throws PeerFault */
  frame(bytes: Buffer, start: number, end: number): void {
    const { incoming, outgoing, tally } = this.#options;
    const frame = unpackFrame(bytes, start, end);
    switch (frame.kind) {
      case 'acknowledge':
        outgoing.acknowledge(frame.received);
        return;
      case 'goodbye':
        throw new PeerFault(frame.code, frame.text, { isRemote: true });
      case 'request':
      case 'note':
      case 'reply':
        if (incoming.take(frame.seq, end - start)) this.#options.onContent(frame, end - start);
        else tally.duplicates += 1;
    }
  }

  /** After each piece of data, when its frames were handed over. */
  drained(): void {
    this.#silentBeats = 0;
    const { incoming, outgoing } = this.#options;
    if (incoming.isDue || outgoing.isReady) this.flushSoon();
  }

  /** Sends what may be sent, at the end of this tick. */
  flushSoon(): void {
    if (this.#isFlushDue || !this.#isOpen) return;
    this.#isFlushDue = true;
    this.#options.time.soon(this.#flushNow);
  }

  /** Says why, and closes. */
  close(code: PeerFaultCode, text: string): void {
    if (!this.#isOpen) return;
    this.#stop();
    this.#fill();
    this.#out.goodbye(code, text);
    this.#options.socket.end(this.#out.take());
  }

  /** Closes silently. */
  destroy(): void {
    if (!this.#isOpen) return;
    this.#stop();
    this.#options.socket.destroy();
  }

  /** The socket has closed, or what came over it is wrong. */
  lost(fault: PeerFault): void {
    if (!this.#isOpen) return;
    if (fault.isRemote || fault.code === 'network') this.destroy();
    else this.close(fault.code, fault.message);
    this.#options.onLost(fault);
  }

  #stop(): void {
    this.#isOpen = false;
    this.#cancelBeat();
  }

  #flush(): void {
    this.#isFlushDue = false;
    if (!this.#isOpen) return;
    this.#fill();
    if (this.#out.length === 0) return;
    this.#hasWritten = true;
    const { socket, tally } = this.#options;
    const bytes = this.#out.take();
    tally.bytesSent += bytes.length;
    socket.write(bytes, () => this.#out.giveBack(bytes));
  }

  #fill(): void {
    const { outgoing, incoming, time, tally, onUnsendable } = this.#options;
    if (outgoing.isReady) tally.resent += outgoing.write(this.#out, time.monotonicMs(), onUnsendable);
    if (incoming.isDue || (incoming.canRide && this.#out.length > 0)) this.#out.acknowledge(incoming.tell());
  }

  #nextBeat(): Cancel {
    const { time, limits } = this.#options;
    return time.after(limits.heartbeatMs, () => this.#beat());
  }

  /** Counts beats, not time: a process that was suspended has missed beats of its own, not of its peer. */
  #beat(): void {
    const { limits, outgoing, incoming } = this.#options;
    this.#cancelBeat = this.#nextBeat();
    this.#silentBeats += 1;
    const isMoving = !outgoing.hasUnacknowledged || outgoing.acknowledged !== this.#acknowledgedAtBeat;
    this.#stalledBeats = isMoving ? 0 : this.#stalledBeats + 1;
    this.#acknowledgedAtBeat = outgoing.acknowledged;
    if (this.#silentBeats > limits.silentHeartbeatsMax) {
      this.lost(new PeerFault('silent', `nothing heard for ${this.#silentBeats} heartbeats`));
      return;
    }
    if (this.#stalledBeats > limits.stalledHeartbeatsMax) {
      this.lost(new PeerFault('silent', `nothing acknowledged for ${this.#stalledBeats} heartbeats`));
      return;
    }
    if (!this.#hasWritten || incoming.hasNews) {
      this.#out.acknowledge(incoming.tell());
      this.flushSoon();
    }
    this.#hasWritten = false;
  }
}
