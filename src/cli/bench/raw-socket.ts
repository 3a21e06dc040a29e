import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** Text frames as a slice of a buffer that is only valid during the call. */
export interface RawSocketEvents {
  received(bytes: Buffer, start: number, end: number): void;
  /** The last event, once. `code`: of the server's close frame, else 1006. */
  closed(code: number): void;
}

const opcodes = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const;
const finBit = 0x80;
const readBufferBytes = 64 * 1024;
const headBytesMax = 16 * 1024;
const openTimeoutMs = 10_000;

// A chunk is handled before the next one is read, so all sockets can read into the same memory.
const readBuffer = Buffer.allocUnsafe(readBufferBytes);

const nothing = Buffer.alloc(0);
const waitingToWrite: RawSocket[] = [];

/**
 * A WebSocket client stripped for load generation: ASCII text frames without fragments, read without a copy,
 * all frames of one turn of the event loop written by one system call, masked with zeros (which leaves the
 * text as it is). The load generator shares its machine with what it measures, so its own cost matters.
 */
export class RawSocket {
  readonly #events: RawSocketEvents;
  readonly #socket: Socket;
  #rest: Buffer | undefined;
  #outgoing: string[] = [];
  #isUpgraded = false;
  #isClosing = false;
  #isClosed = false;
  #closeCode = 1006;
  #opened: (error?: Error) => void = () => undefined;

  private constructor(url: URL, events: RawSocketEvents) {
    this.#events = events;
    this.#socket = connect({
      host: url.hostname,
      port: Number(url.port === '' ? 80 : url.port),
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          this.#read(length);
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#opened(error));
    this.#socket.on('close', () => this.#finish());
  }

  /** Opens `ws://host:port/path` with the JSON subprotocol. Rejects with Error. */
  static open(wsUrl: string, events: RawSocketEvents): Promise<RawSocket> {
    return new Promise((resolve, reject) => {
      const url = new URL(wsUrl);
      if (url.protocol !== 'ws:') throw new Error(`${wsUrl}: the load generator speaks ws:// only`);
      const raw = new RawSocket(url, events);
      const timer = setTimeout(() => raw.#opened(new Error('the handshake took too long')), openTimeoutMs);
      raw.#opened = (error) => {
        clearTimeout(timer);
        raw.#opened = () => undefined;
        if (error === undefined) {
          resolve(raw);
        } else {
          raw.#isClosed = true;
          raw.#socket.destroy();
          reject(error);
        }
      };
      raw.#socket.write(
        `GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
          'Sec-WebSocket-Protocol: mailring.v1.json\r\n\r\n',
      );
    });
  }

  /** Sends one ASCII text frame at the end of this turn. */
  send(text: string): void {
    if (this.#isClosed) return;
    if (this.#outgoing.push(text) > 1) return;
    if (waitingToWrite.push(this) === 1) setImmediate(writeAll);
  }

  /** Asks for the close handshake. */
  close(): void {
    this.#isClosing = true;
    this.#sendControl(opcodes.close, Buffer.from([1000 >> 8, 1000 & 0xff]));
  }

  drop(): void {
    this.#socket.destroy();
  }

  /** Writes what waits; called at the end of the turn. */
  flush(): void {
    const texts = this.#outgoing;
    this.#outgoing = [];
    if (this.#isClosed || texts.length === 0) return;
    let byteCount = 0;
    for (const text of texts) byteCount += text.length + (text.length < 126 ? 6 : 8);
    const bytes = Buffer.allocUnsafe(byteCount);
    let at = 0;
    for (const text of texts) {
      at = writeHeader(bytes, at, opcodes.text, text.length);
      at += bytes.write(text, at, 'latin1');
    }
    this.#socket.write(bytes);
  }

  #sendControl(opcode: number, payload: Buffer): void {
    if (this.#isClosed) return;
    this.flush();
    const header = Buffer.allocUnsafe(6);
    writeHeader(header, 0, opcode, payload.length);
    this.#socket.write(Buffer.concat([header, payload]));
  }

  #finish(): void {
    this.#opened(new Error('the server closed the connection'));
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.closed(this.#closeCode);
  }

  /** What has come lies at the beginning of the shared memory. Thousands of frames a second: none costs an object. */
  #read(length: number): void {
    const isWhole = this.#rest === undefined && this.#isUpgraded;
    const bytes = isWhole
      ? readBuffer
      : Buffer.concat([this.#rest ?? nothing, readBuffer.subarray(0, length)]);
    const limit = isWhole ? length : bytes.length;
    let at = 0;
    if (!this.#isUpgraded) {
      at = this.#readHead(bytes);
      if (at === 0) {
        this.#rest = bytes;
        return;
      }
    }
    while (at < limit && !this.#isClosed) {
      const next = this.#readFrame(bytes, at, limit);
      if (next === at) break;
      at = next;
    }
    // What is left lies in shared memory: copy it.
    this.#rest = at < limit ? Buffer.from(bytes.subarray(at, limit)) : undefined;
  }

  /** The position after the answer to the upgrade, 0 while it is not complete. */
  #readHead(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n', 0, 'latin1');
    if (end < 0) {
      if (bytes.length > headBytesMax) this.#opened(new Error('the answer is no handshake'));
      return 0;
    }
    const statusLine = bytes.toString('latin1', 0, bytes.indexOf('\r\n', 0, 'latin1'));
    if (!statusLine.startsWith('HTTP/1.1 101')) {
      this.#opened(new Error(`no WebSocket: ${statusLine}`));
      return 0;
    }
    this.#isUpgraded = true;
    this.#opened();
    return end + 4;
  }

  /** The position after the frame at `at`, or `at` where it is not complete before `limit`. */
  #readFrame(bytes: Buffer, at: number, limit: number): number {
    if (limit < at + 2) return at;
    let length = (bytes[at + 1] ?? 0) & 0x7f;
    let start = at + 2;
    if (length === 126) {
      if (limit < at + 4) return at;
      length = bytes.readUInt16BE(at + 2);
      start = at + 4;
    } else if (length === 127) {
      if (limit < at + 10) return at;
      length = Number(bytes.readBigUInt64BE(at + 2));
      start = at + 10;
    }
    const end = start + length;
    if (limit < end) return at;
    this.#handleFrame(bytes, bytes[at] ?? 0, start, end);
    return end;
  }

  #handleFrame(bytes: Buffer, first: number, start: number, end: number): void {
    const opcode = first & 0x0f;
    if ((first & finBit) === 0 || opcode === opcodes.continuation) {
      throw new Error('the server sent a fragmented message, which this load generator does not read');
    }
    if (opcode === opcodes.text) {
      this.#events.received(bytes, start, end);
    } else if (opcode === opcodes.ping) {
      this.#sendControl(opcodes.pong, bytes.subarray(start, end));
    } else if (opcode === opcodes.close) {
      if (end - start >= 2) this.#closeCode = bytes.readUInt16BE(start);
      if (!this.#isClosing) this.#sendControl(opcodes.close, bytes.subarray(start, end));
      this.#socket.end();
    }
  }
}

function writeAll(): void {
  for (const socket of waitingToWrite.splice(0)) socket.flush();
}

function writeHeader(bytes: Buffer, at: number, opcode: number, length: number): number {
  bytes[at] = finBit | opcode;
  if (length < 126) {
    bytes[at + 1] = 0x80 | length;
    bytes.writeUInt32BE(0, at + 2);
    return at + 6;
  }
  bytes[at + 1] = 0x80 | 126;
  bytes.writeUInt16BE(length, at + 2);
  bytes.writeUInt32BE(0, at + 4);
  return at + 8;
}
