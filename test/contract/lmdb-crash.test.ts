import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemTime } from '../../src/std/time.ts';
import { LmdbTable } from '../../src/store/lmdb-table.ts';

const writerProgram = join(import.meta.dirname, '../support/lmdb-writer.ts');
const patienceMs = 20_000;
const soon = (): number => systemTime.monotonicMs() + patienceMs;

/** What writer processes have reported: the greatest committed number of each row, and their failures. */
class Reports {
  readonly #greatest = new Map<string, number>();
  readonly failures: string[] = [];
  count = 0;

  take(line: string): void {
    const [row = '', number = ''] = line.split(' ');
    if (row === 'failed') {
      this.failures.push(line);
      return;
    }
    this.count++;
    this.#greatest.set(row, Math.max(this.#greatest.get(row) ?? 0, Number(number)));
  }

  /** @throws where a row does not have every commit that was reported */
  check(table: LmdbTable): Promise<unknown> {
    return Promise.all(
      [...this.#greatest].map(async ([row, number]) => {
        const range = { family: 'm', from: Buffer.alloc(0), to: undefined, limit: number } as const;
        const image = await table.read(row, [range], soon());
        expect(image.version?.number).toBeGreaterThanOrEqual(number);
        const qualifiers = image.ranges[0]?.map(({ qualifier }) => qualifier.readUInt32BE());
        expect(qualifiers).toEqual(Array.from({ length: number }, (_, i) => i + 1));
      }),
    );
  }
}

describe('G1: LMDB and processes that die', { timeout: 3 * patienceMs }, () => {
  let path: string;
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'mailring-crash-'));
  });
  afterEach(() => {
    rmSync(path, { recursive: true });
  });
  const open = (): LmdbTable =>
    new LmdbTable({
      path,
      time: systemTime,
      onBackgroundError: (error) => {
        throw error;
      },
    });

  /** Runs a writer until it was killed with -9 after so many reports, or ended by itself. */
  function runWriter(reports: Reports, writers: number, killAfter: number, shell = ''): Promise<void> {
    const run = `${shell} exec "$0" "$1" "$2" "$3"`;
    const args = ['-c', run, process.execPath, writerProgram, path, String(writers)];
    const child = spawn('/bin/sh', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let own = 0;
    createInterface({ input: child.stdout }).on('line', (line) => {
      reports.take(line);
      if (++own === killAfter) child.kill('SIGKILL');
    });
    return new Promise((resolve) => {
      child.on('close', () => {
        resolve();
      });
    });
  }

  it('has every commit that a killed process reported, time after time', async () => {
    const reports = new Reports();
    for (let round = 0; round < 3; round++) await runWriter(reports, 16, 400);
    expect(reports.failures).toEqual([]);
    expect(reports.count).toBeGreaterThanOrEqual(1_200);
    const table = open();
    await reports.check(table);
    await table.close();
  });

  it('goes on for others when one of the processes that share it is killed', async () => {
    const reports = new Reports();
    await Promise.all([runWriter(reports, 4, 300), runWriter(reports, 4, 150), runWriter(reports, 4, 400)]);
    expect(reports.failures).toEqual([]);
    const table = open();
    await reports.check(table);
    await table.close();
  });

  it('fails as unavailable, and says what to do, where the file cannot grow; and loses nothing', async () => {
    const reports = new Reports();
    await runWriter(reports, 2, Number.POSITIVE_INFINITY, 'ulimit -f 4000;');
    expect(reports.failures).toHaveLength(1);
    expect(reports.failures[0]).toMatch(/^failed unavailable .*is the disk full/);
    expect(reports.count).toBeGreaterThan(10);
    const table = open();
    await reports.check(table);
    await table.close();
  });

  it('G7: sees at once what another process has committed, in the very same tick too', async () => {
    const table = open();
    const before = table.versions(['row-0'], soon());
    execFileSync(process.execPath, [writerProgram, path, '1', '3']);
    const after = table.versions(['row-0'], soon());
    expect((await before)[0]).toBeUndefined();
    expect((await after)[0]?.number).toBe(3);
    await table.close();
  });
});
