import type { Cell, CellBlock } from './cell.ts';
import { writeColumns, writeFilter } from './column-selection.ts';
import type { ColumnSelection } from './column-selection.ts';
import { ProtoError } from './proto-reader.ts';
import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';
import type { RegionLocation } from './region.ts';
import type { RpcRequest } from './rpc-call.ts';

/** One read of one row. */
export interface Get extends ColumnSelection {
  readonly row: Buffer;
}

export class GetRequest implements RpcRequest<Cell[]> {
  readonly method = 'Get';
  readonly #region: RegionLocation;
  readonly #get: Get;

  constructor(region: RegionLocation, get: Get) {
    this.#region = region;
    this.#get = get;
  }

  encode(out: ProtoWriter): void {
    out.bytes(1, this.#region.specifier);
    writeGet(out, 2, this.#get);
  }

  decode(answer: ProtoReader, cells: CellBlock): Cell[] {
    let result: Cell[] = [];
    for (let tag = answer.tag(); tag !== 0; tag = answer.tag()) {
      if (tag >>> 3 === 1) result = readResult(answer, cells);
      else answer.skip(tag);
    }
    return result;
  }
}

export function writeGet(out: ProtoWriter, field: number, get: Get): void {
  const open = out.open(field);
  out.bytes(1, get.row);
  if (get.columns) writeColumns(out, 2, get.columns);
  writeFilter(out, 4, get);
  if (get.cellsPerFamilyMax !== undefined) out.uint(8, get.cellsPerFamilyMax);
  if (get.cellsPerFamilySkipped !== undefined) out.uint(9, get.cellsPerFamilySkipped);
  out.close(open);
}

/** Reads the Result that comes next, its cells out of the block. */
export function readResult(reader: ProtoReader, cells: CellBlock): Cell[] {
  let result: Cell[] = [];
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 2) result = cells.take(reader.uint());
    else if (tag >>> 3 === 1)
      throw new ProtoError('cells inside the message, not in the block that was asked for');
    else reader.skip(tag);
  }
  reader.leave(outer);
  return result;
}
