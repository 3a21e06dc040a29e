import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Accounts } from '../../../src/accounts/accounts.ts';
import { PasswordHasher } from '../../../src/accounts/password-hash.ts';
import { derivedSigningKey } from '../../../src/accounts/signing-key.ts';
import { TokenService } from '../../../src/accounts/token-service.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { FlushRound } from '../../../src/gateway/flush-round.ts';
import { jsonEncoding } from '../../../src/gateway/json-encoding.ts';
import { PushFrames } from '../../../src/gateway/push-frames.ts';
import { SocketConnection } from '../../../src/gateway/socket-connection.ts';
import { closeCodes } from '../../../src/protocol/close-code.ts';
import { SessionHost } from '../../../src/session/session-host.ts';
import { userRates } from '../../../src/session/user-rates.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { NodeMetrics } from '../../../src/telemetry/node-metrics.ts';
import { FakeMailboxes } from '../../support/fake-mailboxes.ts';
import { ManualTime } from '../../support/manual-time.ts';
import { nobodyThere } from '../../support/nobody-there.ts';

/** A WebSocket whose other side sends when the test says so. */
class ScriptedWebSocket extends EventEmitter {
  readyState: number = WebSocket.OPEN;
  isRead = true;

  pause(): void {
    this.isRead = false;
  }

  resume(): void {
    this.isRead = true;
  }

  close(): void {
    this.readyState = WebSocket.CLOSING;
  }
}

function connect(time: ManualTime): { webSocket: ScriptedWebSocket; connection: SocketConnection } {
  const settings = loadSettings({});
  const directory = new FakeMailboxes();
  const tokens = new TokenService(derivedSigningKey(Buffer.alloc(32)), 3_600_000, time);
  const hasher = new PasswordHasher({
    ...{ concurrentMax: 2, cost: { n: 2, r: 1, p: 1 }, randomBytes: (size) => Buffer.alloc(size) },
  });
  const accounts = new Accounts({ directory, issuer: { kind: 'own', hasher, tokens }, time });
  const host = new SessionHost({
    ...{ settings, directory, presence: nobodyThere, accounts, time, random: () => 0.5 },
    ...{ logger: createLogger('silent', 'n1'), metrics: new NodeMetrics() },
    userRates: userRates(settings.limits),
  });
  const webSocket = new ScriptedWebSocket();
  const connection = new SocketConnection({
    webSocket: webSocket as unknown as WebSocket,
    socket: new PassThrough(),
    encoding: jsonEncoding,
    pushFrames: new PushFrames(jsonEncoding),
    host,
    round: new FlushRound(time),
    onOpened: () => undefined,
  });
  return { webSocket, connection };
}

it('G10: who was told to go and goes on sending is read only now and then, up to its close frame', () => {
  const time = new ManualTime();
  const { webSocket } = connect(time);
  const send = (text: string): boolean => webSocket.emit('message', Buffer.from(text), false);
  for (let fault = 0; fault < 2_000; fault++) send('no JSON');
  expect(webSocket.readyState).toBe(WebSocket.CLOSING);
  expect(webSocket.isRead).toBe(true);
  for (let round = 0; round < 3; round++) {
    send('more');
    expect(webSocket.isRead).toBe(false);
    time.advance(50);
    expect(webSocket.isRead).toBe(true);
  }
  send('more');
  webSocket.emit('close');
  time.advance(50);
  expect(webSocket.isRead).toBe(false);
});

it('tells for how long the other side has given no sign of life', () => {
  const time = new ManualTime();
  const { webSocket, connection } = connect(time);
  for (const sign of ['pong', 'ping', 'message'] as const) {
    time.advance(1_000);
    expect(connection.quietMs()).toBe(1_000);
    webSocket.emit(sign, Buffer.from('{}'), false);
    expect(connection.quietMs()).toBe(0);
  }
});

it('G10: a node that stops reads no more, whatever it had waited for, until the connection is closed', () => {
  const time = new ManualTime();
  const { connection, webSocket } = connect(time);
  // A client that was wrong so often is not read for a while.
  for (let fault = 0; fault <= 100; fault++) webSocket.emit('message', Buffer.from('no JSON'), false);
  expect(webSocket.isRead).toBe(false);
  connection.takeNoMore();
  time.advance(1_000);
  expect(webSocket.isRead).toBe(false);
  connection.session.close(closeCodes.shuttingDown, 'shutting down');
  expect(webSocket.isRead).toBe(true);
});
