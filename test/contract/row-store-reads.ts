import { describe, expect, it } from 'vitest';
import type { Family } from '../../src/row/cell.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import { cell, none, shown } from './contract-stand.ts';
import type { ContractStand } from './contract-stand.ts';

export function describeReads(stand: ContractStand): void {
  describe('reads', () => {
    const seeks = ['10', '20', '30', '40', '50'];
    const read = async (from: string, to: string | undefined, limit: number, offset?: number) => {
      const ends = { from: Buffer.from(from), to: to === undefined ? undefined : Buffer.from(to) };
      const more = offset === undefined ? {} : { offset };
      return shown(
        await stand.store.read(stand.id, [{ family: 'm', ...ends, limit, ...more }], stand.soon()),
      )[0];
    };
    const fill = (): Promise<RowVersion> =>
      stand.committed(
        stand.id,
        undefined,
        [...seeks].reverse().map((q) => cell('m', q, q)),
      );

    it('gives nothing of a row that is not there', async () => {
      const image = await stand.all(stand.id, 'm');
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
      await stand.committed(stand.id, version, [cell('m', '20', ''), cell('m', '99', '')]);
      expect(await read('', undefined, 2)).toEqual(['10=10', '30=30']);
      expect(await read('', undefined, 2, 1)).toEqual(['30=30', '40=40']);
      expect(await read('20', '21', 5)).toEqual([]);
    });

    it('shows a cell again that was cleared and written anew', async () => {
      const cleared = await stand.committed(stand.id, await fill(), [cell('m', '20', '')]);
      await stand.committed(stand.id, cleared, [cell('m', '20', 'again')]);
      expect(await read('20', '21', 5)).toEqual(['20=again']);
    });

    it('never shows the version cell, and offsets do not count it', async () => {
      await stand.committed(stand.id, undefined, [
        cell('h', 'u', '1'),
        cell('h', 'v\0', '2'),
        cell('h', 'w', '3'),
      ]);
      const range = { family: 'h', from: none, to: undefined } as const;
      const image = await stand.store.read(
        stand.id,
        [
          { ...range, limit: 10 },
          { ...range, limit: 2 },
          { ...range, limit: 1, offset: 1 },
          { ...range, limit: 1, offset: 2 },
          { ...range, from: Buffer.from('v'), limit: 1 },
        ],
        stand.soon(),
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
      await stand.committed(
        stand.id,
        undefined,
        families.map((family) => cell(family, 'q', family)),
      );
      const ranges = families.map((family) => ({ family, from: none, to: undefined, limit: 5 }));
      const image = await stand.store.read(stand.id, ranges, stand.soon());
      expect(shown(image)).toEqual(families.map((family) => [`q=${family}`]));
    });

    it('keeps rows whose ids begin alike apart, and bytes of every kind', async () => {
      const bytes = Buffer.from([0, 1, 0xff, 0x7f, 0]);
      const odd = { family: 'm', qualifier: bytes, value: Buffer.from([0]) } as const;
      await stand.committed(stand.id, undefined, [odd, { ...odd, qualifier: none }]);
      await stand.committed(`${stand.id}-a`, undefined, [cell('m', 'x', 'other')]);
      const image = await stand.all(stand.id, 'm');
      expect(image.ranges[0]).toEqual([{ ...odd, qualifier: none }, odd]);
    });

    it('reads one version even while a writer goes on', async () => {
      let base = await stand.committed(stand.id, undefined, [cell('m', 'n', '1'), cell('l', 'n', '1')]);
      const write = async (): Promise<void> => {
        const n = String(base.number + 1);
        base = await stand.committed(stand.id, base, [cell('m', 'n', n), cell('l', 'n', n)]);
      };
      const stop = new AbortController();
      const writer = (async () => {
        while (!stop.signal.aborted) await write();
      })();
      const range = { from: none, to: undefined, limit: 1 };
      const ranges = [
        { ...range, family: 'm' as const },
        { ...range, family: 'l' as const },
      ];
      try {
        for (let i = 0; i < 30; i++) {
          const image = await stand.store.read(stand.id, ranges, stand.soon());
          const seen = `n=${String(image.version?.number)}`;
          expect(shown(image)).toEqual([[seen], [seen]]);
        }
      } finally {
        stop.abort();
        await writer;
      }
      expect(base.number).toBeGreaterThan(1);
    });

    it('finds its way in a wide row', async () => {
      const perCommit = 2_000;
      const key = (n: number): string => String(n).padStart(8, '0');
      let base: RowVersion | undefined;
      for (let from = 0; from < stand.contract.wideCells; from += perCommit) {
        const numbers = Array.from({ length: perCommit }, (_, i) => from + i);
        base = await stand.committed(
          stand.id,
          base,
          numbers.map((n) => cell('m', key(n), `message ${String(n)}`)),
        );
      }
      const middle = stand.contract.wideCells / 2;
      expect(await read(key(middle), undefined, 3)).toEqual(
        [0, 1, 2].map((i) => `${key(middle + i)}=message ${String(middle + i)}`),
      );
      const last = stand.contract.wideCells - 1;
      expect(await read('', undefined, 5, last)).toEqual([`${key(last)}=message ${String(last)}`]);
      const whole = await read('', undefined, stand.contract.wideCells + 1);
      expect(whole).toHaveLength(stand.contract.wideCells);
    });
  });
}
