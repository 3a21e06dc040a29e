import type { Cell, CellBlock } from './cell.ts';
import { writeColumns, writeFilter } from './column-selection.ts';
import type { ColumnSelection } from './column-selection.ts';
import { ProtoError } from './proto-reader.ts';
import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';
import type { RpcRequest } from './rpc-call.ts';

/** What a scanner is opened with. */
export interface ScanSpec extends ColumnSelection {
  /** RegionSpecifier message. */
  readonly region: Buffer;
  readonly startRow: Buffer;
  readonly includeStartRow: boolean;
  /** Exclusive; empty: to the end (or, reversed, to the beginning). */
  readonly stopRow: Buffer;
  readonly reversed: boolean;
  readonly rowsMax: number;
  readonly bytesMax: number;
  /** Answer once and keep no scanner open. */
  readonly once: boolean;
}

/** A row, or a part of one. */
export interface ScanResult {
  readonly cells: Cell[];
  /** More cells of this row follow in the next result. */
  readonly partial: boolean;
}

export interface ScanAnswer {
  readonly scannerId: bigint | undefined;
  readonly results: readonly ScanResult[];
  readonly moreResults: boolean;
  readonly moreInRegion: boolean;
}

/** Opens a scanner and reads its first results. */
export class OpenScanRequest implements RpcRequest<ScanAnswer> {
  readonly method = 'Scan';
  readonly decode = readScanAnswer;
  readonly #spec: ScanSpec;

  constructor(spec: ScanSpec) {
    this.#spec = spec;
  }

  encode(out: ProtoWriter): void {
    const spec = this.#spec;
    out.bytes(1, spec.region);
    const scan = out.open(2);
    if (spec.columns) writeColumns(out, 1, spec.columns);
    out.bytes(3, spec.startRow);
    out.bytes(4, spec.stopRow);
    writeFilter(out, 5, spec);
    out.uint(10, spec.bytesMax);
    if (spec.cellsPerFamilyMax !== undefined) out.uint(11, spec.cellsPerFamilyMax);
    if (spec.cellsPerFamilySkipped !== undefined) out.uint(12, spec.cellsPerFamilySkipped);
    out.bool(15, spec.reversed);
    out.uint(17, spec.rowsMax);
    out.bool(21, spec.includeStartRow);
    out.bool(22, false);
    out.close(scan);
    out.uint(4, spec.rowsMax);
    out.bool(5, spec.once);
    out.bool(7, !spec.once);
    out.bool(8, !spec.once);
    out.uint(11, spec.rowsMax);
  }
}

/** Reads on in an open scanner. `callSeq` counts these from 0: a repeated or reordered one is refused. */
export class NextScanRequest implements RpcRequest<ScanAnswer> {
  readonly method = 'Scan';
  readonly decode = readScanAnswer;
  readonly #scannerId: bigint;
  readonly #callSeq: number;
  readonly #rowsMax: number;

  constructor(scannerId: bigint, callSeq: number, rowsMax: number) {
    this.#scannerId = scannerId;
    this.#callSeq = callSeq;
    this.#rowsMax = rowsMax;
  }

  encode(out: ProtoWriter): void {
    out.long(3, this.#scannerId);
    out.uint(4, this.#rowsMax);
    out.bool(5, false);
    out.uint(6, this.#callSeq);
    out.bool(7, true);
    out.bool(8, true);
    out.uint(11, this.#rowsMax);
  }
}

/** Closes a scanner before its end. */
export class CloseScanRequest implements RpcRequest<void> {
  readonly method = 'Scan';
  readonly #scannerId: bigint;

  constructor(scannerId: bigint) {
    this.#scannerId = scannerId;
  }

  encode(out: ProtoWriter): void {
    out.long(3, this.#scannerId);
    out.uint(4, 0);
    out.bool(5, true);
  }

  decode(): void {
    // Nothing in the answer matters.
  }
}

/** Reads the fields of a ScanResponse up to the end of the window. */
export function readScanAnswer(reader: ProtoReader, block: CellBlock): ScanAnswer {
  const counts: number[] = [];
  const partials: boolean[] = [];
  let scannerId: bigint | undefined;
  let moreResults = false;
  let moreInRegion: boolean | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag >>> 3) {
      case 1:
        counts.push(reader.uint());
        break;
      case 2:
        scannerId = reader.ulong();
        break;
      case 3:
        moreResults = reader.bool();
        break;
      case 5:
        throw new ProtoError('rows inside the message, not in the block that was asked for');
      case 7:
        partials.push(reader.bool());
        break;
      case 8:
        moreInRegion = reader.bool();
        break;
      default:
        reader.skip(tag);
    }
  }
  const results = counts.map((count, i) => ({ cells: block.take(count), partial: partials[i] ?? false }));
  return { scannerId, results, moreResults, moreInRegion: moreInRegion ?? moreResults };
}
