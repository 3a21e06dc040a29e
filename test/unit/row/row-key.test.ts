import { describe, expect, it } from 'vitest';
import { entityOf, rowHash, rowHashCount, rowKey } from '../../../src/row/row-key.ts';

describe('row keys', () => {
  it('stay as they are for ever: rows are found by them', () => {
    expect(rowKey('alice').toString('hex')).toBe('ea14616c696365');
    expect(rowKey('grp:01J9').toString('hex')).toBe('91a96772703a30314a39');
  });

  it('begin with the hash and give the id back', () => {
    for (const id of ['a', 'bob-2', 'grp:x', 'ünï']) {
      const key = rowKey(id);
      expect(key.readUInt16BE(0)).toBe(rowHash(id));
      expect(entityOf(key)).toBe(id);
    }
  });

  it('give no id for an auxiliary row, whatever the bytes of its hash', () => {
    expect(entityOf(Buffer.concat([rowKey('alice'), Buffer.from([0, 1])]))).toBeUndefined();
    expect(entityOf(Buffer.from([0, 0, 0x61]))).toBe('a');
  });

  it('spread ids that differ in one character evenly', () => {
    const buckets = new Array<number>(16).fill(0);
    const ids = 16_000;
    for (let i = 0; i < ids; i++) buckets[Math.floor((rowHash(`user-${String(i)}`) * 16) / rowHashCount)]!++;
    for (const count of buckets) {
      expect(count).toBeGreaterThan(850);
      expect(count).toBeLessThan(1_150);
    }
  });
});
