import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { derivedFiles } from '../../../scripts/write-config.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { developmentPreset } from '../../../src/config/presets.ts';

const root = join(import.meta.dirname, '../../..');
const files = await derivedFiles();

describe('what is derived from the table of settings', () => {
  it.each([...files.keys()])('%s has not drifted; `npm run config` writes it', (path) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(files.get(path));
  });

  it('each file in config/ can be loaded', () => {
    expect(loadSettings({ file: join(root, 'config/default.json') })).toEqual(loadSettings({}));
    expect(loadSettings({ file: join(root, 'config/development.json') })).toEqual(
      loadSettings({ preset: developmentPreset }),
    );
    expect(loadSettings({ file: join(root, 'config/production.example.json') }).mode).toBe('production');
  });
});
