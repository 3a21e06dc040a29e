import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { containsRow, regionLocation } from '../../../src/hbase/region.ts';
import type { RegionLocation } from '../../../src/hbase/region.ts';
import { RegionCache } from '../../../src/hbase/region-cache.ts';
import { serverName } from '../../../src/hbase/server-name.ts';

function region(startKey: string, endKey: string, regionId = 1n, openSeqNum = 1n): RegionLocation {
  const info = {
    table: 't',
    regionId,
    startKey: Buffer.from(startKey),
    endKey: Buffer.from(endKey),
    offline: false,
    split: false,
    replicaId: 0,
  };
  return regionLocation(info, Buffer.from(`t,${startKey},${regionId}`), serverName('h', 1, 1n), openSeqNum);
}

function cacheOf(...regions: RegionLocation[]): RegionCache {
  const cache = new RegionCache();
  for (const each of regions) cache.insert(each);
  return cache;
}
const at = (cache: RegionCache, row: string) => cache.find(Buffer.from(row))?.name.toString();

describe('RegionCache', () => {
  it('finds by range: start inclusive, end exclusive, open ends', () => {
    const cache = cacheOf(region('', 'b'), region('b', 'd'), region('f', ''));
    const found = ['', 'a', 'b', 'c\xff', 'd', 'e', 'f', 'zzz'].map((row) => at(cache, row));
    expect(found).toEqual(['t,,1', 't,,1', 't,b,1', 't,b,1', undefined, undefined, 't,f,1', 't,f,1']);
  });

  it('a split: the daughters replace their parent, and a late look at the parent does not bring it back', () => {
    const parent = region('b', 'f');
    const cache = cacheOf(region('', 'b'), parent, region('b', 'd', 2n), region('d', 'f', 2n));
    expect(cache.insert(parent)).toBe(false);
    expect(['a', 'b', 'd'].map((row) => at(cache, row))).toEqual(['t,,1', 't,b,2', 't,d,2']);
    expect(cache.size).toBe(3);
  });

  it('one daughter known: the rest of the parent is forgotten', () => {
    const cache = cacheOf(region('b', 'f'), region('d', 'f', 2n));
    expect([at(cache, 'c'), at(cache, 'e')]).toEqual([undefined, 't,d,2']);
  });

  it('a merge: the merged region replaces both', () => {
    const cache = cacheOf(region('', 'b'), region('b', 'd'), region('d', ''), region('b', '', 2n));
    expect(['a', 'b', 'z'].map((row) => at(cache, row))).toEqual(['t,,1', 't,b,2', 't,b,2']);
    expect(cache.size).toBe(2);
  });

  it('a move: what opened later wins', () => {
    const moved = region('', '', 1n, 7n);
    const cache = cacheOf(moved);
    expect(cache.insert(region('', '', 1n, 6n))).toBe(false);
    expect(cache.find(Buffer.from('x'))).toBe(moved);
  });

  it('drops only what it was told to drop', () => {
    const [stale, fresh] = [region('', '', 1n, 1n), region('', '', 1n, 2n)];
    const cache = cacheOf(stale, fresh);
    cache.drop(stale);
    expect(cache.find(Buffer.from('x'))).toBe(fresh);
    cache.drop(fresh);
    expect(cache.size).toBe(0);
  });

  it('whatever is inserted: regions never overlap, and the newest that was inserted is found', () => {
    const key = fc.constantFrom('', 'b', 'd', 'f', 'h', 'j');
    const anyRegion = fc
      .tuple(key, key, fc.bigInt({ min: 1n, max: 4n }))
      .filter(([start, end]) => end === '' || start < end)
      .map(([start, end, id]) => region(start, end, id));
    fc.assert(
      fc.property(fc.array(anyRegion, { maxLength: 12 }), (regions) => {
        const cache = new RegionCache();
        for (const each of regions) {
          const rows = ['', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'].map((row) =>
            Buffer.from(row),
          );
          const before = rows.map((row) => cache.find(row));
          const taken = cache.insert(each);
          rows.forEach((row, i) => {
            const found = cache.find(row);
            if (taken && containsRow(each.info, row)) expect(found).toBe(each);
            else expect([before[i], undefined]).toContain(found);
            if (!taken) expect(found).toBe(before[i]);
          });
          if (!taken)
            expect(before.some((known) => known && known.info.regionId >= each.info.regionId)).toBe(true);
        }
      }),
    );
  });
});
