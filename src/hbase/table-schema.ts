import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';
import { readTableName, writeTableName } from './table-name.ts';

/** A column family. What is left out stays as it is, or as HBase has it by default. */
export interface FamilySettings {
  readonly name: string;
  /** Versions of a cell that are kept. */
  readonly versionsMax?: number;
  /** Cells older than this vanish. */
  readonly timeToLiveSeconds?: number;
  readonly bloomFilter?: 'NONE' | 'ROW' | 'ROWCOL';
  readonly blockBytes?: number;
  readonly compression?: 'NONE' | 'GZ' | 'SNAPPY' | 'LZ4' | 'ZSTD';
  readonly dataBlockEncoding?: 'NONE' | 'PREFIX' | 'DIFF' | 'FAST_DIFF' | 'ROW_INDEX_V1';
  /** Any other attribute, as HBase names it. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** A table to be made. */
export interface TableSettings {
  readonly table: string;
  readonly families: readonly FamilySettings[];
  /** The first rows of all regions but the first, ascending. One region without. */
  readonly splitKeys?: readonly Buffer[];
  /** What durable means: `SYNC_WAL` (in the memory of the file system's nodes) or `FSYNC_WAL` (on their disks). */
  readonly durability?: 'SYNC_WAL' | 'FSYNC_WAL';
  /** Any other attribute, as HBase names it. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** A table as HBase describes it. */
export interface TableSchema {
  readonly table: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly families: readonly FamilySchema[];
}

export interface FamilySchema {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly configuration: ReadonlyMap<string, string>;
}

export function tableSchema(settings: TableSettings): TableSchema {
  const attributes = new Map(Object.entries(settings.attributes ?? {}));
  if (settings.durability) attributes.set('DURABILITY', settings.durability);
  return {
    table: settings.table,
    attributes,
    families: settings.families.map((family) => familySchema(family)),
  };
}

/** @param base what the family is now, where it is altered */
export function familySchema(settings: FamilySettings, base?: FamilySchema): FamilySchema {
  const attributes = new Map(base?.attributes);
  const set = (name: string, value: string | number | undefined) => {
    if (value !== undefined) attributes.set(name, String(value));
  };
  set('VERSIONS', settings.versionsMax);
  set('TTL', settings.timeToLiveSeconds);
  set('BLOOMFILTER', settings.bloomFilter);
  set('BLOCKSIZE', settings.blockBytes);
  set('COMPRESSION', settings.compression);
  set('DATA_BLOCK_ENCODING', settings.dataBlockEncoding);
  for (const [name, value] of Object.entries(settings.attributes ?? {})) attributes.set(name, value);
  return { name: settings.name, attributes, configuration: base?.configuration ?? new Map() };
}

export function writeTableSchema(out: ProtoWriter, field: number, schema: TableSchema): void {
  const open = out.open(field);
  writeTableName(out, 1, schema.table);
  writePairs(out, 2, schema.attributes);
  for (const family of schema.families) writeFamilySchema(out, 3, family);
  out.close(open);
}

export function writeFamilySchema(out: ProtoWriter, field: number, family: FamilySchema): void {
  const open = out.open(field);
  out.text(1, family.name);
  writePairs(out, 2, family.attributes);
  writePairs(out, 3, family.configuration);
  out.close(open);
}

/** Reads the TableSchema that comes next. */
export function readTableSchema(reader: ProtoReader): TableSchema {
  let table = '';
  const attributes = new Map<string, string>();
  const families: FamilySchema[] = [];
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) table = readTableName(reader);
    else if (tag >>> 3 === 2) readPair(reader, attributes);
    else if (tag >>> 3 === 3) families.push(readFamilySchema(reader));
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { table, attributes, families };
}

function readFamilySchema(reader: ProtoReader): FamilySchema {
  let name = '';
  const attributes = new Map<string, string>();
  const configuration = new Map<string, string>();
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) name = reader.text();
    else if (tag >>> 3 === 2) readPair(reader, attributes);
    else if (tag >>> 3 === 3) readPair(reader, configuration);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { name, attributes, configuration };
}

function writePairs(out: ProtoWriter, field: number, pairs: ReadonlyMap<string, string>): void {
  for (const [name, value] of pairs) {
    const open = out.open(field);
    out.text(1, name);
    out.text(2, value);
    out.close(open);
  }
}

/** Reads the pair that comes next: BytesBytesPair and NameStringPair look the same. */
function readPair(reader: ProtoReader, pairs: Map<string, string>): void {
  let name = '';
  let value = '';
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) name = reader.text();
    else if (tag >>> 3 === 2) value = reader.text();
    else reader.skip(tag);
  }
  reader.leave(outer);
  pairs.set(name, value);
}
