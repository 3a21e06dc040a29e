import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimDevFolder } from '../../../src/cli/dev-folder.ts';
import { checkSettingFiles } from '../../../src/cli/setting-files.ts';
import { startFailure } from '../../../src/cli/start-failure.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-start-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('what a person reads whose start failed', () => {
  it('a port that is in use: which one, and what to do', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', () => resolve()));
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const error = await new Promise((resolve) =>
      createServer().once('error', resolve).listen(port, '127.0.0.1'),
    );
    holder.close();
    expect(startFailure(error)).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}\n.*--listen, --ops, --peer`));
  });

  it('a folder that this user may not use; a port below 1024 has other reasons', () => {
    const refused = { code: 'EACCES', syscall: 'mkdir', path: '/srv/x' };
    expect(startFailure(Object.assign(new Error("EACCES: mkdir '/srv/x'"), refused))).toMatch(
      /\/srv\/x.*\n.*--data/,
    );
    const port = Object.assign(new Error('listen EACCES 0.0.0.0:80'), { code: 'EACCES' });
    expect(startFailure(port)).toBe('listen EACCES 0.0.0.0:80');
  });

  it('anything else as it is', () => {
    expect(startFailure(new Error('the disk is full'))).toBe('the disk is full');
    expect(startFailure('odd')).toBe('odd');
  });
});

describe('files that settings name', () => {
  it('are all told, with their settings, where they cannot be read', async () => {
    const there = join(folder, 'there');
    await writeFile(there, 'x');
    const load = (flags: Record<string, string>) => loadSettings({ flags, env: {} });
    const missing = join(folder, 'missing');
    expect(() => {
      checkSettingFiles(
        load({ clusterSecretFile: missing, operatorTokenFile: there, authSigningKeyFile: folder }),
      );
    }).toThrow(
      `clusterSecretFile: ${missing} cannot be read (ENOENT)\n` +
        `auth.signingKeyFile: ${folder} cannot be read (it is a folder)`,
    );
    checkSettingFiles(load({ clusterSecretFile: there }));
    checkSettingFiles(load({}));
  });
});

describe('the folder of a development cluster', () => {
  it('belongs to one process at a time, whatever it is called', async () => {
    const data = join(folder, 'data');
    expect(await claimDevFolder(data)).toBe(true);
    expect(await claimDevFolder(`${folder}/../${basename(folder)}/data`)).toBe(process.platform !== 'linux');
    expect(await claimDevFolder(join(folder, 'other'))).toBe(true);
  });

  it('is refused where it is none', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(claimDevFolder(file)).rejects.toThrow('EEXIST');
  });
});
