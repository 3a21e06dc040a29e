import { describe, expect, it } from 'vitest';
import { describeSettings } from '../../../src/config/describe-settings.ts';
import { parseHostPort } from '../../../src/config/host-port.ts';
import { formatQuantity, parseQuantity, quantityKindOf } from '../../../src/config/quantity.ts';
import { settingsTable } from '../../../src/config/setting.ts';

describe('quantities', () => {
  it('are of the kind that the name says', () => {
    expect(
      [
        'cache.budgetBytes',
        'commit.bytesMax',
        'limits.textBytesMax',
        'cache.recentMs',
        'limits.batchMax',
      ].map(quantityKindOf),
    ).toEqual(['bytes', 'bytes', 'bytes', 'ms', 'count']);
  });

  it.each<[string, Parameters<typeof parseQuantity>[1], number | undefined]>([
    ['64MiB', 'bytes', 67_108_864],
    ['1.5KiB', 'bytes', 1536],
    [' 7 ', 'count', 7],
    ['24h', 'ms', 86_400_000],
    ['250', 'ms', 250],
    ['1kB', 'bytes', undefined],
    ['5s', 'count', undefined],
    ['-1', 'count', undefined],
    ['1e3', 'count', undefined],
    ['', 'count', undefined],
    ['99999999999999999999', 'count', undefined],
  ])('%s as %s is %s', (text, kind, expected) => {
    expect(parseQuantity(text, kind)).toBe(expected);
  });

  it('are written so that they read back', () => {
    for (const number of [0, 1, 1023, 1024, 8192, 1_500_000, 86_400_000, 90_000]) {
      for (const kind of ['bytes', 'ms', 'count'] as const) {
        expect(parseQuantity(formatQuantity(number, kind), kind)).toBe(number);
      }
    }
    expect([formatQuantity(8192, 'bytes'), formatQuantity(90_000, 'ms')]).toEqual(['8KiB', '90s']);
  });
});

describe('addresses', () => {
  it('are split into host and port', () => {
    expect(parseHostPort('127.0.0.1:7400')).toEqual({ host: '127.0.0.1', port: 7400 });
    expect(parseHostPort('[::1]:0')).toEqual({ host: '::1', port: 0 });
    expect(() => parseHostPort('localhost')).toThrow(RangeError);
    expect(() => parseHostPort('::1:5')).toThrow(RangeError);
    expect(() => parseHostPort('localhost:65536')).toThrow(RangeError);
  });
});

describe('help', () => {
  it('names every flag, what it expects and its default', () => {
    const help = describeSettings();
    for (const { flags, fallback } of settingsTable) {
      for (const flag of flags) expect(help).toContain(`--${flag}`);
      if (fallback !== undefined) expect(help).toContain(`default ${fallback}`);
    }
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
  });
});
