import { open } from 'lmdb';
import type { Database, DatabaseOptions, RootDatabase } from 'lmdb';
import type { Family } from '../row/cell.ts';
import { rowKey } from '../row/row-key.ts';
import { StoreError } from '../row/row-store.ts';

export type Tree = Database<Buffer, Buffer>;

/**
 * The trees of one LMDB environment. What one commit writes lies close together, as each leaf that is touched is
 * copied and written whole: a tree for each family would cost a leaf, and its branches, for each.
 */
export interface LmdbTrees {
  readonly root: RootDatabase<Buffer, Buffer>;
  /** `<row key> 00 <place> <qualifier>` -> value: versions and cells, of all families but `o`. */
  readonly cells: Tree;
  /** The same for family `o`: the few rows that owe something are found here without passing all others. */
  readonly outbox: Tree;
}

/**
 * Where a row's version (`v`) and the cells of each family are within the row. New cells of `d` and `m` sort first
 * in their family, so the newest dedup cells lie beside the index and the version.
 */
const places: Readonly<Record<Family | 'v', number>> = { l: 1, v: 2, h: 3, d: 4, m: 5, o: 6 };

/**
 * The library keeps its lists of free pages in a tree. A list longer than half a page goes to a page of its own, and
 * while such a list replaces another one, the library may search the tree in a state in which it reads what is no
 * list: a failed transaction, and at worst a page that is handed out twice (docs/development.md). So lists stay
 * short: pages of this size have room for 509 entries, a transaction frees three pages a row at most as a rule
 * (`lmdbGroupMax`), and no more than this many free pages are gathered before new pages are taken.
 */
const pageOptions = { pageSize: 8_192, maxFreeSpaceToLoad: 64 };
/** Rows, or keys on their own, that one transaction may change. */
export const lmdbGroupMax = 96;

/** LMDB's own bound at pages of 4 KiB, which older folders have. */
export const keyBytesMax = 1978;

/** Of the layout that is described here; 1 was a tree for each family, and had no mark. */
const format = 2;
const formatKey = Buffer.from('format');
const firstFormatTree = 'version';

const treeOptions: DatabaseOptions = { encoding: 'binary', keyEncoding: 'binary', cache: false };

/**
 * Opens or makes the environment in this folder; other processes may have it open too. The file grows as needed.
 *
 * `overlappingSync` is off: LMDB then makes a transaction visible only after it was synced, so that nobody, in
 * this process or in another one, ever reads, answers or pushes what a power cut could take back.
 *
 * @throws StoreError `unavailable`, or `corrupt` where the folder has another format
 */
export function openTrees(path: string): LmdbTrees {
  try {
    const root = open<Buffer, Buffer>({
      ...treeOptions,
      path,
      maxDbs: 8,
      overlappingSync: false,
      ...pageOptions,
      // Grouping is ours (GroupWriter); the library's own makes a promise whose rejection nobody could handle.
      eventTurnBatching: false,
      noMemInit: true,
    });
    checkFormat(root, path);
    const tree = (name: string): Tree => root.openDB(name, treeOptions);
    return { root, cells: tree('cells'), outbox: tree('outbox') };
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const advice = 'is the folder there, writable, and on a local disk?';
    throw new StoreError('unavailable', `cannot open the LMDB store in ${path}: ${reason}; ${advice}`, {
      cause: error,
    });
  }
}

function checkFormat(root: RootDatabase<Buffer, Buffer>, path: string): void {
  // LMDB keeps the names of trees among the keys of the root, with a closing 00.
  const isFirst = [...root.getKeys()].some((name) => name.toString('latin1') === `${firstFormatTree}\0`);
  const marks = root.openDB<Buffer, Buffer>('format', treeOptions);
  const found = isFirst ? 1 : marks.get(formatKey)?.[0];
  if (found === undefined) marks.putSync(formatKey, Buffer.of(format));
  else if (found !== format) {
    const advice = 'start with a new folder, or with the version of Mailring that wrote it';
    throw new StoreError(
      'corrupt',
      `the LMDB store in ${path} has format ${String(found)}, and only ${String(format)} can be read; ${advice}`,
    );
  }
}

/** `<row key> 00`: what the keys of all cells of a row begin with. */
export function rowPrefix(entityId: string): Buffer {
  return rowKey(entityId, 0);
}

/** The key of a row's version. */
export function versionKey(entityId: string): Buffer {
  return rowKey(entityId, 0, places.v);
}

/** The key of a cell; without a qualifier, where the family of the row begins (or the key of its version, `v`). */
export function cellKey(prefix: Buffer, family: Family | 'v', qualifier?: Buffer): Buffer {
  const key = Buffer.allocUnsafe(cellKeyBytes(prefix, qualifier));
  prefix.copy(key);
  key[prefix.length] = places[family];
  qualifier?.copy(key, prefix.length + 1);
  return key;
}

export function cellKeyBytes(prefix: Buffer, qualifier?: Buffer): number {
  return prefix.length + 1 + (qualifier?.length ?? 0);
}

/** The first key after all cells of this family in the row. */
export function pastFamily(prefix: Buffer, family: Family): Buffer {
  const key = cellKey(prefix, family);
  key[prefix.length] = places[family] + 1;
  return key;
}

/** The first key after all cells of a row; ids have no byte below 0x2d, so no other row lies between. */
export function pastRow(prefix: Buffer): Buffer {
  const key = Buffer.from(prefix);
  key[key.length - 1] = 1;
  return key;
}

/** The row's part of a cell's key, with the closing 00. */
export function prefixOf(key: Buffer): Buffer {
  return key.subarray(0, key.indexOf(0, 2) + 1);
}

/** What is stored of a cell of `d`: the time it was written (u48, epoch ms) before its value. */
export function datedValue(writtenMs: number, value: Buffer): Buffer {
  const dated = Buffer.allocUnsafe(dateBytes + value.length);
  dated.writeUIntBE(writtenMs, 0, dateBytes);
  value.copy(dated, dateBytes);
  return dated;
}

export function writtenMsOf(dated: Buffer): number {
  return dated.readUIntBE(0, dateBytes);
}

export function valueOf(dated: Buffer): Buffer {
  return dated.subarray(dateBytes);
}

const dateBytes = 6;
