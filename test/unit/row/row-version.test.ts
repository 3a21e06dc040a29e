import { describe, expect, it } from 'vitest';
import {
  RowVersionError,
  RowVersionSource,
  decodeRowVersion,
  sameVersion,
  writerOf,
} from '../../../src/row/row-version.ts';

const incarnation = Buffer.from('0123456789abcdef', 'hex');

describe('RowVersion', () => {
  it('keeps its bytes for ever', () => {
    const version = new RowVersionSource(incarnation).next(undefined, 258);
    expect(version.bytes.toString('hex')).toBe(
      ['01', '0000000000000001', '00000102', '0123456789abcdef', '0000000000000001'].join(''),
    );
  });

  it('decodes what it wrote', () => {
    const version = new RowVersionSource(incarnation).next(undefined, 0xffffffff);
    expect(decodeRowVersion(Buffer.from(version.bytes))).toEqual(version);
    expect(writerOf(version)).toBe('0123456789abcdef');
  });

  it('counts on from its base, past 32 bits too', () => {
    const source = new RowVersionSource(incarnation);
    const base = { ...source.next(undefined, 1), number: 0xffffffff };
    const next = source.next(base, 1);
    expect(next.number).toBe(0x100000000);
    expect(decodeRowVersion(next.bytes).number).toBe(0x100000000);
  });

  it('never makes the same version twice, on the same base either', () => {
    const source = new RowVersionSource(incarnation);
    const made = Array.from({ length: 1_000 }, () => source.next(undefined, 1).bytes.toString('hex'));
    expect(new Set(made).size).toBe(1_000);
  });

  it('is the same exactly when its bytes are', () => {
    const source = new RowVersionSource(incarnation);
    const version = source.next(undefined, 1);
    expect(sameVersion(version, decodeRowVersion(Buffer.from(version.bytes)))).toBe(true);
    expect(sameVersion(version, source.next(undefined, 1))).toBe(false);
    expect(sameVersion(version, new RowVersionSource(Buffer.alloc(8)).next(undefined, 1))).toBe(false);
    expect(sameVersion(version, undefined)).toBe(false);
    expect(sameVersion(undefined, undefined)).toBe(true);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['too few bytes', Buffer.alloc(28, 1)],
    ['too many bytes', Buffer.alloc(30, 1)],
    ['another format', Buffer.alloc(29, 2)],
  ])('refuses to decode %s', (_, bytes) => {
    expect(() => decodeRowVersion(bytes)).toThrow(RowVersionError);
  });

  it('wants an incarnation of 8 bytes', () => {
    expect(() => new RowVersionSource(Buffer.alloc(7))).toThrow(RowVersionError);
  });
});
