import type { Cell } from './cell.ts';
import type { ColumnSelection } from './column-selection.ts';
import type { HBaseCluster } from './hbase-cluster.ts';
import type { RegionLocation } from './region.ts';
import type { RegionCalls } from './region-calls.ts';
import { Retry } from './retry.ts';
import { CallError } from './rpc-call.ts';
import type { RpcRequest } from './rpc-call.ts';
import { CloseScanRequest, NextScanRequest, OpenScanRequest } from './scan-request.ts';
import type { ScanAnswer } from './scan-request.ts';

/** Which rows to read, and which cells of them. */
export interface Scan extends ColumnSelection {
  /** Where to start; from the first row (reversed: the last) without. */
  readonly startRow?: Buffer;
  /** `false` to start after `startRow`: how a scan is continued after the last row seen. */
  readonly includeStartRow?: boolean;
  /** Exclusive; to the end (reversed: to the beginning) without. */
  readonly stopRow?: Buffer;
  /** From greater rows to smaller ones. */
  readonly reversed?: boolean;
  readonly rowsMax: number;
}

export interface Row {
  readonly row: Buffer;
  readonly cells: readonly Cell[];
}

export interface ScanPage {
  readonly rows: readonly Row[];
  /** More rows may follow: go on with `{ startRow: rows.at(-1).row, includeStartRow: false }`. */
  readonly more: boolean;
}

const noBytes = Buffer.alloc(0);
const closeTimeoutMs = 5000;

/** One page of a scan: over as many regions as it takes; begun anew after the last whole row when a region moves. */
export class ScanRun {
  readonly #cluster: HBaseCluster;
  readonly #calls: RegionCalls;
  readonly #table: string;
  readonly #scan: Scan;
  readonly #retry: Retry;
  readonly #reversed: boolean;
  readonly #stopRow: Buffer;
  readonly #rows: Row[] = [];
  #bytes = 0;
  /** The row that is incomplete so far. */
  #part: Cell[] = [];
  #position: Buffer;
  #includePosition: boolean;

  constructor(cluster: HBaseCluster, calls: RegionCalls, table: string, scan: Scan, deadline: number) {
    this.#cluster = cluster;
    this.#calls = calls;
    this.#table = table;
    this.#scan = scan;
    this.#retry = new Retry(cluster, deadline);
    this.#reversed = scan.reversed ?? false;
    this.#stopRow = scan.stopRow ?? noBytes;
    this.#position = scan.startRow ?? noBytes;
    this.#includePosition = scan.includeStartRow ?? true;
  }

  /** @throws HBaseError */
  async page(): Promise<ScanPage> {
    for (;;) {
      const place =
        this.#reversed && (this.#position.length === 0 || !this.#includePosition) ? 'before' : 'at';
      const region = await this.#calls.locate(this.#table, this.#position, place, this.#retry);
      try {
        if (await this.#readRegion(region)) return { rows: this.#rows, more: true };
      } catch (error) {
        this.#part = [];
        await this.#calls.recover(error, 'repeatable', region, this.#retry);
        continue;
      }
      if (this.#isLast(region)) return { rows: this.#rows, more: false };
      this.#position = this.#reversed ? region.info.startKey : region.info.endKey;
      this.#includePosition = !this.#reversed;
    }
  }

  /** @returns whether the page is full */
  async #readRegion(region: RegionLocation): Promise<boolean> {
    let answer = await this.#call(region, this.#open(region));
    const { scannerId } = answer;
    for (let callSeq = 0; ; callSeq++) {
      this.#take(answer);
      const full =
        this.#rows.length >= this.#scan.rowsMax || this.#bytes >= this.#cluster.limits.scanPageBytesMax;
      const exhausted = !answer.moreResults || !answer.moreInRegion || scannerId === undefined;
      if (full || exhausted) {
        this.#flushPart(exhausted);
        if (!exhausted) this.#closeScanner(region, scannerId);
        return full;
      }
      const rowsLeft = this.#scan.rowsMax - this.#rows.length;
      answer = await this.#call(region, new NextScanRequest(scannerId, callSeq, rowsLeft));
    }
  }

  #open(region: RegionLocation): OpenScanRequest {
    const { columns, columnRange, skipEmptyValues, cellsPerFamilyMax, cellsPerFamilySkipped, rowsMax } =
      this.#scan;
    return new OpenScanRequest({
      region: region.specifier,
      ...(columns && { columns }),
      ...(columnRange && { columnRange }),
      ...(skipEmptyValues && { skipEmptyValues }),
      ...(cellsPerFamilyMax !== undefined && { cellsPerFamilyMax }),
      ...(cellsPerFamilySkipped !== undefined && { cellsPerFamilySkipped }),
      startRow: this.#position,
      includeStartRow: this.#includePosition,
      stopRow: this.#stopRow,
      reversed: this.#reversed,
      rowsMax: rowsMax - this.#rows.length,
      bytesMax: this.#cluster.limits.scanPageBytesMax,
      once: false,
    });
  }

  #call<T>(region: RegionLocation, request: RpcRequest<T>): Promise<T> {
    return this.#cluster.channel(region.server, 'ClientService').call(request, this.#retry.deadline);
  }

  #take(answer: ScanAnswer): void {
    for (const { cells, partial } of answer.results) {
      const [first] = cells;
      if (first === undefined) continue;
      // A row that ends exactly at the size limit is still called partial: the next row's first cell ends it.
      if (this.#part[0] !== undefined && !this.#part[0].row.equals(first.row)) this.#flushPart(true);
      this.#part = this.#part.length === 0 ? cells : [...this.#part, ...cells];
      if (!partial) this.#flushPart(true);
    }
  }

  #flushPart(complete: boolean): void {
    const [first] = this.#part;
    if (first !== undefined && complete) {
      const row = first.row;
      this.#rows.push({ row, cells: this.#part });
      for (const cell of this.#part) this.#bytes += cell.bytes;
      this.#position = row;
      this.#includePosition = false;
    }
    this.#part = [];
  }

  #closeScanner(region: RegionLocation, scannerId: bigint): void {
    const deadline = this.#cluster.time.monotonicMs() + closeTimeoutMs;
    this.#cluster
      .channel(region.server, 'ClientService')
      .call(new CloseScanRequest(scannerId), deadline)
      .catch((error: unknown) => {
        // The server closes forgotten scanners by itself when their lease ends.
        if (!(error instanceof CallError)) throw error;
      });
  }

  #isLast({ info }: RegionLocation): boolean {
    const edge = this.#reversed ? info.startKey : info.endKey;
    if (edge.length === 0) return true;
    if (this.#stopRow.length === 0) return false;
    const order = edge.compare(this.#stopRow);
    return this.#reversed ? order <= 0 : order >= 0;
  }
}
