import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemTime } from '../../src/std/time.ts';
import { storeOver } from '../support/store-over.ts';
import { ContractStand, cell, shown } from './contract-stand.ts';
import type { ContractTable } from './contract-stand.ts';
import { describeCommits } from './row-store-commits.ts';
import { describeFates } from './row-store-fates.ts';
import { describeReads } from './row-store-reads.ts';
import { describeScans } from './row-store-scans.ts';
import { describeGeneratedSequences } from './row-store-sequences.ts';

/** What every store has to do, whatever it stands on. */
export function describeRowStore(contract: ContractTable): void {
  describe(`row store on ${contract.name}`, { timeout: 3 * contract.patienceMs }, () => {
    const stand = new ContractStand(contract);

    beforeAll(async () => {
      stand.table = await contract.open();
    });
    beforeEach(() => {
      stand.renew();
    });
    afterEach(async () => {
      await stand.faulty.settled();
    });
    afterAll(async () => {
      await stand.table.close();
      await contract.remove();
    });

    describeCommits(stand);
    describeFates(stand);
    describeReads(stand);
    describeScans(stand);
    describeGeneratedSequences(stand);

    describe('G1: durability', () => {
      it('has what was committed after it was closed and opened again', async () => {
        const version = await stand.committed(stand.id, undefined, [cell('m', 'a', 'kept')]);
        await stand.table.close();
        const closed = stand.store.versions([stand.id], systemTime.monotonicMs() + 50);
        await expect(closed).rejects.toMatchObject({ code: 'unavailable' });
        stand.table = await stand.contract.open();
        const again = storeOver(stand.table);
        const image = await stand.all(stand.id, 'm', again);
        expect(image.version?.bytes).toEqual(version.bytes);
        expect(shown(image)).toEqual([['a=kept']]);
      });
    });
  });
}
