import { open } from 'lmdb';
import type { Database, DatabaseOptions, RootDatabase } from 'lmdb';
import { families } from '../row/cell.ts';
import type { Family } from '../row/cell.ts';
import { rowKey } from '../row/row-key.ts';
import { StoreError } from '../row/row-store.ts';

export type Tree = Database<Buffer, Buffer>;

/** The trees of one LMDB environment: one for the versions of rows, one for each family of cells. */
export interface LmdbTrees {
  readonly root: RootDatabase<Buffer, Buffer>;
  /** Row key -> version. */
  readonly versions: Tree;
  /** `<row key> 00 <qualifier>` -> value. Cells of `d` carry the time they were written, in epoch ms. */
  readonly cells: Readonly<Record<Family, Tree>>;
}

/** LMDB's own bound at its default page size. */
export const keyBytesMax = 1978;

/**
 * Address space, not disk or memory: the file grows as it is written. All of it is mapped at once, because growing
 * the map while other processes write has been seen to break transactions.
 */
const mapBytes = 2 ** 40;

const treeOptions: DatabaseOptions = { encoding: 'binary', keyEncoding: 'binary', cache: false };

/**
 * Opens or makes the environment in this folder; other processes may have it open too. The file grows as needed.
 *
 * `overlappingSync` is off: LMDB then makes a transaction visible only after it was synced, so that nobody, in
 * this process or in another one, ever reads, answers or pushes what a power cut could take back.
 *
 * @throws StoreError `unavailable`
 */
export function openTrees(path: string): LmdbTrees {
  try {
    const root = open<Buffer, Buffer>({
      ...treeOptions,
      path,
      maxDbs: families.length + 1,
      mapSize: mapBytes,
      overlappingSync: false,
      // Grouping is ours (GroupWriter); the library's own makes a promise whose rejection nobody could handle.
      eventTurnBatching: false,
      noMemInit: true,
    });
    const tree = (name: string, more?: DatabaseOptions): Tree =>
      root.openDB(name, { ...treeOptions, ...more });
    return {
      root,
      versions: tree('version'),
      cells: {
        h: tree('h'),
        m: tree('m'),
        d: tree('d', { useVersions: true }),
        o: tree('o'),
        l: tree('l'),
      },
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const advice = 'is the folder there, writable, and on a local disk?';
    throw new StoreError('unavailable', `cannot open the LMDB store in ${path}: ${reason}; ${advice}`, {
      cause: error,
    });
  }
}

/** `<row key> 00`: what the keys of all cells of a row begin with. */
export function cellPrefix(entityId: string): Buffer {
  return Buffer.concat([rowKey(entityId), Buffer.of(0)]);
}

/** The first key after all cells of a row; ids have no byte below 0x2d, so no other row lies between. */
export function pastRow(prefix: Buffer): Buffer {
  const key = Buffer.from(prefix);
  key[key.length - 1] = 1;
  return key;
}

/** The row's part of a cell's key, with the closing 00. */
export function prefixOf(cellKey: Buffer): Buffer {
  return cellKey.subarray(0, cellKey.indexOf(0, 2) + 1);
}
