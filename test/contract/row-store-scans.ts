import { describe, expect, it } from 'vitest';
import { rowHash, rowKey } from '../../src/row/row-key.ts';
import type { RowSlice } from '../../src/row/row-store.ts';
import { cell, wholeSpace } from './contract-stand.ts';
import type { ContractStand } from './contract-stand.ts';

/** Reads of many rows. */
export function describeScans(stand: ContractStand): void {
  describe('versions', () => {
    it('gives those of many rows, in the order asked, repeated and missing ones too', async () => {
      const ids = Array.from({ length: 50 }, (_, i) => `${stand.id}-${String(i)}`);
      const versions = await Promise.all(ids.map((entityId) => stand.committed(entityId, undefined, [])));
      const asked = [...ids.toReversed(), `${stand.id}-missing`, ids[0]!];
      const seen = await stand.store.versions(asked, stand.soon());
      expect(seen.map((version) => version?.bytes)).toEqual([
        ...versions.toReversed().map(({ bytes }) => bytes),
        undefined,
        versions[0]!.bytes,
      ]);
      expect(await stand.store.versions([], stand.soon())).toEqual([]);
    });
  });

  describe('G5: outbox scan', () => {
    const scan = async (slice: RowSlice, limit: number): Promise<string[]> => {
      const found: string[] = [];
      let after: string | undefined;
      do {
        const page = await stand.store.scanOutbox(slice, after, limit, stand.soon());
        expect(page.entityIds.length).toBeLessThanOrEqual(limit);
        found.push(...page.entityIds);
        after = page.after;
      } while (after !== undefined);
      return found.filter((entityId) => entityId.startsWith(`${stand.id}-`));
    };
    const inKeyOrder = (ids: readonly string[]): string[] =>
      ids.toSorted((a, b) => rowKey(a).compare(rowKey(b)));

    it('finds rows that owe something, page by page, in row key order', async () => {
      const ids = Array.from({ length: 25 }, (_, i) => `${stand.id}-${String(i)}`);
      await Promise.all(
        ids.map((entityId, i) =>
          stand.committed(entityId, undefined, [
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
      const [cleared, half] = [`${stand.id}-cleared`, `${stand.id}-half`];
      for (const entityId of [cleared, half]) {
        const version = await stand.committed(entityId, undefined, [
          cell('o', 'c1', 'x'),
          cell('o', 'c2', 'x'),
        ]);
        const both = [cell('o', 'c1', ''), cell('o', 'c2', '')];
        await stand.committed(entityId, version, entityId === cleared ? both : both.slice(0, 1));
      }
      expect(await scan(wholeSpace, 100)).toEqual([half]);
    });
  });
}
