import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { StoreError } from '../../../src/row/row-store.ts';
import { MeasuredStore } from '../../../src/store/measured-store.ts';
import { MemoryTable } from '../../../src/store/memory-table.ts';
import { ManualTime } from '../../support/manual-time.ts';
import { storeOver } from '../../support/store-over.ts';

const commit = { base: undefined, epoch: 1, cells: [] };

it('passes answers and errors on, and counts them by operation', async () => {
  const time = new ManualTime();
  const registry = new Registry();
  const inner = storeOver(new MemoryTable(time));
  const store = new MeasuredStore(inner, registry, time);
  const slow = inner.commit.bind(inner);
  inner.commit = async (...args) => {
    const outcome = await slow(...args);
    time.advance(30);
    return outcome;
  };
  expect(await store.commit('u1', commit, 1_000)).toMatchObject({ kind: 'committed' });
  expect((await store.read('u1', [], 1_000)).version).toBeDefined();
  expect(await store.versions(['u1', 'u2'], 1_000)).toHaveLength(2);
  inner.scanOutbox = async () => Promise.reject(new StoreError('unavailable', 'away'));
  const scan = store.scanOutbox({ fromHash: 0, toHash: 1 }, undefined, 1, 1_000);
  await expect(scan).rejects.toThrow('away');

  const text = await registry.metrics();
  for (const [series, value] of [
    ['duration_seconds_bucket{operation="commit",le="0.02"}', 0],
    ['duration_seconds_bucket{operation="commit",le="0.05"}', 1],
    ['duration_seconds_count{operation="read"}', 1],
    ['duration_seconds_count{operation="versions"}', 1],
    ['duration_seconds_count{operation="scan"}', 0],
    ['failures_total{operation="scan",code="unavailable"}', 1],
    ['failures_total{operation="commit",code="unavailable"}', 0],
  ] as const) {
    expect(text).toContain(`mailring_store_${series} ${value}\n`);
  }
});
