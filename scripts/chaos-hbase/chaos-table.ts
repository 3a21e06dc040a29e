import type { TableSettings } from '../../src/hbase/table-schema.ts';

/** The key space in sixteen parts. A writer stays in one, so that those of living regions go on while others wait. */
export const slices: readonly string[] = Array.from('0123456789abcdef');
export const family = 'f';
/** Of a put row: its one cell. Of a chain row: the head, `version:nonce`. */
export const valueQualifier = Buffer.from('v');

const versionDigits = 7;
const countDigits = 7;
const historyPrefix = 'h';

/** What a row is for, by its key. */
export type RowRole = 'chain' | 'put' | 'probe';

/** Several versions of each cell are kept: a put that was applied twice can be told. */
export function chaosTable(table: string): TableSettings {
  return {
    table,
    families: [{ name: family, versionsMax: 5, bloomFilter: 'ROW' }],
    splitKeys: ['4', '8', 'c'].map((key) => Buffer.from(key)),
  };
}

export function chainRow(slice: string, name: string): string {
  return `${slice}/c/${name}`;
}

/** Puts of one writer sort by `count`. */
export function putRow(slice: string, writer: string, count: number): string {
  return `${slice}/p/${writer}/${String(count).padStart(countDigits, '0')}`;
}

export function probeRow(slice: string): string {
  return `${slice}/y`;
}

/** @returns undefined for a key that is not of this table's layout */
export function roleOf(row: string): RowRole | undefined {
  const roles: Readonly<Record<string, RowRole>> = { '/c/': 'chain', '/p/': 'put', '/y': 'probe' };
  const mark = row.slice(1, 4);
  return Object.hasOwn(roles, mark) ? roles[mark] : undefined;
}

/** Keys where a region may be cut, ascending: between slices, and within one between its chains and its puts. */
export function splitPoints(): Buffer[] {
  return slices.flatMap((slice) => [Buffer.from(slice), Buffer.from(`${slice}/m`)]);
}

/** The qualifier of the cell that keeps who wrote a version. */
export function historyQualifier(version: number): Buffer {
  return Buffer.from(historyPrefix + String(version).padStart(versionDigits, '0'));
}

/** @returns undefined where the qualifier is no version's */
export function versionOf(qualifier: string): number | undefined {
  const digits = qualifier.startsWith(historyPrefix) ? qualifier.slice(historyPrefix.length) : '';
  return /^\d+$/.test(digits) ? Number(digits) : undefined;
}
