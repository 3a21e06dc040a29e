import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RedisLeaseBoard } from '../../src/membership/redis-lease-board.ts';
import { RowVersionSource } from '../../src/row/row-version.ts';
import { systemTime } from '../../src/std/time.ts';
import { MemoryTable } from '../../src/store/memory-table.ts';
import { VersionedStore } from '../../src/store/versioned-store.ts';
import { memberOf } from '../support/ring-parts.ts';
import { ensureRedis } from '../support/services.ts';
import { describeLeaseBoard } from './lease-board.contract.ts';

const tables = new Map<string, MemoryTable>();
const soon = (): number => systemTime.monotonicMs() + 5_000;
const renewal = { nodeId: 'n1', incarnation: memberOf(1).incarnation, count: 1, isConfirmed: false } as const;

async function boardOf(keyPrefix: string): Promise<RedisLeaseBoard> {
  const url = await ensureRedis();
  const parts = { url, keyPrefix, time: systemTime, random: Math.random };
  const board = new RedisLeaseBoard({ ...parts, onTrouble: () => undefined });
  // Not connected yet, and nothing is queued: wait for both connections.
  await vi.waitFor(() => board.published(soon()), 5_000);
  const admin = new Redis(url);
  const heard: number[] = [];
  const cancel = board.subscribe((epoch) => heard.push(epoch));
  await vi.waitFor(async () => {
    await admin.publish(`{${keyPrefix}}:news`, '0');
    expect(heard).toContain(0);
  }, 5_000);
  cancel();
  admin.disconnect();
  return board;
}

describeLeaseBoard({
  name: 'Redis',
  storeOf: async (cluster, incarnation) => {
    const table = tables.get(cluster) ?? new MemoryTable(systemTime);
    tables.set(cluster, table);
    const versions = new RowVersionSource(Buffer.from(incarnation, 'hex'));
    return new VersionedStore({ table, versions, time: systemTime, random: Math.random });
  },
  boardOf,
});

describe('a Redis that fails', () => {
  let admin: Redis;

  beforeAll(async () => {
    admin = new Redis(await ensureRedis());
  });

  afterAll(() => {
    admin.disconnect();
  });

  it('renewals after it came back empty bring the epoch and its news back', async () => {
    const board = await boardOf('empty');
    await board.publish(7, Buffer.from('seven'), soon());
    await admin.flushall();
    const heard: number[] = [];
    board.subscribe((epoch) => heard.push(epoch));
    expect(await board.renew({ ...renewal, adoptedEpoch: 7 }, soon())).toEqual({ kind: 'renewed' });
    await vi.waitFor(() => expect(heard).toContain(7));
    expect(await board.renew({ ...renewal, adoptedEpoch: 6 }, soon())).toMatchObject({ kind: 'refused' });
    await board.close();
  });

  it('an epoch that the store never had is corrected by a confirmed renewal', async () => {
    const board = await boardOf('ahead');
    await board.publish(90, Buffer.from('of another time'), soon());
    const show = { ...renewal, adoptedEpoch: 7 };
    expect(await board.renew(show, soon())).toEqual({ kind: 'refused', publishedEpoch: 90 });
    expect(await board.renew({ ...show, isConfirmed: true }, soon())).toEqual({ kind: 'renewed' });
    expect(await board.renew(show, soon())).toEqual({ kind: 'renewed' });
    expect(await board.published(soon())).toBeUndefined();
    await board.close();
  });

  it('one that does not answer costs a call its deadline, no more', async () => {
    const board = await boardOf('stalled');
    await admin.call('CLIENT', 'PAUSE', '600');
    const askedMs = systemTime.monotonicMs();
    await expect(board.renew({ ...renewal, adoptedEpoch: 1 }, askedMs + 100)).rejects.toMatchObject({
      name: 'LeaseBoardError',
      code: 'unavailable',
    });
    expect(systemTime.monotonicMs() - askedMs).toBeLessThan(400);
    await vi.waitFor(() => board.renew({ ...renewal, adoptedEpoch: 1 }, soon()), 5_000);
    await board.close();
  });

  it('lost connections come back by themselves, news as well', async () => {
    const board = await boardOf('reconnect');
    const heard: number[] = [];
    board.subscribe((epoch) => heard.push(epoch));
    await board.publish(1, Buffer.from('one'), soon());
    await vi.waitFor(() => expect(heard).toContain(1));
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await vi.waitFor(() => board.published(soon()), 5_000);
    await vi.waitFor(async () => {
      await board.publish(2, Buffer.from('two'), soon());
      expect(heard).toContain(2);
    }, 5_000);
    await board.close();
  });

  it('a lease that is not renewed vanishes, so that the board stays small', async () => {
    const url = await ensureRedis();
    const parts = { url, keyPrefix: 'expiry', time: systemTime, random: Math.random, leaseExpiryMs: 150 };
    const board = new RedisLeaseBoard({ ...parts, onTrouble: () => undefined });
    await vi.waitFor(() => board.renew({ ...renewal, adoptedEpoch: 1 }, soon()), 5_000);
    await vi.waitFor(async () => expect(await board.leases(['n1'], soon())).toEqual([undefined]), 5_000);
    await board.close();
  });
});
