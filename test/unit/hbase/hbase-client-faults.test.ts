import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { HBaseClient } from '../../../src/hbase/hbase-client.ts';
import type { HBaseErrorCode } from '../../../src/hbase/hbase-error.ts';
import type { HBaseLimits } from '../../../src/hbase/hbase-options.ts';
import {
  FakeHBaseServer,
  exceptionAnswer,
  fakeTable,
  getAnswer,
  keyValue,
  mutateAnswer,
} from '../../support/fake-hbase-server.ts';

const row = Buffer.from('r');
const cell = { family: 'f', qualifier: Buffer.from('q'), value: Buffer.from('v') };
const condition = { family: 'f', qualifier: Buffer.from('n'), expected: Buffer.from('1') };
const inMs = (ms: number) => performance.now() + ms;

let server: FakeHBaseServer;
let client: HBaseClient;

function connect(limits: Partial<HBaseLimits> = {}): void {
  client = new HBaseClient({ servers: [server.address], limits });
}
const checkAndPut = (deadline = inMs(3000)) =>
  client.checkAndPut(fakeTable, { row, cells: [cell] }, condition, deadline);
const get = (deadline = inMs(3000)) => client.get(fakeTable, { row }, deadline);
const failsAs = (code: HBaseErrorCode): unknown => expect.objectContaining({ name: 'HBaseError', code });

beforeEach(async () => {
  server = await new FakeHBaseServer().start();
  connect();
});
afterEach(async () => {
  client.close();
  await server.stop();
});

describe('a mutation whose answer is lost is never sent again', () => {
  it.each([
    ['the connection breaks', () => server.disconnect()],
    [
      'the answer is garbage',
      (id: number) => void [...server.connections].at(-1)?.socket.write(Buffer.alloc(64, id | 0xff)),
    ],
  ])('%s: unknown_fate', async (_, fault) => {
    server.handler = (call) => {
      if (call.method !== 'Mutate') return undefined;
      fault(call.callId);
      return 'silence';
    };
    await expect(checkAndPut()).rejects.toEqual(failsAs('unknown_fate'));
    await sleep(100); // time enough for a second try
    expect(server.count('Mutate')).toBe(1);
  });

  it('no answer before the deadline: unknown_fate, in time', async () => {
    server.handler = (call) => (call.method === 'Mutate' ? 'silence' : undefined);
    const started = performance.now();
    await expect(checkAndPut(inMs(200))).rejects.toEqual(failsAs('unknown_fate'));
    expect(performance.now() - started).toBeLessThan(1000);
    expect(server.count('Mutate')).toBe(1);
  });

  it('an exception that proves nothing: unknown_fate', async () => {
    server.handler = (call) =>
      call.method === 'Mutate' ? { exception: { className: 'java.io.IOException' } } : undefined;
    await expect(checkAndPut()).rejects.toEqual(failsAs('unknown_fate'));
    expect(server.count('Mutate')).toBe(1);
  });

  it('the client is closed: unknown_fate for what was sent, closed for the next', async () => {
    server.handler = (call) => {
      if (call.method !== 'Mutate') return undefined;
      client.close();
      return 'silence';
    };
    await expect(checkAndPut()).rejects.toEqual(failsAs('unknown_fate'));
    await expect(checkAndPut()).rejects.toEqual(failsAs('closed'));
  });
});

describe('a refusal that proves that nothing was applied is tried again', () => {
  it.each([
    'NotServingRegionException',
    'exceptions.RegionMovedException',
    'exceptions.RegionOpeningException',
    'RegionTooBusyException',
    'ipc.ServerNotRunningYetException',
    'CallQueueTooBigException',
  ])('%s', async (name) => {
    let refusals = 3;
    server.handler = (call) => {
      if (call.method !== 'Mutate') return undefined;
      return refusals-- > 0 ? exceptionAnswer(name) : mutateAnswer(true);
    };
    await expect(checkAndPut()).resolves.toBe(true);
    expect(server.count('Mutate')).toBe(4);
  });

  it('and fails as unavailable at the deadline', async () => {
    // Not one after which the region is sought again: the deadline could pass there.
    server.handler = (call) =>
      call.method === 'Mutate' ? exceptionAnswer('RegionTooBusyException') : undefined;
    await expect(checkAndPut(inMs(1_000))).rejects.toEqual(failsAs('unavailable'));
    expect(server.count('Mutate')).toBeGreaterThan(1);
  });

  it('looks the region up again where it moved, and not where it is busy', async () => {
    let answer = 'NotServingRegionException';
    let refusals = 1;
    server.handler = (call) => {
      if (call.method !== 'Mutate') return undefined;
      return refusals-- > 0 ? exceptionAnswer(answer) : mutateAnswer(true);
    };
    await checkAndPut();
    expect(server.count('Scan')).toBe(2);
    [answer, refusals] = ['RegionTooBusyException', 1];
    await checkAndPut();
    expect(server.count('Scan')).toBe(2);
  });

  it('follows a region to another server', async () => {
    const other = await new FakeHBaseServer().start();
    other.handler = (call) => (call.method === 'Mutate' ? mutateAnswer(true) : undefined);
    server.handler = (call) => {
      if (call.method !== 'Mutate') return undefined;
      server.regions = [{ startKey: '', endKey: '', regionId: 1n, port: other.port }];
      return exceptionAnswer('exceptions.RegionMovedException');
    };
    await expect(checkAndPut()).resolves.toBe(true);
    expect([server.count('Mutate'), other.count('Mutate')]).toEqual([1, 1]);
    await other.stop();
  });

  it('refused for good: not tried again', async () => {
    server.handler = (call) =>
      call.method === 'Mutate' ? exceptionAnswer('regionserver.NoSuchColumnFamilyException') : undefined;
    await expect(checkAndPut()).rejects.toEqual(failsAs('refused'));
    expect(server.count('Mutate')).toBe(1);
  });
});

describe('reads', () => {
  it('are tried again after a broken connection', async () => {
    let breaks = 2;
    server.handler = (call) => {
      if (call.method !== 'Get') return undefined;
      if (breaks-- > 0) server.disconnect();
      return getAnswer(keyValue('r', 'f', 'q', Buffer.from('value')));
    };
    const [found] = await get();
    expect(found?.value.toString()).toBe('value');
    expect(server.count('Get')).toBe(3);
  });

  it('tell the server how long they have', async () => {
    server.handler = (call) => (call.method === 'Get' ? getAnswer() : undefined);
    await get(inMs(1234));
    const timeoutMs = server.calls.find(({ method }) => method === 'Get')?.timeoutMs ?? 0;
    expect(timeoutMs).toBeGreaterThan(1000);
    expect(timeoutMs).toBeLessThanOrEqual(1234);
  });

  it('of an unknown table: table_not_found', async () => {
    await expect(client.get('unknown', { row }, inMs(2000))).rejects.toEqual(failsAs('table_not_found'));
  });

  it('share one look-up', async () => {
    server.handler = (call) => (call.method === 'Get' ? getAnswer() : undefined);
    await Promise.all(Array.from({ length: 50 }, () => get()));
    expect(server.count('Scan')).toBe(1);
  });
});

describe('limits', () => {
  it('more calls than may be in flight wait, more than may wait are overloaded', async () => {
    client.close();
    connect({ inFlightPerServerMax: 2, queuedPerServerMax: 3 });
    server.handler = (call) => (call.method === 'Get' ? getAnswer() : undefined);
    await get();
    const held: (() => void)[] = [];
    server.handler = (call) => {
      held.push(() => call.connection.answer(call.callId, getAnswer()));
      return 'silence';
    };
    const calls = Array.from({ length: 6 }, () => get());
    await expect(calls[5]).rejects.toEqual(failsAs('overloaded'));
    await expect.poll(() => held.length).toBe(2);
    for (let answered = 0; answered < 5; answered++) {
      await expect.poll(() => held.length).toBeGreaterThan(answered);
      expect(held.length - answered).toBeLessThanOrEqual(2);
      held[answered]?.();
    }
    await Promise.all(calls.slice(0, 5));
  });

  it('a mutation that never left its queue fails as deadline, which says that it was not applied', async () => {
    client.close();
    connect({ inFlightPerServerMax: 1 });
    server.handler = (call) => (call.method === 'Get' ? getAnswer() : undefined);
    await get();
    server.handler = () => 'silence';
    const reading = get(inMs(500));
    await expect(checkAndPut(inMs(100))).rejects.toEqual(failsAs('deadline'));
    expect(server.count('Mutate')).toBe(0);
    await expect(reading).rejects.toEqual(failsAs('deadline'));
  });

  it('a put that is too large is refused and harms nobody else', async () => {
    client.close();
    connect({ requestBytesMax: 1000 });
    server.handler = (call) => (call.method === 'Mutate' ? mutateAnswer(true) : undefined);
    const large = { row, cells: [{ ...cell, value: Buffer.alloc(1000) }] };
    const [tooLarge, fine] = await Promise.allSettled([
      client.put(fakeTable, large, inMs(2000)),
      checkAndPut(),
    ]);
    expect(tooLarge).toEqual({ status: 'rejected', reason: failsAs('refused') });
    expect(fine).toEqual({ status: 'fulfilled', value: true });
  });

  it('an answer above the limit breaks the connection, not the process', async () => {
    client.close();
    connect({ responseBytesMax: 10_000 });
    let large = true;
    server.handler = (call) => {
      if (call.method !== 'Get') return undefined;
      const size = large ? 20_000 : 10;
      large = false;
      return getAnswer(keyValue('r', 'f', 'q', Buffer.alloc(size)));
    };
    expect((await get())[0]?.value.length).toBe(10);
  });
});

describe('a server that hangs', () => {
  it('is probed, cut off, and its calls fail long before their deadline', async () => {
    client.close();
    connect({ silenceMs: 100, probeTimeoutMs: 100 });
    server.handler = (call) => (call.method === 'Mutate' ? mutateAnswer(true) : undefined);
    await checkAndPut();
    server.handler = (call) => (call.service === 'ClientService' ? 'silence' : undefined);
    const started = performance.now();
    await expect(checkAndPut(inMs(20_000))).rejects.toEqual(failsAs('unknown_fate'));
    expect(performance.now() - started).toBeLessThan(2000);
    expect(
      server.calls.filter(({ method, parameter }) => method === 'Multi' && parameter.length === 0),
    ).toHaveLength(1);
  });

  it('gets no calls over a new connection before it has answered a probe there', async () => {
    client.close();
    connect({ silenceMs: 50, probeTimeoutMs: 50, connectTimeoutMs: 200 });
    server.handler = (call) => (call.method === 'Mutate' ? mutateAnswer(true) : undefined);
    await checkAndPut();
    server.handler = (call) => (call.service === 'ClientService' ? 'silence' : undefined);
    await expect(checkAndPut(inMs(20_000))).rejects.toEqual(failsAs('unknown_fate'));
    const before = server.count('Mutate');
    await expect(checkAndPut(inMs(600))).rejects.toMatchObject({ retryable: true }); // so: not applied
    expect(server.count('Mutate')).toBe(before);
    server.handler = (call) => (call.method === 'Mutate' ? mutateAnswer(true) : undefined);
    await expect(checkAndPut(inMs(5000))).resolves.toBe(true);
  });

  it('that is merely slow, and answers the probe, keeps its connection', async () => {
    client.close();
    connect({ silenceMs: 50, probeTimeoutMs: 50 });
    server.handler = (call) => {
      if (call.method !== 'Get') return undefined;
      setTimeout(() => call.connection.answer(call.callId, getAnswer()), 400);
      return 'silence';
    };
    await get();
    expect(server.count('Get')).toBe(1);
  });
});

describe('the way in', () => {
  it('skips dead servers of the list', async () => {
    client.close();
    const dead = await new FakeHBaseServer().start();
    const deadAddress = dead.address;
    await dead.stop();
    client = new HBaseClient({ servers: [deadAddress, deadAddress, server.address] });
    server.handler = (call) => (call.method === 'Get' ? getAnswer() : undefined);
    await get();
  });

  it('a cluster that wants Kerberos: refused at once, and the message says so', async () => {
    server.handler = (call) => {
      call.connection.answer(0xffffffff, {
        exception: {
          className: 'org.apache.hadoop.hbase.security.AccessDeniedException',
          trace: 'Authentication is required',
          doNotRetry: true,
        },
      });
      call.connection.socket.end();
      return 'silence';
    };
    const started = performance.now();
    await expect(get(inMs(10_000))).rejects.toEqual(
      expect.objectContaining({
        code: 'refused',
        message: expect.stringContaining('Authentication is required') as string,
      }),
    );
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('no server at all: unavailable at the deadline', async () => {
    await server.stop();
    const started = performance.now();
    await expect(get(inMs(400))).rejects.toEqual(failsAs('unavailable'));
    expect(performance.now() - started).toBeLessThan(1500);
    server = await new FakeHBaseServer().start();
  });
});
