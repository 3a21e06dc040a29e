import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimNode } from '../../../src/membership/node-claim.ts';

const claimer = join(import.meta.dirname, '../../support/node-claimer.ts');

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-claim-'));
});

afterEach(() => rm(folder, { recursive: true }));

const claim = (incarnation: string, nodeId = 'n1') => claimNode({ folder, nodeId, incarnation });

/** A process that has claimed n1, until it is killed. */
async function processOf(incarnation: string): Promise<{ kill(): Promise<void> }> {
  const child = spawn(process.execPath, [claimer, folder, incarnation], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('a start of a node', () => {
  it('knows of none before it that they have ended, when it is the first', async () => {
    const first = await claim('a1');
    expect(first).toMatchObject({ ended: [], obstacle: undefined });
    await first.release();
  });

  it('knows that a process that was killed has ended, and nothing while it lives', async () => {
    const first = await processOf('a1');
    const early = await claim('a2');
    expect(early.ended).toEqual([]);
    expect(early.obstacle).toMatchObject({ code: 'EADDRINUSE' });
    await first.kill();
    const late = await claim('a3');
    expect(late).toMatchObject({ ended: ['a1'], obstacle: undefined });
    await late.release();
  });

  it('knows of all that held the lock, the latest ones, but of no other node', async () => {
    for (let i = 1; i <= 20; i++) await (await claim(`a${i}`)).release();
    const other = await claim('b1', 'n2');
    expect(other.ended).toEqual([]);
    const last = await claim('a21');
    expect(last.ended).toEqual(Array.from({ length: 16 }, (_, i) => `a${i + 5}`));
    await Promise.all([last.release(), other.release()]);
  });

  it('believes nothing that was written since another boot, or in another network name space', async () => {
    await (await claim('a1')).release();
    const path = join(folder, 'claims-n1.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(/net:\[\d+\]/, 'net:[1]'));
    const next = await claim('a2');
    expect(next).toMatchObject({ ended: [], obstacle: undefined });
    await next.release();
  });

  it.each(['', '{}', '[]', '{"place":1,"incarnations":["a1"]}', 'null'])(
    'believes nothing that reads %j',
    async (text) => {
      await writeFile(join(folder, 'claims-n1.json'), text);
      const next = await claim('a2');
      expect(next).toMatchObject({ ended: [], obstacle: undefined });
      await next.release();
    },
  );

  it('goes on without, where the folder cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    const next = await claimNode({ folder: join(folder, 'file'), nodeId: 'n1', incarnation: 'a1' });
    expect(next.ended).toEqual([]);
    expect(next.obstacle).toBeInstanceOf(Error);
  });
});
