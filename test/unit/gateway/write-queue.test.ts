import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlushRound } from '../../../src/gateway/flush-round.ts';
import { framesOf, textFrame } from '../../../src/gateway/websocket-frame.ts';
import { WriteQueue } from '../../../src/gateway/write-queue.ts';
import { ManualTime } from '../../support/manual-time.ts';

/** A socket that takes data only when told to. */
class StubbornSocket extends Duplex {
  readonly writes: Buffer[] = [];
  isOpen = true;
  #waiting: (() => void) | undefined;

  constructor() {
    super({ writableHighWaterMark: 64 });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(chunk);
    if (this.isOpen) done();
    else this.#waiting = done;
  }

  override _read(): void {
    // Nothing is ever read here.
  }

  open(): void {
    this.isOpen = true;
    this.#waiting?.();
    this.#waiting = undefined;
  }

  /** What came out, read by the rules of RFC 6455. */
  messages(): string[] {
    const bytes = Buffer.concat(this.writes);
    const found: string[] = [];
    for (let at = 0; at < bytes.length;) {
      expect(bytes[at]).toBe(0x81); // a text, whole
      const short = bytes[at + 1]!;
      const [size, header] =
        short < 126
          ? [short, 2]
          : short === 126
            ? [bytes.readUInt16BE(at + 2), 4]
            : [Number(bytes.readBigUInt64BE(at + 2)), 10];
      // The shortest form is a must.
      expect(header).toBe(size < 126 ? 2 : size < 65_536 ? 4 : 10);
      found.push(bytes.toString('utf8', at + header, at + header + size));
      at += header + size;
    }
    return found;
  }
}

function setUp(bytesMax = 100_000) {
  const time = new ManualTime();
  const socket = new StubbornSocket();
  let rooms = 0;
  const queue = new WriteQueue({
    socket,
    frameKind: textFrame,
    bytesMax,
    round: new FlushRound(time),
    traffic: { framesReceived: 0, bytesReceived: 0, bytesSent: 0, changesPushed: 0, changesCaughtUp: 0 },
    time,
    onRoom: () => {
      rooms += 1;
    },
  });
  return { time, socket, queue, rooms: () => rooms };
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('WriteQueue', () => {
  it('writes what came in one tick at once, as frames that a client reads', async () => {
    const sizes = fc.oneof(fc.nat(200), fc.constantFrom(125, 126, 65_535, 65_536, 70_000));
    await fc.assert(
      fc.asyncProperty(fc.array(sizes, { minLength: 1, maxLength: 20 }), async (lengths) => {
        const { time, socket, queue } = setUp(1e9);
        const texts = lengths.map((length, index) => `${index}ü`.padEnd(length, 'é'));
        texts.forEach((text, index) => {
          if (index % 3 === 0) queue.pushFrames(framesOf(textFrame, [text]));
          else queue.push(index % 3 === 1 ? text : Buffer.from(text));
        });
        expect(socket.writes).toEqual([]);
        for (let tick = 0; tick < 50; tick++) {
          time.advance(1);
          await settle();
        }
        expect(socket.messages()).toEqual(texts);
        const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
        if (bytes < 60_000) expect(socket.writes).toHaveLength(1);
      }),
      { numRuns: 50 },
    );
  });

  it('holds what a full socket does not take, says so, and tells when there is room', async () => {
    const { time, socket, queue, rooms } = setUp(1_000);
    socket.isOpen = false;
    queue.push('a'.repeat(300));
    time.advance(5);
    expect(queue.blockedMs(25)).toBe(25);
    queue.push('b'.repeat(500));
    time.advance(5);
    expect(socket.writes).toHaveLength(1);
    expect(queue.fits(150)).toBe(true);
    expect(queue.fits(300)).toBe(false);
    expect(queue.hasRoom()).toBe(true);
    socket.open();
    await settle();
    await settle();
    expect([queue.blockedMs(1e6), rooms()]).toEqual([0, 1]);
    expect(socket.messages()).toEqual(['a'.repeat(300), 'b'.repeat(500)]);
  });

  it('what is larger than the limit goes out when nothing else waits', () => {
    const { queue } = setUp(1_000);
    expect(queue.fits(5_000)).toBe(true);
    queue.push('x');
    expect(queue.fits(5_000)).toBe(false);
  });

  it('tells of room also when the socket never was full', () => {
    const { time, queue, rooms } = setUp(1_000);
    queue.push('x'.repeat(900));
    expect(queue.fits(200)).toBe(false);
    time.advance(1);
    expect(rooms()).toBe(1);
    expect(queue.fits(200)).toBe(true);
  });

  it('finish writes at once what the socket takes and forgets the rest', async () => {
    const { time, socket, queue } = setUp();
    queue.push('taken');
    queue.finish();
    expect(socket.messages()).toEqual(['taken']);
    socket.isOpen = false;
    queue.push('y'.repeat(200));
    queue.finish();
    queue.push('too late');
    queue.finish();
    socket.open();
    await settle();
    time.advance(1);
    expect(socket.messages()).toEqual(['taken', 'y'.repeat(200)]);
  });
});
