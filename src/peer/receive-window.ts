import type { PeerTerms } from './peer-limits.ts';
import { PeerFault } from './peer-fault.ts';

/** An acknowledgement goes out on its own when this share of a window is used; else it rides along. */
const ownAcknowledgementShare = 4;
/** Frames that are not worth an acknowledgement, even along with others: a heartbeat will tell. */
const ridingFramesMin = 16;

/** The other direction: takes each frame once and in order, and knows when the peer has to be told. Pure. */
export class ReceiveWindow {
  readonly #framesDue: number;
  readonly #bytesDue: number;
  #received = 0;
  #told = 0;
  #untoldBytes = 0;

  constructor(terms: PeerTerms) {
    this.#framesDue = Math.max(1, Math.floor(terms.windowFramesMax / ownAcknowledgementShare));
    this.#bytesDue = Math.max(1, Math.floor(terms.windowBytesMax / ownAcknowledgementShare));
  }

  /** Number of the last frame taken; 0 before the first. */
  get received(): number {
    return this.#received;
  }

  get hasNews(): boolean {
    return this.#received > this.#told;
  }

  /** Enough to ride along with frames that go out anyway. */
  get canRide(): boolean {
    return this.#received - this.#told >= ridingFramesMin || this.isDue;
  }

  /** The peer may soon have to wait for the acknowledgement. */
  get isDue(): boolean {
    return this.#received - this.#told >= this.#framesDue || this.#untoldBytes >= this.#bytesDue;
  }

  /** @returns false for one that was taken before; @throws PeerFault where one is missing before this one */
  take(seq: number, bytes: number): boolean {
    if (seq <= this.#received) return false;
    if (seq !== this.#received + 1) {
      throw new PeerFault('protocol', `frame ${seq} after frame ${this.#received}`);
    }
    this.#received = seq;
    this.#untoldBytes += bytes;
    return true;
  }

  /** To be sent to the peer now. */
  tell(): number {
    this.#told = this.#received;
    this.#untoldBytes = 0;
    return this.#received;
  }

  /** A new channel. */
  restart(): void {
    this.#received = 0;
    this.tell();
  }
}
