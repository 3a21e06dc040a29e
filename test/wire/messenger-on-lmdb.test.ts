import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { loadSettings } from '../../src/config/load-settings.ts';
import { developmentPreset } from '../../src/config/presets.ts';
import { startNode, type RunningNode } from '../../src/node.ts';
import { describeMessenger } from '../contract/messenger.contract.ts';

let data: string;
let node: RunningNode;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'mailring-messenger-'));
  const override = {
    id: 'n1',
    listen: '127.0.0.1:0',
    ops: '127.0.0.1:0',
    data,
    log: { level: 'silent' },
  } as const;
  node = await startNode(loadSettings({ preset: { ...developmentPreset, ...override } }));
});
afterAll(async () => {
  await node.stop();
  await rm(data, { recursive: true });
});

describeMessenger('one node on LMDB', { httpUrl: () => node.url });
