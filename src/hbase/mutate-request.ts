import { writeBinaryComparator } from './column-selection.ts';
import { HBaseError } from './hbase-error.ts';
import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';
import type { RegionLocation } from './region.ts';
import type { RpcRequest } from './rpc-call.ts';

/** A cell to be written; HBase stamps it with its own clock. */
export interface PutCell {
  readonly family: string;
  readonly qualifier: Buffer;
  readonly value: Buffer;
}

/** Cells of one row, written atomically. At least one; at most one for each column. */
export interface Put {
  readonly row: Buffer;
  readonly cells: readonly PutCell[];
}

/** A column to be deleted, all its versions; or the whole family without `qualifier`. */
export interface DeletedColumn {
  readonly family: string;
  readonly qualifier?: Buffer;
}

/** What one column of the row has to hold for a conditional mutation. */
export interface Condition {
  readonly family: string;
  readonly qualifier: Buffer;
  /** These bytes exactly; `undefined`: there is no such cell. HBase takes an empty value for an absent cell, both ways. */
  readonly expected: Buffer | undefined;
}

const rowBytesMax = 32_767;
const equal = 2;
const putType = 2;
const deleteType = 3;
const deleteAllVersions = 1;
const deleteFamily = 2;

/** A put of one row, with or without a condition. Answers whether it was applied. */
export class MutateRequest implements RpcRequest<boolean> {
  readonly method = 'Mutate';
  readonly #region: RegionLocation;
  readonly #put: Put;
  readonly #condition: Condition | undefined;

  /** @throws HBaseError `refused` */
  constructor(region: RegionLocation, put: Put, condition: Condition | undefined) {
    checkPut(put);
    this.#region = region;
    this.#put = put;
    this.#condition = condition;
  }

  encode(out: ProtoWriter): void {
    out.bytes(1, this.#region.specifier);
    writePut(out, 2, this.#put);
    if (this.#condition) writeCondition(out, 3, this.#put.row, this.#condition);
  }

  decode(answer: ProtoReader): boolean {
    let processed = this.#condition === undefined;
    for (let tag = answer.tag(); tag !== 0; tag = answer.tag()) {
      if (tag >>> 3 === 2) processed = answer.bool();
      else answer.skip(tag);
    }
    return processed;
  }
}

/** What HBase would refuse by an exception that proves nothing. @throws HBaseError `refused` */
export function checkPut({ row, cells }: Put): void {
  if (row.length === 0 || row.length > rowBytesMax) {
    throw new HBaseError('refused', `a row key has 1 to ${rowBytesMax} bytes, not ${row.length}`);
  }
  if (cells.length === 0) throw new HBaseError('refused', 'a put needs a cell');
}

/** MutationProto of type PUT. Cells of one family that follow each other share a ColumnValue. */
export function writePut(out: ProtoWriter, field: number, put: Put): void {
  const mutation = out.open(field);
  out.bytes(1, put.row);
  out.uint(2, putType);
  let family: string | undefined;
  let column = 0;
  for (const cell of put.cells) {
    if (cell.family !== family) {
      if (family !== undefined) out.close(column);
      family = cell.family;
      column = out.open(3);
      out.text(1, family);
    }
    const open = out.open(2);
    out.bytes(1, cell.qualifier);
    out.bytes(2, cell.value);
    out.close(open);
  }
  if (family !== undefined) out.close(column);
  out.close(mutation);
}

/** MutationProto of type DELETE. */
export function writeDelete(
  out: ProtoWriter,
  field: number,
  row: Buffer,
  columns: readonly DeletedColumn[],
): void {
  const mutation = out.open(field);
  out.bytes(1, row);
  out.uint(2, deleteType);
  for (const { family, qualifier } of columns) {
    const column = out.open(3);
    out.text(1, family);
    const open = out.open(2);
    if (qualifier) out.bytes(1, qualifier);
    out.uint(4, qualifier ? deleteAllVersions : deleteFamily);
    out.close(open);
    out.close(column);
  }
  out.close(mutation);
}

export function writeCondition(out: ProtoWriter, field: number, row: Buffer, condition: Condition): void {
  const open = out.open(field);
  out.bytes(1, row);
  out.text(2, condition.family);
  out.bytes(3, condition.qualifier);
  out.uint(4, equal);
  writeBinaryComparator(out, 5, condition.expected ?? noBytes);
  out.close(open);
}

const noBytes = Buffer.alloc(0);
