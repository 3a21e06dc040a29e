import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreError } from '../../../src/row/row-store.ts';
import { openTrees } from '../../../src/store/lmdb-trees.ts';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'mailring-format-'));
});
afterEach(() => {
  rmSync(path, { recursive: true });
});

/** Leaves a folder with one value in one tree, as another version might. */
async function write(tree: string, key: string, value: Buffer): Promise<void> {
  const root = open<Buffer, Buffer>({
    path,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  });
  await root
    .openDB<Buffer, Buffer>(tree, { encoding: 'binary', keyEncoding: 'binary' })
    .put(Buffer.from(key), value);
  await root.close();
}

function refusal(): StoreError {
  try {
    openTrees(path);
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error('the folder was opened');
}

describe('a folder of another format', () => {
  it('is refused where it has a tree for each family', async () => {
    await write('version', 'row', Buffer.from('v'));
    expect(refusal().code).toBe('corrupt');
    expect(refusal().message).toContain('format 1');
  });

  it('is refused where it is newer', async () => {
    await write('format', 'format', Buffer.of(3));
    expect(refusal().code).toBe('corrupt');
    expect(refusal().message).toContain('format 3');
  });

  it('is not the one that was just made', async () => {
    for (let start = 0; start < 2; start++) {
      const trees = openTrees(path);
      await trees.cells.put(Buffer.from('key'), Buffer.of(start));
      await trees.root.close();
    }
  });
});
