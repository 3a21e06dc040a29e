import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { inspect } from 'node:util';
import { expect, it, onTestFinished, vi } from 'vitest';
import { LeaseBoardError } from '../../../src/membership/lease-board.ts';
import { RedisLeaseBoard } from '../../../src/membership/redis-lease-board.ts';
import { systemTime } from '../../../src/std/time.ts';

/** A Redis that answers `refusal` to one command and OK to all others; a board that talks to it. */
async function boardRefused(command: string, refusal: string) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      for (const sent of data.toString().split(/^(?=\*\d)/m)) {
        socket.write(sent.includes(`\r\n${command}\r\n`) ? `-${refusal}\r\n` : '+OK\r\n');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const told: unknown[] = [];
  const onTrouble = (error: unknown): void => void told.push(error);
  const url = `redis://mailring:TopSecretPw@127.0.0.1:${port}`;
  const board = new RedisLeaseBoard({ url, time: systemTime, random: Math.random, onTrouble });
  onTestFinished(async () => {
    await board.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { board, told };
}

const printed = (value: unknown): string => inspect(value, { depth: 10, showHidden: true });

it('a password that Redis refuses is not told with the refusal', async () => {
  const { told } = await boardRefused('hello', 'WRONGPASS invalid username-password pair');
  await vi.waitFor(() => expect(printed(told)).toContain('WRONGPASS'), 10_000);
  expect(printed(told)).not.toContain('TopSecretPw');
});

it('a refused command rejects without its arguments', async () => {
  const { board } = await boardRefused('eval', 'NOPERM no permission to run this');
  await vi.waitFor(async () => {
    const deadline = systemTime.monotonicMs() + 5_000;
    const failure: unknown = await board.publish(1, Buffer.from('a document'), deadline).catch(String);
    expect(failure).toContain('NOPERM');
  }, 10_000);
  const failure: unknown = await board
    .publish(1, Buffer.from('a document'), systemTime.monotonicMs() + 5_000)
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(LeaseBoardError);
  expect((failure as LeaseBoardError).cause).toBeInstanceOf(Error);
  expect(printed(failure)).not.toContain('command');
});
