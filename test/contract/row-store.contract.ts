import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Cell, Family } from '../../src/row/cell.ts';
import { rowHash, rowKey } from '../../src/row/row-key.ts';
import { StoreError } from '../../src/row/row-store.ts';
import type { CommitOutcome, RowImage, RowSlice, RowStore } from '../../src/row/row-store.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import type { RowTable } from '../../src/store/row-table.ts';
import { systemTime } from '../../src/std/time.ts';
import { FaultyTable } from '../support/faulty-table.ts';
import type { Fault, TableCall } from '../support/faulty-table.ts';
import { storeOver } from '../support/store-over.ts';
import { describeGeneratedSequences } from './row-store-sequences.ts';

export interface ContractTable {
  readonly name: string;
  /** Opens the same rows every time: a table that was closed comes back with what was durable. */
  readonly open: () => Promise<RowTable>;
  /** Cells of the widest row that is read. */
  readonly wideCells: number;
  /** Generated sequences of commands. */
  readonly sequences: number;
  /** How long one call may take on a busy machine. */
  readonly patienceMs: number;
  readonly remove: () => Promise<void>;
}

const wholeSpace: RowSlice = { fromHash: 0, toHash: 0x10000 };

/** What every store has to do, whatever it stands on. */
export function describeRowStore(contract: ContractTable): void {
  describe(`row store on ${contract.name}`, { timeout: 3 * contract.patienceMs }, () => {
    let table: RowTable;
    let store: RowStore;
    let testNumber = 0;
    let id: string;
    let fault: (call: TableCall) => Fault | undefined;
    let faulty: FaultyTable;

    const soon = (): number => systemTime.monotonicMs() + contract.patienceMs;
    const commit = (
      entityId: string,
      base: RowVersion | undefined,
      cells: readonly Cell[],
      by = store,
      deadline = soon(),
    ): Promise<CommitOutcome> => by.commit(entityId, { base, epoch: 7, cells }, deadline);
    const committed = async (
      entityId: string,
      base: RowVersion | undefined,
      cells: readonly Cell[],
      by = store,
    ): Promise<RowVersion> => {
      const outcome = await commit(entityId, base, cells, by);
      if (outcome.kind !== 'committed') throw new Error(`expected a commit of ${entityId}, got a conflict`);
      return outcome.version;
    };
    const all = (entityId: string, family: Family, by = store): Promise<RowImage> =>
      by.read(entityId, [{ family, from: none, to: undefined, limit: 1_000 }], soon());
    const versionOf = async (entityId: string): Promise<RowVersion | undefined> =>
      (await store.versions([entityId], soon()))[0];

    beforeAll(async () => {
      table = await contract.open();
    });
    beforeEach(() => {
      id = `u-${contract.name}-${String(++testNumber)}`;
      fault = () => undefined;
      faulty = new FaultyTable(table, systemTime, (call) => fault(call));
      store = storeOver(faulty);
    });
    afterEach(async () => {
      await faulty.settled();
    });
    afterAll(async () => {
      await table.close();
      await contract.remove();
    });

    describe('G6: commits', () => {
      it('creates a row where there is none', async () => {
        const version = await committed(id, undefined, [cell('h', 'p', 'hello')]);
        expect(version.number).toBe(1);
        expect(version.epoch).toBe(7);
        const image = await all(id, 'h');
        expect(image.version?.bytes).toEqual(version.bytes);
        expect(shown(image)).toEqual([['p=hello']]);
      });

      it('refuses to create a row that is there', async () => {
        await committed(id, undefined, [cell('h', 'p', 'first')]);
        expect(await commit(id, undefined, [cell('h', 'p', 'second')])).toEqual({ kind: 'conflict' });
        expect(shown(await all(id, 'h'))).toEqual([['p=first']]);
      });

      it('commits on the version that is there, and only on that one', async () => {
        const first = await committed(id, undefined, [cell('m', 'a', '1')]);
        const second = await committed(id, first, [cell('m', 'b', '2'), cell('h', 'p', 'x')]);
        expect(second.number).toBe(2);
        expect(await commit(id, first, [cell('m', 'c', '3')])).toEqual({ kind: 'conflict' });
        expect(shown(await all(id, 'm'))).toEqual([['a=1', 'b=2']]);
        expect((await versionOf(id))?.bytes).toEqual(second.bytes);
      });

      it('commits to a row that is not there only as its creation', async () => {
        const other = await committed(`${id}-other`, undefined, []);
        expect(await commit(id, other, [cell('m', 'a', '1')])).toEqual({ kind: 'conflict' });
        expect(await versionOf(id)).toBeUndefined();
      });

      it('tells two writers of the same number apart', async () => {
        const first = await committed(id, undefined, []);
        const rival = storeOver(table);
        const rivals = await committed(id, first, [], rival);
        const stale = await storeOver(table).commit(
          `${id}-x`,
          { base: undefined, epoch: 7, cells: [] },
          soon(),
        );
        if (stale.kind !== 'committed') throw new Error('expected a commit');
        expect(await commit(id, { ...stale.version, number: rivals.number }, [])).toEqual({
          kind: 'conflict',
        });
      });

      it('takes a commit without cells', async () => {
        const first = await committed(id, undefined, []);
        expect((await committed(id, first, [])).number).toBe(2);
      });

      it('refuses a cell in the place of the version', async () => {
        const failure = commit(id, undefined, [cell('h', 'v', 'forged')]);
        await expect(failure).rejects.toMatchObject({ name: 'StoreError', code: 'refused' });
        expect(await versionOf(id)).toBeUndefined();
      });

      it('lets exactly one of two writers win each round', async () => {
        const [left, right] = [storeOver(table), storeOver(table)];
        let base = await committed(id, undefined, []);
        for (let round = 0; round < 20; round++) {
          const outcomes = await Promise.all([
            commit(id, base, [cell('m', `${String(round)}l`, 'left')], left),
            commit(id, base, [cell('m', `${String(round)}r`, 'right')], right),
          ]);
          const winners = outcomes.filter((outcome) => outcome.kind === 'committed');
          expect(winners).toHaveLength(1);
          base = winners[0]!.version;
          expect(base.number).toBe(round + 2);
        }
        expect(shown(await all(id, 'm'))[0]).toHaveLength(20);
      });
    });

    describe('commits of unknown fate', () => {
      /** The first write attempts meet these faults, in order. */
      const attemptsMeet = (...faults: (Fault | undefined)[]): void => {
        fault = (call) => (call.kind === 'compareAndPut' ? faults.shift() : undefined);
      };

      it('finds that the lost reply was a success', async () => {
        attemptsMeet({ kind: 'reply_lost' });
        const version = await committed(id, undefined, [cell('m', 'a', '1')]);
        expect((await versionOf(id))?.bytes).toEqual(version.bytes);
        expect(version.number).toBe(1);
      });

      it('finds that the lost attempt was not applied, and applies it once', async () => {
        attemptsMeet({ kind: 'lost' }, { kind: 'lost' });
        const version = await committed(id, undefined, [cell('m', 'a', '1')]);
        expect((await versionOf(id))?.bytes).toEqual(version.bytes);
        expect(version.number).toBe(1);
      });

      it('stands against an attempt that lands after the retry', async () => {
        const base = await committed(id, undefined, []);
        attemptsMeet({ kind: 'late', delayMs: 150 });
        const version = await committed(id, base, [cell('m', 'a', '1')]);
        await faulty.settled();
        expect((await versionOf(id))?.bytes).toEqual(version.bytes);
        const next = await committed(id, version, [cell('m', 'a', '2')]);
        expect(next.number).toBe(3);
      });

      it('takes for its own an attempt that lands before the retry', async () => {
        const base = await committed(id, undefined, []);
        attemptsMeet({ kind: 'late', delayMs: 0 }, { kind: 'unavailable' }, { kind: 'slow', delayMs: 200 });
        const version = await committed(id, base, [cell('m', 'a', '1')]);
        expect((await versionOf(id))?.bytes).toEqual(version.bytes);
        expect(version.number).toBe(2);
      });

      it('answers conflict where another writer won meanwhile', async () => {
        const base = await committed(id, undefined, []);
        attemptsMeet({ kind: 'lost' }, { kind: 'slow', delayMs: 200 });
        const outcome = commit(id, base, [cell('m', 'a', 'mine')]);
        const rivals = await committed(id, base, [cell('m', 'b', 'theirs')], storeOver(table));
        expect(await outcome).toEqual({ kind: 'conflict' });
        expect((await versionOf(id))?.bytes).toEqual(rivals.bytes);
        expect(shown(await all(id, 'm'))).toEqual([['b=theirs']]);
      });

      it('answers conflict where its attempt was applied and another writer went on from there', async () => {
        attemptsMeet({ kind: 'reply_lost' }, { kind: 'slow', delayMs: 200 });
        const outcome = commit(id, undefined, [cell('m', 'a', 'mine')]);
        const mine = await eventually(() => versionOf(id));
        await committed(id, mine, [cell('m', 'b', 'theirs')], storeOver(table));
        expect(await outcome).toEqual({ kind: 'conflict' });
        expect(shown(await all(id, 'm'))).toEqual([['a=mine', 'b=theirs']]);
      });

      it('rejects with unknown_fate at the deadline, and promises nothing', async () => {
        fault = (call) => (call.kind === 'compareAndPut' ? { kind: 'lost' } : undefined);
        const deadline = systemTime.monotonicMs() + 150;
        const failure = commit(id, undefined, [], store, deadline);
        await expect(failure).rejects.toMatchObject({ code: 'unknown_fate', retryable: true });
        expect(systemTime.monotonicMs()).toBeLessThan(deadline + 1_000);
      });

      it('keeps saying unknown_fate where only later attempts were refused for sure', async () => {
        let attempts = 0;
        fault = ({ kind }) => {
          if (kind !== 'compareAndPut') return undefined;
          return attempts++ === 0 ? { kind: 'lost' } : { kind: 'unavailable' };
        };
        const failure = commit(id, undefined, [], store, systemTime.monotonicMs() + 150);
        await expect(failure).rejects.toMatchObject({ code: 'unknown_fate' });
        expect(attempts).toBeGreaterThan(1);
      });
    });

    describe('deadlines', () => {
      it('waits for a table that comes back in time', async () => {
        let refusals = 3;
        fault = () => (refusals-- > 0 ? { kind: 'unavailable' } : undefined);
        expect((await committed(id, undefined, [])).number).toBe(1);
      });

      it('rejects with unavailable where the table stays away', async () => {
        fault = () => ({ kind: 'unavailable' });
        const deadline = systemTime.monotonicMs() + 100;
        const calls = [
          commit(id, undefined, [], store, deadline),
          store.read(id, [], deadline),
          store.versions([id], deadline),
          store.scanOutbox(wholeSpace, undefined, 1, deadline),
        ];
        for (const outcome of await Promise.allSettled(calls)) {
          expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
        }
        expect(systemTime.monotonicMs()).toBeLessThan(deadline + 1_000);
      });

      it('does nothing after the deadline', async () => {
        const past = systemTime.monotonicMs() - 1;
        const failure = commit(id, undefined, [], store, past);
        await expect(failure).rejects.toMatchObject({ name: 'StoreError', code: 'unavailable' });
        await expect(store.read(id, [], past)).rejects.toBeInstanceOf(StoreError);
        expect(await versionOf(id)).toBeUndefined();
      });
    });

    describe('reads', () => {
      const seeks = ['10', '20', '30', '40', '50'];
      const read = async (from: string, to: string | undefined, limit: number, offset?: number) => {
        const ends = { from: Buffer.from(from), to: to === undefined ? undefined : Buffer.from(to) };
        const more = offset === undefined ? {} : { offset };
        return shown(await store.read(id, [{ family: 'm', ...ends, limit, ...more }], soon()))[0];
      };
      const fill = (): Promise<RowVersion> =>
        committed(
          id,
          undefined,
          [...seeks].reverse().map((q) => cell('m', q, q)),
        );

      it('gives nothing of a row that is not there', async () => {
        const image = await all(id, 'm');
        expect(image).toEqual({ version: undefined, ranges: [[]] });
      });

      it('gives cells in ascending order of the qualifier, from inclusive, to exclusive', async () => {
        await fill();
        expect(await read('', undefined, 10)).toEqual(seeks.map((q) => `${q}=${q}`));
        expect(await read('20', '40', 10)).toEqual(['20=20', '30=30']);
        expect(await read('25', undefined, 10)).toEqual(['30=30', '40=40', '50=50']);
        expect(await read('', '30', 10)).toEqual(['10=10', '20=20']);
        expect(await read('40', '20', 10)).toEqual([]);
        expect(await read('20', '20', 10)).toEqual([]);
      });

      it('honours limit and offset', async () => {
        await fill();
        expect(await read('', undefined, 2)).toEqual(['10=10', '20=20']);
        expect(await read('', undefined, 2, 1)).toEqual(['20=20', '30=30']);
        expect(await read('20', '50', 10, 2)).toEqual(['40=40']);
        expect(await read('', undefined, 2, 9)).toEqual([]);
      });

      it('shows no cleared cell, nor counts it', async () => {
        const version = await fill();
        await committed(id, version, [cell('m', '20', ''), cell('m', '99', '')]);
        expect(await read('', undefined, 2)).toEqual(['10=10', '30=30']);
        expect(await read('', undefined, 2, 1)).toEqual(['30=30', '40=40']);
        expect(await read('20', '21', 5)).toEqual([]);
      });

      it('shows a cell again that was cleared and written anew', async () => {
        const cleared = await committed(id, await fill(), [cell('m', '20', '')]);
        await committed(id, cleared, [cell('m', '20', 'again')]);
        expect(await read('20', '21', 5)).toEqual(['20=again']);
      });

      it('never shows the version cell, and offsets do not count it', async () => {
        await committed(id, undefined, [cell('h', 'u', '1'), cell('h', 'v\0', '2'), cell('h', 'w', '3')]);
        const range = { family: 'h', from: none, to: undefined } as const;
        const image = await store.read(
          id,
          [
            { ...range, limit: 10 },
            { ...range, limit: 2 },
            { ...range, limit: 1, offset: 1 },
            { ...range, limit: 1, offset: 2 },
            { ...range, from: Buffer.from('v'), limit: 1 },
          ],
          soon(),
        );
        expect(shown(image)).toEqual([
          ['u=1', 'v\0=2', 'w=3'],
          ['u=1', 'v\0=2'],
          ['v\0=2'],
          ['w=3'],
          ['v\0=2'],
        ]);
      });

      it('gives several ranges of several families, in the order asked', async () => {
        const families: Family[] = ['l', 'o', 'd', 'm', 'h'];
        await committed(
          id,
          undefined,
          families.map((family) => cell(family, 'q', family)),
        );
        const ranges = families.map((family) => ({ family, from: none, to: undefined, limit: 5 }));
        const image = await store.read(id, ranges, soon());
        expect(shown(image)).toEqual(families.map((family) => [`q=${family}`]));
      });

      it('keeps rows whose ids begin alike apart, and bytes of every kind', async () => {
        const bytes = Buffer.from([0, 1, 0xff, 0x7f, 0]);
        const odd = { family: 'm', qualifier: bytes, value: Buffer.from([0]) } as const;
        await committed(id, undefined, [odd, { ...odd, qualifier: none }]);
        await committed(`${id}-a`, undefined, [cell('m', 'x', 'other')]);
        const image = await all(id, 'm');
        expect(image.ranges[0]).toEqual([{ ...odd, qualifier: none }, odd]);
      });

      it('reads one version even while a writer goes on', async () => {
        let base = await committed(id, undefined, [cell('m', 'n', '1'), cell('l', 'n', '1')]);
        let writing = true;
        const writer = (async () => {
          while (writing) {
            const n = String(base.number + 1);
            base = await committed(id, base, [cell('m', 'n', n), cell('l', 'n', n)]);
          }
        })();
        try {
          for (let i = 0; i < 30; i++) {
            const range = { from: none, to: undefined, limit: 1 };
            const image = await store.read(
              id,
              [
                { ...range, family: 'm' },
                { ...range, family: 'l' },
              ],
              soon(),
            );
            const seen = `n=${String(image.version?.number)}`;
            expect(shown(image)).toEqual([[seen], [seen]]);
          }
        } finally {
          writing = false;
          await writer;
        }
      });

      it('finds its way in a wide row', async () => {
        const perCommit = 2_000;
        const key = (n: number): string => String(n).padStart(8, '0');
        let base: RowVersion | undefined;
        for (let from = 0; from < contract.wideCells; from += perCommit) {
          const numbers = Array.from({ length: perCommit }, (_, i) => from + i);
          base = await committed(
            id,
            base,
            numbers.map((n) => cell('m', key(n), `message ${String(n)}`)),
          );
        }
        const middle = contract.wideCells / 2;
        expect(await read(key(middle), undefined, 3)).toEqual(
          [0, 1, 2].map((i) => `${key(middle + i)}=message ${String(middle + i)}`),
        );
        const last = contract.wideCells - 1;
        expect(await read('', undefined, 5, last)).toEqual([`${key(last)}=message ${String(last)}`]);
        const whole = await read('', undefined, contract.wideCells + 1);
        expect(whole).toHaveLength(contract.wideCells);
      });
    });

    describe('versions', () => {
      it('gives those of many rows, in the order asked, repeated and missing ones too', async () => {
        const ids = Array.from({ length: 50 }, (_, i) => `${id}-${String(i)}`);
        const versions = await Promise.all(ids.map((entityId) => committed(entityId, undefined, [])));
        const asked = [...ids.toReversed(), `${id}-missing`, ids[0]!];
        const seen = await store.versions(asked, soon());
        expect(seen.map((version) => version?.bytes)).toEqual([
          ...versions.toReversed().map(({ bytes }) => bytes),
          undefined,
          versions[0]!.bytes,
        ]);
        expect(await store.versions([], soon())).toEqual([]);
      });
    });

    describe('G5: outbox scan', () => {
      const scan = async (slice: RowSlice, limit: number): Promise<string[]> => {
        const found: string[] = [];
        let after: string | undefined;
        do {
          const page = await store.scanOutbox(slice, after, limit, soon());
          expect(page.entityIds.length).toBeLessThanOrEqual(limit);
          found.push(...page.entityIds);
          after = page.after;
        } while (after !== undefined);
        return found.filter((entityId) => entityId.startsWith(`${id}-`));
      };
      const inKeyOrder = (ids: readonly string[]): string[] =>
        ids.toSorted((a, b) => rowKey(a).compare(rowKey(b)));

      it('finds rows that owe something, page by page, in row key order', async () => {
        const ids = Array.from({ length: 25 }, (_, i) => `${id}-${String(i)}`);
        await Promise.all(
          ids.map((entityId, i) =>
            committed(entityId, undefined, [
              cell('m', 'a', 'x'),
              ...(i % 2 === 0 ? [cell('o', 'c1', 'owed'), cell('o', 'c2', 'owed')] : []),
            ]),
          ),
        );
        const owing = inKeyOrder(ids.filter((_, i) => i % 2 === 0));
        expect(await scan(wholeSpace, 4)).toEqual(owing);
        expect(await scan(wholeSpace, 1_000)).toEqual(owing);
        const half = 0x8000;
        expect(await scan({ fromHash: 0, toHash: half }, 3)).toEqual(
          owing.filter((one) => rowHash(one) < half),
        );
        expect(await scan({ fromHash: half, toHash: 0x10000 }, 3)).toEqual(
          owing.filter((one) => rowHash(one) >= half),
        );
      });

      it('does not find rows whose outbox was cleared', async () => {
        const [cleared, half] = [`${id}-cleared`, `${id}-half`];
        for (const entityId of [cleared, half]) {
          const version = await committed(entityId, undefined, [cell('o', 'c1', 'x'), cell('o', 'c2', 'x')]);
          const both = [cell('o', 'c1', ''), cell('o', 'c2', '')];
          await committed(entityId, version, entityId === cleared ? both : both.slice(0, 1));
        }
        expect(await scan(wholeSpace, 100)).toEqual([half]);
      });
    });

    describe('G1: durability', () => {
      it('has what was committed after it was closed and opened again', async () => {
        const version = await committed(id, undefined, [cell('m', 'a', 'kept')]);
        await table.close();
        const closed = store.versions([id], systemTime.monotonicMs() + 50);
        await expect(closed).rejects.toMatchObject({ code: 'unavailable' });
        table = await contract.open();
        const again = storeOver(table);
        const image = await all(id, 'm', again);
        expect(image.version?.bytes).toEqual(version.bytes);
        expect(shown(image)).toEqual([['a=kept']]);
      });
    });

    describeGeneratedSequences(contract.sequences, (suffix) => ({ store, id: `${id}-${suffix}`, soon }));
  });
}

const none = Buffer.alloc(0);

function cell(family: Family, qualifier: string, value: string): Cell {
  return { family, qualifier: Buffer.from(qualifier), value: Buffer.from(value) };
}

function shown(image: RowImage): string[][] {
  return image.ranges.map((cells) =>
    cells.map(({ qualifier, value }) => `${qualifier.toString()}=${value.toString()}`),
  );
}

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
