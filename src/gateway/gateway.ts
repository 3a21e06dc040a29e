import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { closeCodes } from '../protocol/close-code.ts';
import { SessionHost } from '../session/session-host.ts';
import type { SessionHostOptions } from '../session/session-host.ts';
import { FairTurns } from '../std/fair-turns.ts';
import { LaneQueue } from '../std/lane-queue.ts';
import type { Cancel } from '../std/time.ts';
import { Admission } from './admission.ts';
import { addressKey } from './client-address.ts';
import { ClientSocket } from './client-socket.ts';
import { FlushRound } from './flush-round.ts';
import type { FrameEncoding } from './frame-encoding.ts';
import { httpApp } from './http-app.ts';
import { retryAfterSeconds } from './http-answer.ts';
import { jsonEncoding } from './json-encoding.ts';
import { msgpackEncoding } from './msgpack-encoding.ts';
import { OpenRequests } from './open-requests.ts';
import { PushFrames } from './push-frames.ts';
import { RequestRoom } from './request-room.ts';
import { SocketConnection } from './socket-connection.ts';
import { StaticFiles } from './static-files.ts';

/** Bounds of HTTP itself, below everything that knows the protocol. */
const http = {
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 15_000,
  keepAliveTimeoutMs: 15_000,
  checkIntervalMs: 1_000,
  /** TCP connections beyond those that are WebSockets. */
  connectionsBeyond: 4_096,
};
/** HTTP requests of one user at once: those that are answered at once; long polls and event streams. */
const callingOfUserMax = 128;
const waitingOfUserMax = 64;
/** How long the other side has to answer a close frame. */
const closeTimeoutMs = 10_000;
/** How long `stop` waits for answers that are under way, and then for sockets to close. */
const drainMs = 5_000;
const goodbyeMs = 2_000;
const pollMs = 20;
const tickMostMs = 1_000;
/** Part of the connections looked after at once, and how many of them are closed at once: 2,000 a second. */
const sliceMs = 20;
const closedAtOnce = 40;
/** Time for new connections between two looks at what else there is to do, and their share of all time. */
const greetingTurnMs = 2;
const greetingShare = 1 / 2;

export interface GatewayOptions extends SessionHostOptions {
  /** Folder of the built web client; without it nothing is served at `/`. */
  readonly webDir?: string;
  /** Origins of other web pages that may use the HTTP interface; `*`: all. */
  readonly origins?: readonly string[];
}

/** Where clients connect: WebSocket, HTTP and the web page on one port. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #host: SessionHost;
  readonly #admission: Admission;
  readonly #calling = new RequestRoom(callingOfUserMax);
  readonly #waiting = new RequestRoom(waitingOfUserMax);
  readonly #requests: OpenRequests;
  readonly #round: FlushRound;
  readonly #greetings: FairTurns;
  /** New connections by address, each with a turn of `#greetings`; their number is bounded by `Admission`. */
  readonly #unmet = new LaneQueue<() => void>(Infinity);
  readonly #connections = new Set<SocketConnection>();
  readonly #encodings: ReadonlyMap<string, FrameEncoding>;
  readonly #pushFrames: ReadonlyMap<FrameEncoding, PushFrames>;
  readonly #webSockets: WebSocketServer;
  #server: Server | undefined;
  #cancelTick: Cancel = () => undefined;
  /** Where looking after the connections has got to. */
  #untended: Iterator<SocketConnection> = [].values();

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { settings, time, metrics } = options;
    this.#host = new SessionHost(options);
    this.#admission = new Admission(settings.limits, time.monotonicMs());
    this.#requests = new OpenRequests(time, settings.session.stalledMs);
    this.#round = new FlushRound(time);
    this.#greetings = new FairTurns(time, greetingTurnMs, greetingShare);
    const encodings = [jsonEncoding, msgpackEncoding];
    this.#encodings = new Map(encodings.map((encoding) => [encoding.subprotocol, encoding]));
    this.#pushFrames = new Map(encodings.map((encoding) => [encoding, new PushFrames(encoding)]));
    const webSocketOptions = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: settings.limits.frameBytesMax,
      skipUTF8Validation: true, // it is checked where the frame is decoded, to end with our close code
      closeTimeout: closeTimeoutMs,
      WebSocket: ClientSocket,
      handleProtocols: (offered: Set<string>) => this.#encodingOf(offered)?.subprotocol ?? false,
    };
    this.#webSockets = new WebSocketServer(webSocketOptions);
    metrics.observeLevels(() => ({
      connections: this.#connections.size,
      sessions: this.#host.openCount,
      callsInFlight: this.#callsInFlight(),
    }));
  }

  /** Listens; resolves with the port, which is a free one where 0 was asked for. */
  async start(address: { readonly host: string; readonly port: number }): Promise<number> {
    const { webDir, origins = [], settings } = this.#options;
    const files = webDir === undefined ? undefined : await StaticFiles.load(webDir);
    const rooms = { calling: this.#calling, waiting: this.#waiting };
    const app = httpApp({ host: this.#host, admission: this.#admission, ...rooms, files, origins });
    const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
    const server = createServer(
      {
        // Others (h2c) are answered as if they had not asked, and so is who waits for other answers.
        shouldUpgradeCallback: ({ headers, socket }) =>
          headers.upgrade?.toLowerCase() === 'websocket' && !this.#requests.isBusy(socket),
        maxHeaderSize: http.headerBytesMax,
        headersTimeout: http.headersTimeoutMs,
        requestTimeout: http.requestTimeoutMs,
        keepAliveTimeout: http.keepAliveTimeoutMs,
        connectionsCheckingInterval: http.checkIntervalMs,
      },
      (request, response) => {
        if (this.#requests.enter(response)) void listener(request, response);
        else request.socket.destroy();
      },
    );
    server.maxConnections = settings.limits.connectionsMax + http.connectionsBeyond;
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server = server;
    await listening(server, address);
    server.on('error', (err) => this.#options.logger.error({ err }, 'the listener for clients failed'));
    this.#scheduleTick();
    this.#requests.watch();
    return (server.address() as AddressInfo).port;
  }

  /** Resolves when the last session has left (devices follow their users), or after `mostMs`. */
  async emptied(mostMs: number): Promise<void> {
    const { session } = this.#options.settings;
    // Behind a load balancer nobody is sent elsewhere.
    if (session.routing === 'redirect') await this.#until(() => this.#host.openCount === 0, mostMs);
  }

  /** Takes in nobody more, answers what is under way, then closes all with 4000. Bounded in time. */
  async stop(): Promise<void> {
    this.#admission.stop();
    this.#cancelTick();
    this.#requests.stop();
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.#waiting.close();
    for (const connection of this.#connections) connection.takeNoMore();
    await this.#until(() => this.#callsInFlight() + this.#requests.count === 0, drainMs);
    for (const { session } of this.#connections) session.close(closeCodes.shuttingDown, 'shutting down');
    await this.#until(() => this.#connections.size === 0, goodbyeMs);
    for (const connection of this.#connections) connection.terminate();
    server.closeAllConnections();
    await closed;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { metrics, time } = this.#options;
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== '/v1/ws') {
      refuseUpgrade(socket, '404 Not Found');
      return;
    }
    const encoding = this.#encodingOf(offeredSubprotocols(request));
    if (encoding === undefined) {
      refuseUpgrade(socket, '400 Bad Request');
      return;
    }
    const address = addressKey(request.socket.remoteAddress);
    const entered = this.#admission.enter(address, this.#connections.size, time.monotonicMs());
    if (entered.kind === 'turned') {
      metrics.connectionRefused(entered.reason);
      const isOwnFault = entered.reason === 'rate' || entered.reason === 'address';
      const status = isOwnFault ? '429 Too Many Requests' : '503 Service Unavailable';
      refuseUpgrade(socket, status, entered.retryAfterMs);
      return;
    }
    socket.once('close', entered.leave);
    socket.on('error', destroyFailed);
    this.#unmet.push(address, () => {
      if (socket.destroyed) return;
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#accept(webSocket, socket, encoding, entered.leave);
      });
    });
    // All strangers together have one share of the time, and take turns in it by address.
    this.#greetings.run('', () => {
      for (const greet of this.#unmet.take(1)) greet();
    });
  }

  #accept(webSocket: WebSocket, socket: Duplex, encoding: FrameEncoding, onOpened: () => void): void {
    const pushFrames = this.#pushFrames.get(encoding) ?? new PushFrames(encoding);
    const connection = new SocketConnection({
      webSocket,
      socket,
      encoding,
      pushFrames,
      host: this.#host,
      round: this.#round,
      onOpened,
    });
    this.#connections.add(connection);
    webSocket.on('close', (code) => {
      this.#connections.delete(connection);
      this.#options.metrics.connectionClosed(code);
    });
  }

  /** JSON where none is offered; undefined where none of those offered is known. */
  #encodingOf(offered: ReadonlySet<string>): FrameEncoding | undefined {
    if (offered.size === 0) return jsonEncoding;
    for (const subprotocol of offered) {
      const encoding = this.#encodings.get(subprotocol);
      if (encoding !== undefined) return encoding;
    }
    return undefined;
  }

  #callsInFlight(): number {
    let count = 0;
    for (const { session } of this.#connections) count += session.inFlight;
    return count;
  }

  /** Each connection often enough for the shortest of the times that are looked after here. */
  #scheduleTick(): void {
    const { settings, time } = this.#options;
    const { openTimeoutMs, heartbeatMs, stalledMs } = settings.session;
    const tickMs = Math.min(tickMostMs, Math.min(openTimeoutMs, heartbeatMs, stalledMs) / 4);
    this.#cancelTick = time.after(Math.min(sliceMs, tickMs), () => {
      this.#tick(Math.ceil((this.#connections.size * sliceMs) / tickMs));
      this.#scheduleTick();
    });
  }

  /** Some of them at a time: when thousands are due to be closed, others are served in between. */
  #tick(most: number): void {
    const { time } = this.#options;
    const [nowMs, wallMs] = [time.monotonicMs(), time.wallMs()];
    let closed = 0;
    for (let count = 0; count < most && closed < closedAtOnce; count++) {
      const next = this.#untended.next();
      if (next.done === true) {
        this.#untended = this.#connections.values();
        return;
      }
      if (next.value.tick(nowMs, wallMs)) closed += 1;
    }
  }

  async #until(condition: () => boolean, mostMs: number): Promise<void> {
    const { time } = this.#options;
    const deadline = time.monotonicMs() + mostMs;
    while (!condition() && time.monotonicMs() < deadline) {
      await new Promise<void>((resolve) => {
        time.after(pollMs, resolve);
      });
    }
  }
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 4_096 }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function offeredSubprotocols(request: IncomingMessage): ReadonlySet<string> {
  const header = request.headers['sec-websocket-protocol'] ?? '';
  return new Set(
    header
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  );
}

function refuseUpgrade(socket: Duplex, status: string, retryAfterMs?: number): void {
  const retryAfter = retryAfterMs === undefined ? '' : `Retry-After: ${retryAfterSeconds(retryAfterMs)}\r\n`;
  socket.once('finish', () => socket.destroy());
  socket.on('error', destroyFailed);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n${retryAfter}\r\n`);
}

/** Not a closure: it would keep the request, for as long as the connection is there. */
function destroyFailed(this: Duplex): void {
  this.destroy();
}
