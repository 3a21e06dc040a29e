/**
 * A process of its own that commits to the LMDB store in argv[2] and prints each row's committed number:
 *   <row> <number>
 * argv[3]: how many rows it writes at the same time; argv[4]: up to which number, endless without.
 * Ends when it is killed, or with the first failure, which it prints as `failed <code> <message>`.
 */
import { randomBytes } from 'node:crypto';
import { StoreError } from '../../src/row/row-store.ts';
import { RowVersionSource } from '../../src/row/row-version.ts';
import type { RowVersion } from '../../src/row/row-version.ts';
import { systemTime } from '../../src/std/time.ts';
import { LmdbTable } from '../../src/store/lmdb-table.ts';
import { VersionedStore } from '../../src/store/versioned-store.ts';

const [, , path = '', writers = '1', numberMax = 'Infinity'] = process.argv;

// The store's own timers do not keep a process alive.
setInterval(() => undefined, 1_000);

const table = new LmdbTable({
  path,
  time: systemTime,
  onBackgroundError: (error) => {
    throw error;
  },
});
const store = new VersionedStore({
  table,
  versions: new RowVersionSource(randomBytes(8)),
  time: systemTime,
  random: Math.random,
});

async function write(row: string): Promise<void> {
  let base: RowVersion | undefined;
  while ((base?.number ?? 0) < Number(numberMax)) {
    const number = (base?.number ?? 0) + 1;
    const qualifier = Buffer.alloc(4);
    qualifier.writeUInt32BE(number);
    const cells = [{ family: 'm' as const, qualifier, value: Buffer.alloc(400, number) }];
    const outcome = await store.commit(row, { base, epoch: 1, cells }, systemTime.monotonicMs() + 2_000);
    if (outcome.kind === 'conflict') {
      [base] = await store.versions([row], systemTime.monotonicMs() + 2_000);
      continue;
    }
    base = outcome.version;
    process.stdout.write(`${row} ${String(base.number)}\n`);
  }
}

try {
  await Promise.all(Array.from({ length: Number(writers) }, (_, i) => write(`row-${String(i)}`)));
} catch (error) {
  const text = error instanceof StoreError ? `${error.code} ${error.message}` : String(error);
  process.stdout.write(`failed ${text}\n`);
}
process.exit(0);
