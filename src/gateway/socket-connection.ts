import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import { closeCodes } from '../protocol/close-code.ts';
import type { CloseCode } from '../protocol/close-code.ts';
import type { Change } from '../protocol/message.ts';
import type { ChangeBatch } from '../router/mailbox-port.ts';
import type { DeviceConnection, Payload } from '../session/device-connection.ts';
import { Intake } from '../session/intake.ts';
import { Session } from '../session/session.ts';
import type { SessionHost } from '../session/session-host.ts';
import type { Time } from '../std/time.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TrafficTally } from '../telemetry/node-metrics.ts';
import type { FlushRound } from './flush-round.ts';
import { unanswerable, unparsable } from './frame-encoding.ts';
import type { FrameEncoding } from './frame-encoding.ts';
import type { PushFrames } from './push-frames.ts';
import { WriteQueue } from './write-queue.ts';

/** Pings without any sign of life from the other side before the connection is given up. */
const unansweredPingsMax = 2;
/** Who was told to go and goes on sending is not read for so long at a time: its close frame may be somewhere in it. */
const ignoredRestMs = 50;
/** What `ws` says where no close frame came. */
const withoutGoodbye = 1006;

export interface SocketConnectionOptions {
  readonly webSocket: WebSocket;
  /** What the WebSocket runs on. */
  readonly socket: Duplex;
  readonly encoding: FrameEncoding;
  readonly pushFrames: PushFrames;
  readonly host: SessionHost;
  readonly round: FlushRound;
  /** Called once: the connection has a session now. */
  readonly onOpened: () => void;
}

/** A WebSocket of a device: frames in, frames out, and whether the other side is still there. */
export class SocketConnection implements DeviceConnection {
  readonly encoding: FrameEncoding;
  readonly session: Session;
  readonly opened: () => void;
  readonly #webSocket: WebSocket;
  readonly #queue: WriteQueue;
  readonly #ignored: Intake;
  readonly #pushFrames: PushFrames;
  readonly #traffic: TrafficTally;
  readonly #logger: Logger;
  readonly #time: Time;
  readonly #heartbeatMs: number;
  readonly #stalledMs: number;
  #isBusy = false;
  #isFull = false;
  #takesNoMore = false;
  #unansweredPings = 0;
  #heardMs: number;
  #nextPingMs: number;

  constructor({ webSocket, socket, encoding, pushFrames, host, round, onOpened }: SocketConnectionOptions) {
    const { settings, metrics, time, logger } = host.options;
    this.encoding = encoding;
    this.opened = onOpened;
    this.#webSocket = webSocket;
    this.#pushFrames = pushFrames;
    this.#traffic = metrics.traffic;
    this.#logger = logger;
    this.#heartbeatMs = settings.session.heartbeatMs;
    this.#stalledMs = settings.session.stalledMs;
    this.#time = time;
    this.#heardMs = time.monotonicMs();
    this.#nextPingMs = this.#heardMs + this.#heartbeatMs;
    this.#ignored = new Intake({ setBusy: (busy) => this.#setPaused(busy) }, time);
    this.#queue = new WriteQueue({
      socket,
      frameKind: encoding.frameKind,
      bytesMax: settings.session.writeBufferBytesMax,
      round,
      traffic: this.#traffic,
      time,
      onRoom: () => this.#onRoom(),
    });
    this.session = new Session(host, this);
    webSocket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    webSocket.on('pong', () => this.#heard());
    webSocket.on('ping', () => this.#heard());
    // ws closes the connection by itself, and `close` follows.
    webSocket.on('error', (err) => logger.debug({ err }, 'a client connection failed'));
    webSocket.on('close', (code) => {
      this.#ignored.end();
      this.session.end(code === withoutGoodbye);
    });
  }

  send(payload: Payload): void {
    if (!this.#isOpen()) return;
    this.#queue.push(payload);
    // A client that asks and does not read is not read either.
    if (!this.#isFull && !this.#queue.hasRoom()) {
      this.#isFull = true;
      this.#webSocket.pause();
    }
  }

  hasRoom(): boolean {
    return this.#queue.hasRoom();
  }

  pushBatch(batch: ChangeBatch): boolean {
    return this.#push(this.#pushFrames.ofBatch(batch));
  }

  pushChange(change: Change): boolean {
    return this.#push(this.#pushFrames.ofChange(change));
  }

  setBusy(busy: boolean): void {
    this.#isBusy = busy;
    if (busy) this.#webSocket.pause();
    else this.#readOn();
  }

  /** The node stops: what comes from now on is not read, until it is closed. */
  takeNoMore(): void {
    this.#takesNoMore = true;
    this.#webSocket.pause();
  }

  close(code: CloseCode, reason: string): void {
    this.#queue.finish();
    this.#webSocket.close(code, reason);
    // To read the other side's close frame, and to hear that it is gone.
    this.#webSocket.resume();
  }

  /** Without a closing handshake. */
  terminate(): void {
    this.#webSocket.terminate();
  }

  /** Called now and then; true where it had to be closed. */
  tick(nowMs: number, wallMs: number): boolean {
    if (!this.#isOpen()) return false;
    this.session.tick(nowMs, wallMs);
    if (this.#queue.blockedMs(nowMs) >= this.#stalledMs) {
      this.session.close(closeCodes.slowConsumer, 'the connection takes no data');
    } else if (nowMs >= this.#nextPingMs) {
      this.#nextPingMs = nowMs + this.#heartbeatMs;
      this.#beat(nowMs);
    }
    return !this.#isOpen();
  }

  quietMs(): number {
    const nowMs = this.#time.monotonicMs();
    return Math.max(nowMs - this.#heardMs, this.#queue.blockedMs(nowMs));
  }

  #heard(): void {
    this.#unansweredPings = 0;
    this.#heardMs = this.#time.monotonicMs();
  }

  #isOpen(): boolean {
    return this.#webSocket.readyState === WebSocket.OPEN;
  }

  #beat(nowMs: number): void {
    // Where nothing is read, no answer can be seen; where nothing is written, `stalledMs` counts.
    if (this.#isBusy || this.#isFull || this.#queue.blockedMs(nowMs) > 0) return;
    if (this.#unansweredPings >= unansweredPingsMax) {
      this.session.close(closeCodes.heartbeatMissed, 'no answer to pings');
      return;
    }
    this.#unansweredPings += 1;
    this.#webSocket.ping();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!Buffer.isBuffer(data)) throw new TypeError('ws is set to give one Buffer a message');
    this.#heard();
    this.#traffic.framesReceived += 1;
    this.#traffic.bytesReceived += data.length;
    if (!this.#isOpen()) {
      this.#ignored.rest(ignoredRestMs);
      return;
    }
    try {
      this.#handle(this.encoding.decode(data, isBinary));
    } catch (err) {
      // A mistake in the code: it costs this connection, not the node, and the client comes back.
      this.#logger.error({ err }, 'a frame could not be handled');
      this.session.close(closeCodes.shuttingDown, 'internal error');
    }
  }

  #handle(value: unknown): void {
    if (value === unanswerable) this.session.close(closeCodes.badFrame, 'the frame cannot be read');
    else if (value === unparsable) this.session.receiveUnreadable();
    else this.session.receive(value);
  }

  #push(frames: Buffer): boolean {
    if (!this.#queue.fits(frames.length)) return false;
    this.#queue.pushFrames(frames);
    return true;
  }

  #setPaused(paused: boolean): void {
    if (paused) this.#webSocket.pause();
    else this.#webSocket.resume();
  }

  #onRoom(): void {
    if (this.#isFull) {
      this.#isFull = false;
      this.#readOn();
    }
    this.session.resume();
  }

  #readOn(): void {
    if (!this.#isBusy && !this.#isFull && !this.#takesNoMore) this.#webSocket.resume();
  }
}
