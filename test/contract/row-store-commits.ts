import { describe, expect, it } from 'vitest';
import { storeOver } from '../support/store-over.ts';
import { cell, shown } from './contract-stand.ts';
import type { ContractStand } from './contract-stand.ts';

export function describeCommits(stand: ContractStand): void {
  describe('G6: commits', () => {
    it('creates a row where there is none', async () => {
      const version = await stand.committed(stand.id, undefined, [cell('h', 'p', 'hello')]);
      expect(version.number).toBe(1);
      expect(version.epoch).toBe(7);
      const image = await stand.all(stand.id, 'h');
      expect(image.version?.bytes).toEqual(version.bytes);
      expect(shown(image)).toEqual([['p=hello']]);
    });

    it('refuses to create a row that is there', async () => {
      await stand.committed(stand.id, undefined, [cell('h', 'p', 'first')]);
      expect(await stand.commit(stand.id, undefined, [cell('h', 'p', 'second')])).toEqual({
        kind: 'conflict',
      });
      expect(shown(await stand.all(stand.id, 'h'))).toEqual([['p=first']]);
    });

    it('commits on the version that is there, and only on that one', async () => {
      const first = await stand.committed(stand.id, undefined, [cell('m', 'a', '1')]);
      const second = await stand.committed(stand.id, first, [cell('m', 'b', '2'), cell('h', 'p', 'x')]);
      expect(second.number).toBe(2);
      expect(await stand.commit(stand.id, first, [cell('m', 'c', '3')])).toEqual({ kind: 'conflict' });
      expect(shown(await stand.all(stand.id, 'm'))).toEqual([['a=1', 'b=2']]);
      expect((await stand.versionOf(stand.id))?.bytes).toEqual(second.bytes);
    });

    it('commits to a row that is not there only as its creation', async () => {
      const other = await stand.committed(`${stand.id}-other`, undefined, []);
      expect(await stand.commit(stand.id, other, [cell('m', 'a', '1')])).toEqual({ kind: 'conflict' });
      expect(await stand.versionOf(stand.id)).toBeUndefined();
    });

    it('tells two writers of the same number apart', async () => {
      const first = await stand.committed(stand.id, undefined, []);
      const rival = storeOver(stand.table);
      const rivals = await stand.committed(stand.id, first, [], rival);
      const stale = await storeOver(stand.table).commit(
        `${stand.id}-x`,
        { base: undefined, epoch: 7, cells: [] },
        stand.soon(),
      );
      if (stale.kind !== 'committed') throw new Error('expected a commit');
      expect(await stand.commit(stand.id, { ...stale.version, number: rivals.number }, [])).toEqual({
        kind: 'conflict',
      });
    });

    it('takes a commit without cells', async () => {
      const first = await stand.committed(stand.id, undefined, []);
      expect((await stand.committed(stand.id, first, [])).number).toBe(2);
    });

    it('refuses a cell in the place of the version', async () => {
      const failure = stand.commit(stand.id, undefined, [cell('h', 'v', 'forged')]);
      await expect(failure).rejects.toMatchObject({ name: 'StoreError', code: 'refused' });
      expect(await stand.versionOf(stand.id)).toBeUndefined();
    });

    it('lets exactly one of two writers win each round', async () => {
      const [left, right] = [storeOver(stand.table), storeOver(stand.table)];
      let base = await stand.committed(stand.id, undefined, []);
      for (let round = 0; round < 20; round++) {
        const outcomes = await Promise.all([
          stand.commit(stand.id, base, [cell('m', `${String(round)}l`, 'left')], left),
          stand.commit(stand.id, base, [cell('m', `${String(round)}r`, 'right')], right),
        ]);
        const winners = outcomes.filter((outcome) => outcome.kind === 'committed');
        expect(winners).toHaveLength(1);
        base = winners[0]!.version;
        expect(base.number).toBe(round + 2);
      }
      expect(shown(await stand.all(stand.id, 'm'))[0]).toHaveLength(20);
    });
  });
}
