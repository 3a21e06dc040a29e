import type { Duplex } from 'node:stream';
import type { Time } from '../std/time.ts';
import type { TrafficTally } from '../telemetry/node-metrics.ts';
import type { FlushRound } from './flush-round.ts';
import { headerBytes, payloadBytesOf, writeHeader, writePayload } from './websocket-frame.ts';
import type { FrameKind } from './websocket-frame.ts';

/** Bytes given to the socket at once (or one frame that is larger): what it takes shows that the peer still reads. */
const writeBytes = 64 * 1024;

export interface WriteQueueOptions {
  readonly socket: Duplex;
  readonly frameKind: FrameKind;
  readonly bytesMax: number;
  readonly round: FlushRound;
  readonly traffic: TrafficTally;
  readonly time: Time;
  /** There is room again, after `fits` or `hasRoom` had said no. */
  readonly onRoom: () => void;
}

/**
 * Frames on their way to a socket. What is written in one tick goes out in one system call, and while the socket
 * takes no data its frames stay here, counted. The queue writes whole frames, so that the control frames which ws
 * writes to the same socket never land within one.
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  /** Payloads still to be framed, or ready frames; #sizes has the payload's bytes, or -1 for ready frames. */
  #entries: (string | Uint8Array)[] = [];
  #sizes: number[] = [];
  #bytes = 0;
  #isDue = false;
  #isStarved = false;
  /** Since when the socket has taken no data, monotonic ms; undefined while it does. */
  #blockedSinceMs: number | undefined;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
    options.socket.on('drain', () => this.#drained());
  }

  /** How long the socket has been taking nothing. */
  blockedMs(nowMs: number): number {
    return this.#blockedSinceMs === undefined ? 0 : nowMs - this.#blockedSinceMs;
  }

  /** Room for so many bytes. An empty queue takes anything: else what is larger than all would never go out. */
  fits(bytes: number): boolean {
    const waiting = this.#waitingBytes();
    if (waiting === 0 || waiting + bytes <= this.#options.bytesMax) return true;
    this.#isStarved = true;
    return false;
  }

  hasRoom(): boolean {
    if (this.#waitingBytes() < this.#options.bytesMax) return true;
    this.#isStarved = true;
    return false;
  }

  /** One message, to be sent as one frame. */
  push(payload: string | Uint8Array): void {
    const bytes = payloadBytesOf(payload);
    this.#add(payload, bytes, bytes + headerBytes(bytes));
  }

  /** Frames that are complete. */
  pushFrames(frames: Uint8Array): void {
    this.#add(frames, -1, frames.length);
  }

  flush(): void {
    this.#isDue = false;
    this.#write();
    this.#offerRoom();
  }

  /** Before a close frame: writes what the socket still takes, and forgets the rest. */
  finish(): void {
    this.#write();
    this.#entries = [];
    this.#sizes = [];
    this.#bytes = 0;
    this.#isStarved = false;
  }

  /** While the socket takes data, what it holds is as good as sent: no event would tell when it is. */
  #waitingBytes(): number {
    return this.#blockedSinceMs === undefined
      ? this.#bytes
      : this.#bytes + this.#options.socket.writableLength;
  }

  #add(entry: string | Uint8Array, size: number, bytes: number): void {
    this.#entries.push(entry);
    this.#sizes.push(size);
    this.#bytes += bytes;
    if (this.#isDue || this.#blockedSinceMs !== undefined) return;
    this.#isDue = true;
    this.#options.round.add(this);
  }

  #write(): void {
    const { socket, traffic, time } = this.#options;
    while (this.#entries.length > 0 && this.#blockedSinceMs === undefined) {
      if (socket.destroyed || socket.writableEnded) return;
      const frames = this.#takeFrames();
      traffic.bytesSent += frames.length;
      if (!socket.write(frames)) this.#blockedSinceMs = time.monotonicMs();
    }
  }

  /** The first entries, up to `writeBytes`, as one run of frames. */
  #takeFrames(): Uint8Array {
    let count = 0;
    let bytes = 0;
    while (count < this.#entries.length && (count === 0 || bytes < writeBytes)) {
      bytes += this.#bytesAt(count);
      count += 1;
    }
    const frames = this.#framesOf(count, bytes);
    if (count === this.#entries.length) {
      this.#entries = [];
      this.#sizes = [];
    } else {
      this.#entries.splice(0, count);
      this.#sizes.splice(0, count);
    }
    this.#bytes -= bytes;
    return frames;
  }

  #framesOf(count: number, bytes: number): Uint8Array {
    const [first] = this.#entries;
    // As it is, so that what goes to many is not copied for each of them.
    if (count === 1 && typeof first === 'object' && this.#sizes[0] === -1) return first;
    const frames = Buffer.allocUnsafe(bytes);
    let at = 0;
    for (let index = 0; index < count; index++) at = this.#writeEntry(frames, at, index);
    return frames;
  }

  #bytesAt(index: number): number {
    const size = this.#sizes[index] ?? 0;
    return size < 0 ? (this.#entries[index]?.length ?? 0) : headerBytes(size) + size;
  }

  #writeEntry(frames: Buffer, at: number, index: number): number {
    const entry = this.#entries[index] ?? '';
    const size = this.#sizes[index] ?? 0;
    if (size < 0) return writePayload(frames, at, entry, entry.length);
    const payloadAt = writeHeader(frames, at, this.#options.frameKind, size);
    return writePayload(frames, payloadAt, entry, size);
  }

  #drained(): void {
    this.#blockedSinceMs = undefined;
    this.flush();
  }

  /** At half of the limit, so that a slow socket is not asked again for every frame it takes. */
  #offerRoom(): void {
    if (!this.#isStarved || this.#waitingBytes() > this.#options.bytesMax / 2) return;
    this.#isStarved = false;
    this.#options.onRoom();
  }
}
