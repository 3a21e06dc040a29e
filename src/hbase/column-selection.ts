import { protoBytes } from './proto-writer.ts';
import type { ProtoWriter } from './proto-writer.ts';

/** A family, or some columns of it. */
export interface FamilyColumns {
  readonly family: string;
  /** All of the family without. */
  readonly qualifiers?: readonly Buffer[];
}

/** Which cells of a row are wanted. Cells come back by family, and within one by qualifier, ascending. */
export interface ColumnSelection {
  /** All families without. */
  readonly columns?: readonly FamilyColumns[];
  /** Qualifiers from `from` (inclusive) up to `to` (exclusive), in every family selected. */
  readonly columnRange?: { readonly from?: Buffer; readonly to?: Buffer };
  /** Leave out cells whose value is empty. */
  readonly skipEmptyValues?: boolean;
  /** The first so many of the cells that the rest of this selection lets through, of each family. */
  readonly cellsPerFamilyMax?: number;
  /** Pass over so many of those cells of each family first; they do not count for `cellsPerFamilyMax`. */
  readonly cellsPerFamilySkipped?: number;
}

const filterPackage = 'org.apache.hadoop.hbase.filter.';
const mustPassAll = 1;
const notEqual = 3;

/** Column, field `field` repeated. */
export function writeColumns(out: ProtoWriter, field: number, columns: readonly FamilyColumns[]): void {
  for (const { family, qualifiers } of columns) {
    const open = out.open(field);
    out.text(1, family);
    if (qualifiers) for (const qualifier of qualifiers) out.bytes(2, qualifier);
    out.close(open);
  }
}

/** The Filter that a selection amounts to, if any. */
export function writeFilter(out: ProtoWriter, field: number, selection: ColumnSelection): void {
  const { columnRange, skipEmptyValues } = selection;
  if (columnRange && skipEmptyValues) {
    const open = openFilter(out, field, 'FilterList');
    out.uint(1, mustPassAll);
    writeColumnRange(out, 2, columnRange);
    writeSkipEmpty(out, 2);
    closeFilter(out, open);
  } else if (columnRange) {
    writeColumnRange(out, field, columnRange);
  } else if (skipEmptyValues) {
    writeSkipEmpty(out, field);
  }
}

function writeColumnRange(out: ProtoWriter, field: number, range: { from?: Buffer; to?: Buffer }): void {
  const open = openFilter(out, field, 'ColumnRangeFilter');
  if (range.from) out.bytes(1, range.from);
  out.bool(2, true);
  if (range.to) out.bytes(3, range.to);
  out.bool(4, false);
  closeFilter(out, open);
}

function writeSkipEmpty(out: ProtoWriter, field: number): void {
  const open = openFilter(out, field, 'ValueFilter');
  const compare = out.open(1);
  out.uint(1, notEqual);
  out.bytes(2, comparedWithEmpty);
  out.close(compare);
  closeFilter(out, open);
}

interface OpenFilter {
  readonly filter: number;
  readonly body: number;
}

function openFilter(out: ProtoWriter, field: number, name: string): OpenFilter {
  const filter = out.open(field);
  out.text(1, filterPackage + name);
  return { filter, body: out.open(2) };
}

function closeFilter(out: ProtoWriter, open: OpenFilter): void {
  out.close(open.body);
  out.close(open.filter);
}

/** Comparator: a BinaryComparator with `value`. */
export function writeBinaryComparator(out: ProtoWriter, field: number, value: Uint8Array): void {
  const comparator = out.open(field);
  out.bytes(1, binaryComparator);
  const serialized = out.open(2);
  const comparable = out.open(1);
  out.bytes(1, value);
  out.close(comparable);
  out.close(serialized);
  out.close(comparator);
}

const binaryComparator = Buffer.from(`${filterPackage}BinaryComparator`, 'latin1');
const comparedWithEmpty = protoBytes((out) => {
  out.bytes(1, binaryComparator);
  const serialized = out.open(2);
  const comparable = out.open(1);
  out.bytes(1, Buffer.alloc(0));
  out.close(comparable);
  out.close(serialized);
});
