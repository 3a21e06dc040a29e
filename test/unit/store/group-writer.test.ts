import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../src/row/row-store.ts';
import { GroupWriter } from '../../../src/store/group-writer.ts';
import { ManualTime } from '../../support/manual-time.ts';

interface Transaction {
  readonly writes: readonly string[];
  readonly resolve: (applied: readonly boolean[]) => void;
  readonly reject: (error: Error) => void;
}

/** A writer whose transactions end when the test says so. */
class Disk {
  readonly time = new ManualTime();
  readonly transactions: Transaction[] = [];
  readonly writer = new GroupWriter<string>({
    transact: (writes) =>
      new Promise((resolve, reject) => {
        this.transactions.push({ writes, resolve, reject });
      }),
    time: this.time,
    limits: { waitingMax: 4, groupMax: 3 },
    isUrgent: (write) => write.startsWith('!'),
  });

  async advance(byMs: number): Promise<void> {
    this.time.advance(byMs);
    await new Promise(setImmediate);
  }

  async confirm(index: number, applied: readonly boolean[]): Promise<void> {
    this.transactions[index]?.resolve(applied);
    await new Promise(setImmediate);
    await this.advance(0);
  }
}

describe('GroupWriter', () => {
  it('puts what comes in one tick into one transaction, and tells each its own outcome', async () => {
    const disk = new Disk();
    const outcomes = Promise.all([disk.writer.write('a', 1_000), disk.writer.write('b', 1_000)]);
    await disk.advance(0);
    expect(disk.transactions.map(({ writes }) => writes)).toEqual([['a', 'b']]);
    await disk.confirm(0, [true, false]);
    expect(await outcomes).toEqual([true, false]);
  });

  it('gathers what comes during a transaction into the next ones, in order, no more than a group each', async () => {
    const disk = new Disk();
    const all = [disk.writer.write('a', 1_000)];
    await disk.advance(0);
    all.push(...['b', 'c', 'd', 'e'].map((write) => disk.writer.write(write, 1_000)));
    await disk.confirm(0, [true]);
    await disk.confirm(1, [true, true, true]);
    await disk.confirm(2, [true]);
    expect(await Promise.all(all)).toEqual([true, true, true, true, true]);
    expect(disk.transactions.map(({ writes }) => writes)).toEqual([['a'], ['b', 'c', 'd'], ['e']]);
  });

  it('takes what is urgent into the next transaction, whatever waits, and however much', async () => {
    const disk = new Disk();
    const all = [disk.writer.write('a', 1_000)];
    await disk.advance(0);
    all.push(...['b', 'c', 'd', 'e', '!'].map((write) => disk.writer.write(write, 1_000)));
    await disk.confirm(0, [true]);
    await disk.confirm(1, [true, true, true]);
    await disk.confirm(2, [true, true]);
    expect(await Promise.all(all)).toEqual([true, true, true, true, true, true]);
    expect(disk.transactions.map(({ writes }) => writes)).toEqual([['a'], ['!', 'b', 'c'], ['d', 'e']]);
  });

  it('is ready when the transaction in flight is done, and whoever waited for that shares the next one', async () => {
    const disk = new Disk();
    expect(disk.writer.ready()).toBeUndefined();
    const all = [disk.writer.write('a', 1_000)];
    expect(disk.writer.ready()).toBeUndefined();
    await disk.advance(0);
    const order: string[] = [];
    for (const write of ['b', 'c']) {
      void disk.writer.ready()?.then(() => {
        order.push(write);
        all.push(disk.writer.write(write, 1_000));
      });
    }
    all.push(disk.writer.write('d', 1_000));
    await disk.advance(0);
    expect(order).toEqual([]);
    await disk.confirm(0, [true]);
    expect(order).toEqual(['b', 'c']);
    await disk.confirm(1, [true, true, true]);
    expect(await Promise.all(all)).toHaveLength(4);
    expect(disk.transactions.map(({ writes }) => writes)).toEqual([['a'], ['d', 'b', 'c']]);
    expect(disk.writer.ready()).toBeUndefined();
  });

  it('is ready in bounded time, also where a transaction hangs', async () => {
    const disk = new Disk();
    const failure = expect(disk.writer.write('a', 50)).rejects.toMatchObject({ code: 'unknown_fate' });
    await disk.advance(0);
    const ready = disk.writer.ready();
    expect(ready).toBeDefined();
    await disk.advance(80);
    await ready;
    await failure;
    await disk.confirm(0, [true]);
  });

  it('G10: refuses above its limit, and takes again once there is room', async () => {
    const disk = new Disk();
    const accepted = ['a', 'b', 'c', 'd'].map((write) => disk.writer.write(write, 1_000));
    await expect(disk.writer.write('e', 1_000)).rejects.toMatchObject({ code: 'unavailable' });
    await disk.advance(0);
    accepted.push(disk.writer.write('f', 1_000));
    await disk.confirm(0, [true, true, true]);
    await disk.confirm(1, [true, true]);
    expect(await Promise.all(accepted)).toHaveLength(5);
  });

  it('rejects a write that waited past its deadline as not applied, and never carries it out', async () => {
    const disk = new Disk();
    const first = disk.writer.write('a', 1_000);
    await disk.advance(0);
    const late = disk.writer.write('b', 50);
    const failure = expect(late).rejects.toMatchObject({ code: 'unavailable' });
    await disk.advance(80);
    await failure;
    await disk.confirm(0, [true]);
    expect(await first).toBe(true);
    expect(disk.transactions).toHaveLength(1);
  });

  it('rejects a write whose transaction hangs past its deadline as of unknown fate', async () => {
    const disk = new Disk();
    const failure = expect(disk.writer.write('a', 50)).rejects.toMatchObject({ code: 'unknown_fate' });
    await disk.advance(0);
    await disk.advance(80);
    await failure;
    await disk.confirm(0, [true]);
  });

  it('hands a failed transaction to all who were in it, and goes on', async () => {
    const disk = new Disk();
    const failed = [disk.writer.write('a', 1_000), disk.writer.write('b', 1_000)];
    const outcomes = Promise.allSettled(failed);
    await disk.advance(0);
    disk.transactions[0]?.reject(new StoreError('unavailable', 'disk full'));
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'unavailable', message: 'disk full' },
      });
    }
    const next = disk.writer.write('c', 1_000);
    await disk.advance(0);
    await disk.confirm(1, [true]);
    expect(await next).toBe(true);
  });

  it('takes any other failure for unknown fate', async () => {
    const disk = new Disk();
    const failure = expect(disk.writer.write('a', 1_000)).rejects.toMatchObject({ code: 'unknown_fate' });
    await disk.advance(0);
    disk.transactions[0]?.reject(new TypeError('a bug'));
    await failure;
  });

  it('on closing refuses what waits and finishes what is in flight', async () => {
    const disk = new Disk();
    const inFlight = disk.writer.write('a', 1_000);
    await disk.advance(0);
    const waiting = expect(disk.writer.write('b', 1_000)).rejects.toMatchObject({ code: 'unavailable' });
    const closed = disk.writer.close();
    await waiting;
    await disk.confirm(0, [true]);
    await closed;
    expect(await inFlight).toBe(true);
    await expect(disk.writer.write('c', 1_000)).rejects.toMatchObject({ code: 'unavailable' });
    expect(disk.time.timerCount).toBe(0);
  });

  it('leaves no timer behind when it is idle', async () => {
    const disk = new Disk();
    const write = disk.writer.write('a', 1_000);
    await disk.advance(0);
    await disk.confirm(0, [true]);
    await write;
    await disk.advance(100);
    expect(disk.time.timerCount).toBe(0);
  });
});
