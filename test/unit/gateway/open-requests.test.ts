import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpenRequests } from '../../../src/gateway/open-requests.ts';
import { ManualTime } from '../../support/manual-time.ts';

/** More than the system takes for a connection that is not read. */
const large = Buffer.alloc(32 << 20);
const stalledMs = 10_000;
const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

let server: Server;
let client: Socket;
let time: ManualTime;
let requests: OpenRequests;
let entered: boolean[];
let answers: ServerResponse[];

beforeEach(async () => {
  time = new ManualTime();
  requests = new OpenRequests(time, stalledMs);
  requests.watch();
  entered = [];
  answers = [];
  server = createServer((_request, response) => {
    entered.push(requests.enter(response));
    answers.push(response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
});
afterEach(() => {
  client.destroy();
  server.close();
  server.closeAllConnections();
});

async function ask(count = 1): Promise<void> {
  client.write(request.repeat(count));
  await expect.poll(() => answers.length).toBe(count);
}

describe('an answer that is not taken', () => {
  it('G10: is given up with its connection, later the more is left of it', async () => {
    client.pause();
    await ask();
    time.advance(1_000_000);
    answers[0]?.end(large);
    time.advance(stalledMs + 100_000);
    expect(requests.count).toBe(1);
    time.advance(1_000_000);
    await expect.poll(() => requests.count).toBe(0);
    expect(answers[0]?.req.socket.destroyed).toBe(true);
  });

  it('G10: so is one that was written bit by bit before its end, as an event stream is', async () => {
    client.pause();
    await ask();
    answers[0]?.write(large);
    time.advance(1_000_000);
    expect(requests.count).toBe(1);
    answers[0]?.end();
    time.advance(1_000_000);
    await expect.poll(() => requests.count).toBe(0);
  });

  it('those behind it on their connection go with it', async () => {
    client.pause();
    await ask(3);
    for (const answer of answers) answer.end(large);
    time.advance(1_000_000);
    await expect.poll(() => requests.count).toBe(0);
  });
});

describe('a connection', () => {
  it('is busy until its answer is taken, and stays for the next request', async () => {
    await ask();
    const connection = answers[0]?.req.socket;
    if (connection === undefined) throw new Error('no request');
    expect(requests.isBusy(connection)).toBe(true);
    client.resume();
    answers[0]?.end(large);
    await expect.poll(() => requests.isBusy(connection)).toBe(false);
    time.advance(1_000_000);
    expect([requests.count, connection.destroyed]).toEqual([0, false]);
  });

  it('G10: has 16 requests under way', async () => {
    await ask(17);
    expect(entered).toEqual([...Array.from({ length: 16 }, () => true), false]);
    expect(requests.count).toBe(16);
  });
});
