import { beforeEach, describe, expect, it } from 'vitest';
import type { RowVersion } from '../../../src/row/row-version.ts';
import { RingCluster, idOf, later } from '../../support/ring-cluster.ts';
import type { RingNode } from '../../support/ring-cluster.ts';
import { memberOf, viewOf } from '../../support/ring-parts.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const leaseMs = 6_000;

let cluster: RingCluster;

beforeEach(() => {
  cluster = new RingCluster(new SeededRandom(5));
});

const idIs = (owner: RingNode, id: string): boolean =>
  owner.membership.tenure.mayServe(id, undefined).kind === 'yes';

describe('G7: the lease', () => {
  it('runs out when the store is away, and comes back with it', async () => {
    const [a] = await cluster.three();
    a.faults.store = () => ({ kind: 'unavailable' });
    await cluster.world.run(leaseMs - 2_500);
    expect(a.membership.tenure.isLeaseCurrent()).toBe(true);
    await cluster.world.run(2_600);
    expect(a.membership.tenure.isLeaseCurrent()).toBe(false);
    a.faults.store = undefined;
    await cluster.world.run(2_500);
    expect(a.membership.tenure.isLeaseCurrent()).toBe(true);
  });

  it('is lost by a suspended machine, whose monotonic clock stood still', async () => {
    const [a] = await cluster.three();
    a.time.suspend();
    await cluster.world.run(400);
    a.time.resume();
    expect(a.membership.tenure.isLeaseCurrent()).toBe(false);
    await cluster.world.run(2_500);
    expect(a.membership.tenure.isLeaseCurrent()).toBe(true);
  });

  it('counts from when the question was sent, not from when the answer came', async () => {
    const [a] = await cluster.three();
    a.faults.way = () => ({ thereMs: 0, backMs: 1_900 });
    await cluster.world.run(3 * leaseMs);
    a.faults.store = () => ({ kind: 'unavailable' });
    // No question was sent since; the answer to the last one may have come just now, 1.9 s later.
    await cluster.world.run(leaseMs);
    expect(a.membership.tenure.isLeaseCurrent()).toBe(false);
  });
});

describe('G7: before a new owner commits', () => {
  it('who wrote last has shown the new view: no wait', async () => {
    const [a, b] = [await cluster.join(1), await cluster.join(2)];
    await cluster.world.run(5_000);
    const ids = Array.from({ length: 200 }, (_, i) => `user${i}`);
    const mine = ids.filter((id) => idIs(a, id));
    const rows = new Map<string, RowVersion>();
    for (const id of mine) rows.set(id, await cluster.write(a, id));
    const c = await cluster.join(3);
    const moved = mine.filter((id) => idIs(c, id));
    expect(moved.length).toBeGreaterThan(10);
    await cluster.world.run(200);
    for (const id of moved) {
      expect(c.membership.tenure.mayServe(id, rows.get(id))).toEqual({ kind: 'yes' });
      expect(a.membership.tenure.mayServe(id, rows.get(id)).kind).toBe('wrongOwner');
      expect(a.membership.tenure.keeps(id, 2)).toBe(false);
    }
    expect(b.membership.tenure.epoch()).toBe(3);
  });

  it('who wrote last is silent: it waits until that lease has run out, or until it is told directly', async () => {
    const [a, , c] = await cluster.three();
    const id = idOf(a);
    const row = await cluster.write(a, id);
    a.time.pause();
    const joined = await cluster.join(1);
    await cluster.world.run(1_000);
    const tenure = joined.membership.tenure;
    expect(tenure.mayServe(id, row)).toEqual({ kind: 'wait', waitMs: 50 });
    await cluster.world.run(leaseMs);
    expect(tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
    expect(c.membership.tenure.mayServe(id, row).kind).toBe('wrongOwner');
  });

  it('a peer that tells its epoch directly has released', async () => {
    const [a, b] = [await cluster.join(1), await cluster.join(2)];
    await cluster.world.run(5_000);
    for (const node of [a, b]) node.faults.board = () => ({ kind: 'lost' });
    const c = cluster.add(3);
    c.faults.board = () => ({ kind: 'lost' });
    const future = viewOf(3, [a.self, b.self, c.self]);
    const users = Array.from({ length: 1_000 }, (_, i) => `user${i}`);
    const id = users.find((user) => idIs(a, user) && future.ownerOf(user).nodeId === 'n3')!;
    const row = await cluster.write(a, id);
    await cluster.world.drive(c.membership.start(later(c)));
    await cluster.world.run(2_500);
    expect(c.membership.tenure.mayServe(id, row).kind).toBe('wait');
    c.membership.heard(a.self.incarnation, a.membership.tenure.epoch());
    expect(c.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
  });

  it('who missed a view holds nothing any more, even where it owns the same again', async () => {
    const [a, b] = [await cluster.join(1), await cluster.join(2)];
    await cluster.world.run(5_000);
    const future = viewOf(3, [a.self, b.self, memberOf(3)]);
    const users = Array.from({ length: 1_000 }, (_, i) => `user${i}`);
    const id = users.find((user) => idIs(a, user) && future.ownerOf(user).nodeId === 'n3') ?? '';
    const row = await cluster.write(a, id);
    expect(a.membership.tenure.keeps(id, 2)).toBe(true);
    a.time.pause();
    const c = await cluster.join(3);
    await cluster.world.run(1.2 * leaseMs);
    expect(c.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
    await cluster.write(c, id, row);
    await cluster.world.drive(c.membership.leave(later(c)));
    a.time.resume();
    await cluster.world.run(3_000);
    expect(a.membership.tenure.isLeaseCurrent()).toBe(true);
    expect(idIs(a, id)).toBe(true);
    expect(a.membership.tenure.keeps(id, 2)).toBe(false);
  });

  it('who wrote last is long gone: a start waits for nobody, as the ring knows', async () => {
    const [a, b] = await cluster.three();
    const id = idOf(a);
    const row = await cluster.write(a, id);
    a.time.kill();
    const second = await cluster.join(1);
    expect(second.membership.tenure.mayServe(id, row).kind).toBe('wait');
    await cluster.world.run(1.6 * leaseMs);
    expect(await cluster.stored(b)).toMatchObject({ view: { epoch: 4 }, lingering: [] });
    second.time.kill();
    const third = await cluster.join(1);
    expect(third.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
  });

  it('who wrote last is known to have ended: all have started again and wait for nobody', async () => {
    const first = await cluster.three();
    const rows = new Map<string, RowVersion>();
    for (const node of first) rows.set(idOf(node), await cluster.write(node, idOf(node)));
    for (const node of first) node.time.kill();
    const again = [1, 2, 3].map((number, i) => {
      return cluster.add(number, { ended: [first[i]?.self.incarnation ?? ''] });
    });
    await cluster.world.drive(Promise.all(again.map((node) => node.membership.start(later(node)))));
    await cluster.world.run(100);
    for (const node of again) {
      const id = idOf(node);
      expect(node.membership.tenure.mayServe(id, rows.get(id))).toEqual({ kind: 'yes' });
    }
  });

  it('who wrote last was replaced while it lives, and says that it has stopped', async () => {
    const [a] = await cluster.three();
    const id = idOf(a);
    const row = await cluster.write(a, id);
    const again = await cluster.join(1);
    expect(again.membership.tenure.mayServe(id, row).kind).toBe('wait');
    await cluster.world.run(100);
    expect(a.events.filter(({ kind }) => kind === 'replaced').length).toBe(1);
    await cluster.world.drive(a.membership.leave(later(a)));
    await cluster.world.run(100);
    expect(again.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
  });

  it('a row from a later view: this node is behind, and catches up at once', async () => {
    const [a, b] = [await cluster.join(1), await cluster.join(2)];
    await cluster.world.run(5_000);
    a.faults.board = () => ({ kind: 'lost' });
    await cluster.join(3);
    expect(a.membership.tenure.epoch()).toBe(2);
    await cluster.world.run(50);
    const id = idOf(b);
    const row = await cluster.write(b, id);
    expect(row.epoch).toBe(3);
    expect(a.membership.tenure.mayServe(id, row).kind).toBe('wrongOwner');
    await cluster.world.run(50);
    expect(a.membership.tenure.epoch()).toBe(3);
  });

  it('with verified reads nobody waits, and nothing is served unverified', async () => {
    const [a] = await cluster.three({ readRule: 'verified' });
    const id = idOf(a);
    const row = await cluster.write(a, id);
    a.time.kill();
    const again = await cluster.join(1, { readRule: 'verified' });
    expect(again.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
    await cluster.world.run(5_000);
    expect(again.membership.tenure.isLeaseCurrent()).toBe(false);
  });
});
