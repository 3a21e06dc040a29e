import type { ProtoReader } from './proto-reader.ts';
import { protoBytes } from './proto-writer.ts';
import type { ProtoWriter } from './proto-writer.ts';
import type { ServerName } from './server-name.ts';
import { readTableName, writeTableName } from './table-name.ts';

/** A row range of a table, and its identity. */
export interface RegionInfo {
  readonly table: string;
  /** When it was made, milliseconds; a daughter's is always greater than its parent's. */
  readonly regionId: bigint;
  /** Inclusive; empty: from the first row. */
  readonly startKey: Buffer;
  /** Exclusive; empty: to the last row. */
  readonly endKey: Buffer;
  readonly offline: boolean;
  readonly split: boolean;
  readonly replicaId: number;
}

/** A region at the server where it was last known to be. */
export interface RegionLocation {
  readonly info: RegionInfo;
  /** The full name, as requests carry it. */
  readonly name: Buffer;
  readonly server: ServerName;
  /** Grows each time the region opens somewhere. */
  readonly openSeqNum: bigint;
  /** The RegionSpecifier message of `name`, ready to be copied into requests. */
  readonly specifier: Buffer;
}

export const metaTable = 'hbase:meta';
const regionNameType = 1;
const encodedMetaName = '1588230740';

export function regionLocation(
  info: RegionInfo,
  name: Buffer,
  server: ServerName,
  openSeqNum: bigint,
): RegionLocation {
  return { info, name, server, openSeqNum, specifier: regionSpecifier(name) };
}

/** RegionSpecifier by the full name. */
export function regionSpecifier(name: Buffer): Buffer {
  return protoBytes((out) => {
    out.uint(1, regionNameType);
    out.bytes(2, name);
  });
}

/** The hash in a region's name, `table,start,id.<hash>.`; by it regions are moved. Only the name of meta has none. */
export function encodedRegionName(name: Buffer): string {
  const text = name.toString('latin1');
  if (text.startsWith(`${metaTable},`)) return encodedMetaName;
  return text.slice(text.lastIndexOf('.', text.length - 2) + 1, -1);
}

export function containsRow(info: RegionInfo, row: Uint8Array): boolean {
  return info.startKey.compare(row) <= 0 && (info.endKey.length === 0 || info.endKey.compare(row) > 0);
}

/** Reads the fields of a RegionInfo up to the end of the reader's window. */
export function readRegionInfo(reader: ProtoReader): RegionInfo {
  let table = '';
  let regionId = 0n;
  let startKey: Buffer = Buffer.alloc(0);
  let endKey: Buffer = Buffer.alloc(0);
  let offline = false;
  let split = false;
  let replicaId = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag >>> 3) {
      case 1:
        regionId = reader.ulong();
        break;
      case 2:
        table = readTableName(reader);
        break;
      case 3:
        startKey = reader.bytesCopy();
        break;
      case 4:
        endKey = reader.bytesCopy();
        break;
      case 5:
        offline = reader.bool();
        break;
      case 6:
        split = reader.bool();
        break;
      case 7:
        replicaId = reader.uint();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { table, regionId, startKey, endKey, offline, split, replicaId };
}

export function writeRegionInfo(out: ProtoWriter, field: number, info: RegionInfo): void {
  const open = out.open(field);
  out.long(1, info.regionId);
  writeTableName(out, 2, info.table);
  out.bytes(3, info.startKey);
  out.bytes(4, info.endKey);
  out.bool(5, info.offline);
  out.bool(6, info.split);
  out.uint(7, info.replicaId);
  out.close(open);
}
