import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { Lease, LeaseBoard, Renewal } from '../../src/membership/lease-board.ts';
import { RingDocuments } from '../../src/membership/ring-documents.ts';
import type { StoredRing } from '../../src/membership/ring-documents.ts';
import { encodeRingDocument } from '../../src/ring/ring-document-codec.ts';
import { foundedBy, joinedBy } from '../../src/ring/ring-document.ts';
import type { RowStore } from '../../src/row/row-store.ts';
import { systemTime } from '../../src/std/time.ts';
import { memberOf, viewIdOf } from '../support/ring-parts.ts';

export interface ContractBoard {
  readonly name: string;
  /** A store of a node's own; all nodes of one cluster see the same rows. */
  readonly storeOf: (cluster: string, incarnation: string) => Promise<RowStore>;
  readonly boardOf: (cluster: string, store: RowStore) => Promise<LeaseBoard>;
  readonly remove?: () => Promise<void>;
}

const soon = (): number => systemTime.monotonicMs() + 5_000;

/** What every lease board has to do, whatever it stands on. */
export function describeLeaseBoard(contract: ContractBoard): void {
  describe(`lease board on ${contract.name}`, () => {
    const boards: LeaseBoard[] = [];
    let clusters = 0;

    /** Two nodes of a cluster of their own, and a way to bring out its next view. */
    const pair = async () => {
      const cluster = `contract${++clusters}`;
      const members = [memberOf(1), memberOf(2)] as const;
      const stores = [
        await contract.storeOf(cluster, members[0].incarnation),
        await contract.storeOf(cluster, members[1].incarnation),
      ] as const;
      const a = await contract.boardOf(cluster, stores[0]);
      const b = await contract.boardOf(cluster, stores[1]);
      boards.push(a, b);
      const documents = new RingDocuments(stores[0]);
      let ring: StoredRing | undefined;
      let renewals = 0;
      const bringOut = async (): Promise<Buffer> => {
        const viewId = viewIdOf((ring?.document.view.epoch ?? 0) + 1);
        const next = ring
          ? joinedBy(ring.document, { member: members[0], ended: [] }, viewId)
          : foundedBy(members[0], viewId);
        const outcome = await documents.propose(ring, next, soon());
        if (outcome.kind === 'lost') throw new Error('nobody else proposes here');
        ring = outcome.ring;
        const bytes = encodeRingDocument(next);
        await a.publish(next.view.epoch, bytes, soon());
        return bytes;
      };
      const show = (index: 0 | 1, adoptedEpoch: number): Renewal => {
        const { nodeId, incarnation } = members[index];
        return { nodeId, incarnation, adoptedEpoch, count: ++renewals, isConfirmed: false };
      };
      return { a, b, bringOut, show, ids: members.map(({ nodeId }) => nodeId) };
    };

    afterEach(async () => {
      await Promise.all(boards.splice(0).map((board) => board.close()));
    });

    afterAll(async () => {
      await contract.remove?.();
    });

    it('shows to all, in the order asked, who renewed: incarnation, adopted epoch, another count each time', async () => {
      const { a, b, bringOut, show } = await pair();
      await bringOut();
      expect(await a.renew(show(0, 1), soon())).toEqual({ kind: 'renewed' });
      const seen = async (): Promise<(Lease | undefined)[]> => [
        ...(await b.leases(['n2', 'n1', 'nobody'], soon())),
      ];
      const [n2, n1, nobody] = await seen();
      expect([n2, nobody]).toEqual([undefined, undefined]);
      expect(n1).toMatchObject({ incarnation: memberOf(1).incarnation, adoptedEpoch: 1 });
      await b.renew(show(1, 1), soon());
      await a.renew(show(0, 1), soon());
      const [n2Later, n1Later] = await seen();
      expect(n2Later).toMatchObject({ incarnation: memberOf(2).incarnation, adoptedEpoch: 1 });
      expect(n1Later!.count).not.toBe(n1!.count);
    });

    it('the count of who does not renew stands still', async () => {
      const { a, b, bringOut, show, ids } = await pair();
      await bringOut();
      await a.renew(show(0, 1), soon());
      const before = await b.leases(ids, soon());
      await b.renew(show(1, 1), soon());
      const after = await b.leases(ids, soon());
      expect(after[0]).toEqual(before[0]);
    });

    it('refuses a node whose view is older than the published one, and leaves its count as it is', async () => {
      const { a, b, bringOut, show, ids } = await pair();
      await bringOut();
      await b.renew(show(1, 1), soon());
      const before = await a.leases(ids, soon());
      await bringOut();
      expect(await b.renew(show(1, 1), soon())).toEqual({ kind: 'refused', publishedEpoch: 2 });
      expect(await a.leases(ids, soon())).toEqual(before);
      expect(await b.renew(show(1, 2), soon())).toEqual({ kind: 'renewed' });
      expect((await a.leases(ids, soon()))[1]).toMatchObject({ adoptedEpoch: 2 });
    });

    it('a later start of a node shows its own incarnation', async () => {
      const { a, b, bringOut, show, ids } = await pair();
      await bringOut();
      await a.renew(show(0, 1), soon());
      await b.renew({ ...show(1, 1), nodeId: 'n1' }, soon());
      expect((await a.leases(ids, soon()))[0]).toMatchObject({ incarnation: memberOf(2).incarnation });
    });

    it('brings the news of a view to who subscribed, until that is cancelled', async () => {
      const { b, bringOut } = await pair();
      const heard: number[] = [];
      const cancel = b.subscribe((epoch) => heard.push(epoch));
      await bringOut();
      await vi.waitFor(() => expect(heard).toContain(1), 5_000);
      await bringOut();
      await vi.waitFor(() => expect(heard).toContain(2), 5_000);
      cancel();
      await bringOut();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(heard).not.toContain(3);
    });

    it('keeps a copy of the latest document', async () => {
      const { b, bringOut } = await pair();
      expect(await b.published(soon())).toBeUndefined();
      await bringOut();
      const latest = await bringOut();
      expect(await b.published(soon())).toEqual(latest);
    });

    it('fails at once when closed, and for a deadline that has passed', async () => {
      const { a, b, bringOut, show, ids } = await pair();
      await bringOut();
      await expect(b.leases(ids, systemTime.monotonicMs() - 1)).rejects.toMatchObject({
        code: 'unavailable',
      });
      await a.close();
      await expect(a.renew(show(0, 1), soon())).rejects.toMatchObject({ code: 'unavailable' });
    });
  });
}
