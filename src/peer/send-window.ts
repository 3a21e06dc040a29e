import { Fifo } from './fifo.ts';
import { frameOverheadBytes } from './frame-writer.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { FrameContent } from './frame-codec.ts';
import type { PeerTerms } from './peer-limits.ts';
import { PeerFault } from './peer-fault.ts';

/** A frame that is kept until the peer has it. */
export interface OutgoingFrame extends FrameContent {
  /** Of the request that it answers; or its own, rising from frame to frame. */
  readonly id: number;
  /** Of a request: absolute monotonic ms. Not sent for the first time after that. undefined for other frames. */
  readonly deadline?: number | undefined;
}

export interface SendWindowLimits {
  readonly queueFramesMax: number;
  readonly queueBytesMax: number;
}

const sizeOf = (frame: FrameContent): number => frame.bytes.length + frameOverheadBytes;

/**
 * The frames of one direction of a channel: numbered from 1 when they are first sent, kept until acknowledged, sent
 * again after a break. Pure: time comes in, bytes go to a writer.
 */
export class SendWindow {
  readonly #limits: SendWindowLimits;
  /** Numbered, not acknowledged; the first one is #acknowledged + 1. */
  readonly #sent = new Fifo<OutgoingFrame>();
  readonly #waiting = new Fifo<OutgoingFrame>();
  #acknowledged = 0;
  /** How many of #sent went out on the present connection. */
  #onWire = 0;
  #sentBytes = 0;
  #waitingBytes = 0;
  #terms: PeerTerms | undefined;

  constructor(limits: SendWindowLimits) {
    this.#limits = limits;
  }

  get frames(): number {
    return this.#sent.length + this.#waiting.length;
  }

  get bytes(): number {
    return this.#sentBytes + this.#waitingBytes;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  get hasUnacknowledged(): boolean {
    return this.#sent.length > 0;
  }

  /** The id of the oldest frame that was never sent, or undefined. */
  get firstWaitingId(): number | undefined {
    return this.#waiting.at(0)?.id;
  }

  /** false: full, nothing was done. */
  push(frame: OutgoingFrame): boolean {
    const bytes = sizeOf(frame);
    if (this.frames >= this.#limits.queueFramesMax || this.bytes + bytes > this.#limits.queueBytesMax)
      return false;
    this.pushAnyway(frame);
    return true;
  }

  /** For small frames whose number is bounded by something else. */
  pushAnyway(frame: OutgoingFrame): void {
    this.#waiting.push(frame);
    this.#waitingBytes += sizeOf(frame);
  }

  /** Is there something that may be sent now? */
  get isReady(): boolean {
    return this.#onWire < this.#sent.length || this.#fits(this.#waiting.at(0));
  }

  /**
   * Writes all that may be sent now.
   * @param unsendable hears of frames that are larger than the peer accepts; they are dropped
   * @returns how many frames were sent again
   */
  write(out: FrameWriter, nowMs: number, unsendable: (id: number) => void): number {
    let again = 0;
    for (; this.#onWire < this.#sent.length; this.#onWire++, again++) this.#writeAt(this.#onWire, out, nowMs);
    for (
      let frame = this.#waiting.at(0);
      frame !== undefined && this.#fits(frame);
      frame = this.#waiting.at(0)
    ) {
      this.#waiting.shift();
      const bytes = sizeOf(frame);
      this.#waitingBytes -= bytes;
      if (frame.deadline !== undefined && frame.deadline <= nowMs) continue;
      if (bytes > (this.#terms?.frameBytesMax ?? 0)) {
        unsendable(frame.id);
        continue;
      }
      this.#sent.push(frame);
      this.#sentBytes += bytes;
      this.#writeAt(this.#onWire++, out, nowMs);
    }
    return again;
  }

  /** @throws PeerFault where the peer acknowledges what was never sent */
  acknowledge(received: number): void {
    if (received > this.#acknowledged + this.#onWire) {
      throw new PeerFault('protocol', `frame ${received} acknowledged, which was never sent`);
    }
    this.#release(received);
  }

  /** Could a peer that has received so much go on with this window? */
  canResume(received: number): boolean {
    return received >= this.#acknowledged && received <= this.#acknowledged + this.#sent.length;
  }

  /** A new connection of the same channel: what the peer lacks is sent again. Needs {@link canResume}. */
  resume(received: number, terms: PeerTerms): void {
    this.#terms = terms;
    this.#release(received);
    this.#onWire = 0;
  }

  /** A new channel: what was sent is forgotten, what waits stays. */
  restart(terms: PeerTerms): void {
    this.forgetSent();
    this.#terms = terms;
    this.#acknowledged = 0;
  }

  forgetSent(): void {
    this.#sent.clear();
    this.#sentBytes = 0;
    this.#onWire = 0;
  }

  clear(): void {
    this.forgetSent();
    this.#waiting.clear();
    this.#waitingBytes = 0;
  }

  #release(received: number): void {
    while (this.#acknowledged < received) {
      const frame = this.#sent.shift();
      if (frame === undefined) return;
      this.#sentBytes -= sizeOf(frame);
      this.#acknowledged += 1;
      this.#onWire = Math.max(0, this.#onWire - 1);
    }
  }

  /** What is larger than the whole window may go when the window is empty. */
  #fits(frame: OutgoingFrame | undefined): boolean {
    if (frame === undefined || this.#terms === undefined) return false;
    if (this.#sent.length === 0) return true;
    const { windowFramesMax, windowBytesMax } = this.#terms;
    return this.#sent.length < windowFramesMax && this.#sentBytes + sizeOf(frame) <= windowBytesMax;
  }

  #writeAt(index: number, out: FrameWriter, nowMs: number): void {
    const frame = this.#sent.at(index);
    if (frame === undefined) return;
    const remainingMs = frame.deadline === undefined ? undefined : frame.deadline - nowMs;
    out.numbered(this.#acknowledged + index + 1, frame, remainingMs);
  }
}
