import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../src/row/row-store.ts';
import { RowVersionSource } from '../../../src/row/row-version.ts';
import type { RowVersion } from '../../../src/row/row-version.ts';
import { MemoryTable } from '../../../src/store/memory-table.ts';
import { VersionedStore } from '../../../src/store/versioned-store.ts';
import { FaultyTable } from '../../support/faulty-table.ts';
import type { Fault, TableCall } from '../../support/faulty-table.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

class Stand {
  readonly time = new VirtualTime();
  readonly memory = new MemoryTable(this.time);
  readonly calls: { readonly kind: string; readonly atMs: number }[] = [];
  readonly incarnation = new RowVersionSource(Buffer.alloc(8, 1));
  random = 0.5;

  store(
    faultOf: (call: TableCall) => Fault | undefined = () => undefined,
    table = this.memory,
  ): VersionedStore {
    const faulty = new FaultyTable(table, this.time, (call) => {
      this.calls.push({ kind: call.kind, atMs: this.time.monotonicMs() });
      return faultOf(call);
    });
    const waits = { firstMs: 10, maxMs: 80 };
    return new VersionedStore({
      table: faulty,
      versions: this.incarnation,
      time: this.time,
      random: () => this.random,
      waits,
    });
  }
}

/** A memory table with some of its calls answered otherwise. */
function answering(stand: Stand, answers: Partial<MemoryTable>): MemoryTable {
  return Object.assign(new MemoryTable(stand.time), answers);
}

const nothing = { base: undefined, epoch: 1, cells: [] };

describe('VersionedStore', () => {
  it('backs off by doubling up to a bound, and stops before the deadline', async () => {
    const stand = new Stand();
    stand.random = 0.999999;
    const failure = stand.store(() => ({ kind: 'unavailable' })).commit('u', nothing, 400);
    await expect(stand.time.drive(failure)).rejects.toMatchObject({ code: 'unavailable' });
    const waits = stand.calls.slice(1).map(({ atMs }, i) => Math.round(atMs - (stand.calls[i]?.atMs ?? 0)));
    expect(waits).toEqual([10, 20, 40, 80, 80, 80, 80]);
    expect(stand.time.monotonicMs()).toBeLessThan(400);
  });

  it('spreads its waits between half and whole', async () => {
    const stand = new Stand();
    stand.random = 0;
    const failure = stand.store(() => ({ kind: 'unavailable' })).read('u', [], 30);
    await expect(stand.time.drive(failure)).rejects.toMatchObject({ code: 'unavailable' });
    expect(stand.calls.map(({ atMs }) => atMs)).toEqual([0, 5, 15]);
  });

  it('does not repeat what is refused, corrupt, or a bug', async () => {
    const stand = new Stand();
    for (const error of [
      new StoreError('refused', 'no'),
      new StoreError('corrupt', 'no'),
      new TypeError('a bug'),
    ]) {
      const table = answering(stand, { read: () => Promise.reject(error) });
      stand.calls.length = 0;
      await expect(stand.store(undefined, table).read('u', [], 1_000)).rejects.toBe(error);
      expect(stand.calls).toHaveLength(1);
    }
  });

  it('G6: compares with every attempt in doubt, not only the last', async () => {
    const stand = new Stand();
    const faults: (Fault | undefined)[] = [{ kind: 'reply_lost' }, { kind: 'lost' }, { kind: 'lost' }];
    const store = stand.store(({ kind }) => (kind === 'compareAndPut' ? faults.shift() : undefined));
    const outcome = await stand.time.drive(store.commit('u', nothing, 1_000));
    const [version] = await stand.memory.versions(['u'], 1_000);
    expect(outcome).toEqual({ kind: 'committed', version });
    expect(version?.number).toBe(1);
  });

  it('G6: lets one of its attempts win where the first lands after the second', async () => {
    const stand = new Stand();
    const faults: (Fault | undefined)[] = [
      { kind: 'late', delayMs: 60 },
      { kind: 'late', delayMs: 20 },
      { kind: 'slow', delayMs: 500 },
    ];
    const store = stand.store(({ kind }) => (kind === 'compareAndPut' ? faults.shift() : undefined));
    const outcome = await stand.time.drive(store.commit('u', nothing, 2_000));
    const [version] = await stand.memory.versions(['u'], 2_000);
    expect(outcome).toEqual({ kind: 'committed', version });
    // Attempts carry nonces 1, 2, 3; the second landed first.
    expect(version?.bytes.readUInt32BE(25)).toBe(2);
  });

  it('waits for the version to be readable where a conflict has to be told from a success', async () => {
    const stand = new Stand();
    const faults: (Fault | undefined)[] = [{ kind: 'reply_lost' }];
    let refusals = 3;
    const store = stand.store(({ kind }) => {
      if (kind === 'compareAndPut') return faults.shift();
      return refusals-- > 0 ? { kind: 'unavailable' } : undefined;
    });
    expect(await stand.time.drive(store.commit('u', nothing, 1_000))).toMatchObject({ kind: 'committed' });
  });

  it('rejects with unknown_fate where that version cannot be read in time', async () => {
    const stand = new Stand();
    const faults: (Fault | undefined)[] = [{ kind: 'reply_lost' }];
    const store = stand.store(({ kind }) =>
      kind === 'compareAndPut' ? faults.shift() : { kind: 'unavailable' },
    );
    const failure = stand.time.drive(store.commit('u', nothing, 300));
    await expect(failure).rejects.toMatchObject({ code: 'unknown_fate' });
  });

  it('rejects with unknown_fate where a later attempt is refused for good', async () => {
    const stand = new Stand();
    let attempts = 0;
    const table = answering(stand, {
      compareAndPut: () =>
        Promise.reject(new StoreError(attempts++ === 0 ? 'unknown_fate' : 'refused', 'injected')),
    });
    const failure = stand.time.drive(stand.store(undefined, table).commit('u', nothing, 300));
    await expect(failure).rejects.toMatchObject({ code: 'unknown_fate' });
    expect(attempts).toBe(2);
  });

  it('rejects as corrupt where the table refuses a base that it still shows', async () => {
    const stand = new Stand();
    let attempts = 0;
    const stale: RowVersion | undefined = undefined;
    const table = answering(stand, {
      compareAndPut: () =>
        attempts++ === 0
          ? Promise.reject(new StoreError('unknown_fate', 'injected'))
          : Promise.resolve(false),
      versions: () => Promise.resolve([stale]),
    });
    const failure = stand.time.drive(stand.store(undefined, table).commit('u', nothing, 300));
    await expect(failure).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('takes a bug of the table in a commit for unknown fate: it must not be lost', async () => {
    const stand = new Stand();
    const table = answering(stand, { compareAndPut: () => Promise.reject(new TypeError('a bug')) });
    const failure = stand.time.drive(stand.store(undefined, table).commit('u', nothing, 100));
    await expect(failure).rejects.toMatchObject({ name: 'StoreError', code: 'unknown_fate' });
  });

  it('stops trying when it is closed', async () => {
    const stand = new Stand();
    const store = stand.store(() => ({ kind: 'unavailable' }));
    const failure = expect(stand.time.drive(store.read('u', [], 60_000))).rejects.toMatchObject({
      code: 'unavailable',
    });
    await store.close();
    await failure;
    expect(stand.calls.length).toBeLessThan(4);
  });
});
