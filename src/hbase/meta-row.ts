import type { Cell } from './cell.ts';
import { ProtoError, ProtoReader } from './proto-reader.ts';
import { readRegionInfo, regionLocation } from './region.ts';
import type { RegionInfo, RegionLocation } from './region.ts';
import { parseServerAddress, serverName } from './server-name.ts';

/** What a row of hbase:meta says about a region. */
export interface MetaRow {
  readonly info: RegionInfo;
  /** Absent while the region is at no server. */
  readonly location: RegionLocation | undefined;
  /** `OPEN`, `OPENING`, `CLOSING`, `CLOSED`, `SPLITTING` ...; empty where it is not said. */
  readonly state: string;
}

const protobufMagic = Buffer.from('PBUF', 'latin1');

/** @returns undefined where the row is about no region @throws ProtoError where it cannot be read */
export function readMetaRow(cells: readonly Cell[]): MetaRow | undefined {
  const columns = new Map(cells.map((cell) => [cell.qualifier.toString('latin1'), cell]));
  const infoCell = columns.get('regioninfo');
  if (infoCell === undefined) return undefined;
  const info = readRegionInfo(new ProtoReader(withoutMagic(infoCell.value)));
  const state = columns.get('state')?.value.toString('latin1') ?? '';
  const address = columns.get('server')?.value.toString('latin1') ?? '';
  if (address === '') return { info, location: undefined, state };
  const { host, port } = readAddress(address);
  const server = serverName(host, port, long(columns.get('serverstartcode')));
  const name = Buffer.from(infoCell.row);
  return { info, state, location: regionLocation(info, name, server, long(columns.get('seqnumDuringOpen'))) };
}

/** Protobuf values in meta start with a mark. */
export function withoutMagic(value: Buffer): Buffer {
  if (!value.subarray(0, protobufMagic.length).equals(protobufMagic)) {
    throw new ProtoError('a value in hbase:meta is not marked as Protocol Buffers');
  }
  return value.subarray(protobufMagic.length);
}

function readAddress(address: string): { host: string; port: number } {
  try {
    return parseServerAddress(address);
  } catch (error) {
    throw new ProtoError(error instanceof Error ? error.message : String(error));
  }
}

function long(cell: Cell | undefined): bigint {
  return cell?.value.length === 8 ? cell.value.readBigInt64BE(0) : 0n;
}
