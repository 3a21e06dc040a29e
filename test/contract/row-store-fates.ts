import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/row/row-store.ts';
import { systemTime } from '../../src/std/time.ts';
import type { Fault } from '../support/faulty-table.ts';
import { storeOver } from '../support/store-over.ts';
import { cell, eventually, shown, wholeSpace } from './contract-stand.ts';
import type { ContractStand } from './contract-stand.ts';

/** What becomes of commits when calls fail. */
export function describeFates(stand: ContractStand): void {
  describe('commits of unknown fate', () => {
    /** The first write attempts meet these faults, in order. */
    const attemptsMeet = (...faults: (Fault | undefined)[]): void => {
      stand.fault = (call) => (call.kind === 'compareAndPut' ? faults.shift() : undefined);
    };

    it('finds that the lost reply was a success', async () => {
      attemptsMeet({ kind: 'reply_lost' });
      const version = await stand.committed(stand.id, undefined, [cell('m', 'a', '1')]);
      expect((await stand.versionOf(stand.id))?.bytes).toEqual(version.bytes);
      expect(version.number).toBe(1);
    });

    it('finds that the lost attempt was not applied, and applies it once', async () => {
      attemptsMeet({ kind: 'lost' }, { kind: 'lost' });
      const version = await stand.committed(stand.id, undefined, [cell('m', 'a', '1')]);
      expect((await stand.versionOf(stand.id))?.bytes).toEqual(version.bytes);
      expect(version.number).toBe(1);
    });

    it('stands against an attempt that lands after the retry', async () => {
      const base = await stand.committed(stand.id, undefined, []);
      attemptsMeet({ kind: 'late', delayMs: 150 });
      const version = await stand.committed(stand.id, base, [cell('m', 'a', '1')]);
      await stand.faulty.settled();
      expect((await stand.versionOf(stand.id))?.bytes).toEqual(version.bytes);
      const next = await stand.committed(stand.id, version, [cell('m', 'a', '2')]);
      expect(next.number).toBe(3);
    });

    it('takes for its own an attempt that lands before the retry', async () => {
      const base = await stand.committed(stand.id, undefined, []);
      attemptsMeet({ kind: 'late', delayMs: 0 }, { kind: 'unavailable' }, { kind: 'slow', delayMs: 200 });
      const version = await stand.committed(stand.id, base, [cell('m', 'a', '1')]);
      expect((await stand.versionOf(stand.id))?.bytes).toEqual(version.bytes);
      expect(version.number).toBe(2);
    });

    it('answers conflict where another writer won meanwhile', async () => {
      const base = await stand.committed(stand.id, undefined, []);
      attemptsMeet({ kind: 'lost' }, { kind: 'slow', delayMs: 200 });
      const outcome = stand.commit(stand.id, base, [cell('m', 'a', 'mine')]);
      const rivals = await stand.committed(
        stand.id,
        base,
        [cell('m', 'b', 'theirs')],
        storeOver(stand.table),
      );
      expect(await outcome).toEqual({ kind: 'conflict' });
      expect((await stand.versionOf(stand.id))?.bytes).toEqual(rivals.bytes);
      expect(shown(await stand.all(stand.id, 'm'))).toEqual([['b=theirs']]);
    });

    it('answers conflict where its attempt was applied and another writer went on from there', async () => {
      attemptsMeet({ kind: 'reply_lost' }, { kind: 'slow', delayMs: 200 });
      const outcome = stand.commit(stand.id, undefined, [cell('m', 'a', 'mine')]);
      const mine = await eventually(() => stand.versionOf(stand.id));
      await stand.committed(stand.id, mine, [cell('m', 'b', 'theirs')], storeOver(stand.table));
      expect(await outcome).toEqual({ kind: 'conflict' });
      expect(shown(await stand.all(stand.id, 'm'))).toEqual([['a=mine', 'b=theirs']]);
    });

    it('rejects with unknown_fate at the deadline, and promises nothing', async () => {
      stand.fault = (call) => (call.kind === 'compareAndPut' ? { kind: 'lost' } : undefined);
      const deadline = systemTime.monotonicMs() + 150;
      const failure = stand.commit(stand.id, undefined, [], stand.store, deadline);
      await expect(failure).rejects.toMatchObject({ code: 'unknown_fate', retryable: true });
      expect(systemTime.monotonicMs()).toBeLessThan(deadline + 1_000);
    });

    it('keeps saying unknown_fate where only later attempts were refused for sure', async () => {
      let attempts = 0;
      stand.fault = ({ kind }) => {
        if (kind !== 'compareAndPut') return undefined;
        return attempts++ === 0 ? { kind: 'lost' } : { kind: 'unavailable' };
      };
      const failure = stand.commit(stand.id, undefined, [], stand.store, systemTime.monotonicMs() + 150);
      await expect(failure).rejects.toMatchObject({ code: 'unknown_fate' });
      expect(attempts).toBeGreaterThan(1);
    });
  });

  describe('deadlines', () => {
    it('waits for a table that comes back in time', async () => {
      let refusals = 3;
      stand.fault = () => (refusals-- > 0 ? { kind: 'unavailable' } : undefined);
      expect((await stand.committed(stand.id, undefined, [])).number).toBe(1);
    });

    it('rejects with unavailable where the table stays away', async () => {
      stand.fault = () => ({ kind: 'unavailable' });
      const deadline = systemTime.monotonicMs() + 100;
      const calls = [
        stand.commit(stand.id, undefined, [], stand.store, deadline),
        stand.store.read(stand.id, [], deadline),
        stand.store.versions([stand.id], deadline),
        stand.store.scanOutbox(wholeSpace, undefined, 1, deadline),
      ];
      for (const outcome of await Promise.allSettled(calls)) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
      }
      expect(systemTime.monotonicMs()).toBeLessThan(deadline + 1_000);
    });

    it('does nothing after the deadline', async () => {
      const past = systemTime.monotonicMs() - 1;
      const failure = stand.commit(stand.id, undefined, [], stand.store, past);
      await expect(failure).rejects.toMatchObject({ name: 'StoreError', code: 'unavailable' });
      await expect(stand.store.read(stand.id, [], past)).rejects.toBeInstanceOf(StoreError);
      expect(await stand.versionOf(stand.id)).toBeUndefined();
    });
  });
}
