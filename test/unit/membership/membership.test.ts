import { beforeEach, describe, expect, it } from 'vitest';
import { RingDocuments } from '../../../src/membership/ring-documents.ts';
import type { RingDocument } from '../../../src/ring/ring-document.ts';
import type { RowVersion } from '../../../src/row/row-version.ts';
import { RingCluster } from '../../support/ring-cluster.ts';
import type { RingNode } from '../../support/ring-cluster.ts';
import { viewOf } from '../../support/ring-parts.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const leaseMs = 6_000;
const minute = 60_000;

let cluster: RingCluster;

beforeEach(() => {
  cluster = new RingCluster(new SeededRandom(5));
});

const namesIn = (node: RingNode): readonly string[] =>
  node.membership.view?.members.map(({ nodeId }) => nodeId) ?? [];
const happened = (node: RingNode, kind: string): number =>
  node.events.filter((event) => event.kind === kind).length;
const later = (node: RingNode, ms = minute): number => node.time.monotonicMs() + ms;

async function stored(node: RingNode): Promise<RingDocument> {
  const ring = await cluster.world.drive(new RingDocuments(node.store).latest(later(node)));
  return ring!.document;
}

/** An id that this node owns in its view. */
function idOf(owner: RingNode, seen = owner): string {
  for (let i = 0; ; i++) {
    const id = `user${i}`;
    if (seen.membership.view?.ownerOf(id).incarnation === owner.self.incarnation) return id;
  }
}

function idIs(owner: RingNode, id: string): boolean {
  return owner.membership.tenure.mayServe(id, undefined).kind === 'yes';
}

async function write(node: RingNode, entityId: string, base?: RowVersion): Promise<RowVersion> {
  const cells = [{ family: 'h', qualifier: Buffer.from('p'), value: Buffer.from('x') }] as const;
  const commit = { base, epoch: node.membership.tenure.epoch(), cells };
  const outcome = await cluster.world.drive(node.store.commit(entityId, commit, later(node)));
  if (outcome.kind === 'conflict') throw new Error('expected no conflict');
  return outcome.version;
}

describe('joining and leaving', () => {
  it('the first node founds the ring, others join it, and all adopt the same view', async () => {
    const nodes = await cluster.three();
    for (const node of nodes) {
      expect(namesIn(node)).toEqual(['n1', 'n2', 'n3']);
      expect(node.membership.tenure.epoch()).toBe(3);
      expect(node.membership.isMember).toBe(true);
      expect(node.membership.tenure.isLeaseCurrent()).toBe(true);
    }
  });

  it('nodes that start at the same moment all come in, each by an epoch of its own', async () => {
    const nodes = [cluster.add(1), cluster.add(2), cluster.add(3)];
    await cluster.world.drive(Promise.all(nodes.map((node) => node.membership.start(later(node)))));
    await cluster.world.run(5_000);
    for (const node of nodes) expect(namesIn(node)).toEqual(['n1', 'n2', 'n3']);
    expect(nodes.map((node) => node.membership.tenure.epoch())).toEqual([3, 3, 3]);
  });

  it('a restart takes the place of its older incarnation, which ends', async () => {
    const [first, second] = await cluster.three();
    const again = await cluster.join(1);
    await cluster.world.run(5_000);
    expect(second.membership.view?.member('n1')).toEqual(again.self);
    expect(happened(first, 'replaced')).toBe(1);
    expect(first.membership.isMember).toBe(false);
    expect(first.membership.tenure.isLeaseCurrent()).toBe(false);
    await cluster.world.run(2 * minute);
    expect(second.membership.view?.member('n1')).toEqual(again.self);
  });

  it('listeners are told what was owned before and after, in order, before others see the new epoch', async () => {
    const [a, b] = await cluster.three();
    const told: string[] = [];
    a.membership.onView(({ before, after, isInOrder }) => {
      const shown = cluster.board.contents.leases.get('n1')?.adoptedEpoch;
      told.push(`${before?.epoch} ${after.epoch} ${isInOrder} ${shown}`);
    });
    await cluster.world.drive(b.membership.leave(later(b)));
    await cluster.world.run(3_000);
    await cluster.join(2);
    await cluster.world.run(3_000);
    expect(told).toEqual(['3 4 true 3', '4 5 true 4']);
  });

  it('a node that leaves is out at once and is in the list of those that nobody waits for', async () => {
    const [a, b] = await cluster.three();
    const id = idOf(b);
    const row = await write(b, id);
    await cluster.world.drive(b.membership.leave(later(b)));
    expect(b.membership.tenure.mayServe(id, row).kind).toBe('wrongOwner');
    await cluster.world.run(300);
    expect(namesIn(a)).toEqual(['n1', 'n3']);
    const heir = cluster.nodes.find(
      (node) => node.self.incarnation === a.membership.view?.ownerOf(id).incarnation,
    )!;
    expect(heir.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
  });

  it('the last node stays in the ring; its next start waits for nobody', async () => {
    const only = await cluster.join(1);
    const row = await write(only, 'alice');
    await cluster.world.drive(only.membership.leave(later(only)));
    expect((await stored(only)).view.members).toHaveLength(1);
    const again = await cluster.join(1);
    expect(again.membership.tenure.mayServe('alice', row)).toEqual({ kind: 'yes' });
  });

  it('a start that cannot reach the store gives up at its deadline', async () => {
    const node = cluster.add(1);
    node.faults.store = () => ({ kind: 'unavailable' });
    const started = node.membership.start(later(node, 3_000));
    const refusal = expect(started).rejects.toMatchObject({ name: 'StoreError', code: 'unavailable' });
    await cluster.world.run(4_000);
    await refusal;
  });
});

describe('a dead node', () => {
  it('is removed after its counter stood still for 2L, once, and its users wait for L(1+e) at most', async () => {
    const [a, b, c] = await cluster.three();
    const id = idOf(c);
    const row = await write(c, id);
    c.time.kill();
    await cluster.world.run(2 * leaseMs - 1_000);
    expect(namesIn(a)).toContain('n3');
    await cluster.world.run(6_000);
    expect(namesIn(a)).toEqual(['n1', 'n2']);
    expect(namesIn(b)).toEqual(['n1', 'n2']);
    expect(happened(a, 'removed') + happened(b, 'removed')).toBe(1);
    expect((await stored(a)).view.epoch).toBe(4);
    const heir = [a, b].find((node) => node.membership.tenure.mayServe(id, row).kind !== 'wrongOwner')!;
    await cluster.world.run(leaseMs * 1.1);
    expect(heir.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
  });

  it('of two nodes is removed by the other', async () => {
    const [a, b] = [await cluster.join(1), await cluster.join(2)];
    await cluster.world.run(5_000);
    b.time.kill();
    await cluster.world.run(4 * leaseMs);
    expect(namesIn(a)).toEqual(['n1']);
  });

  it('that was only paused sees that it was removed, and comes back', async () => {
    const [a, , c] = await cluster.three();
    c.time.pause();
    await cluster.world.run(4 * leaseMs);
    expect(namesIn(a)).toEqual(['n1', 'n2']);
    c.time.resume();
    await cluster.world.run(5_000);
    expect(happened(c, 'excluded')).toBeGreaterThan(0);
    for (const node of [a, c]) expect(namesIn(node)).toEqual(['n1', 'n2', 'n3']);
  });

  it('removals are capped: of seven nodes, two that die go one a minute, not both at once', async () => {
    const nodes: RingNode[] = [];
    for (let i = 1; i <= 7; i++) nodes.push(await cluster.join(i));
    await cluster.world.run(5_000);
    nodes[5]?.time.kill();
    nodes[6]?.time.kill();
    await cluster.world.run(minute);
    expect(namesIn(nodes[0]!)).toHaveLength(6);
    await cluster.world.run(minute);
    expect(namesIn(nodes[0]!)).toHaveLength(5);
  });

  it('nobody is removed while most counters stand still', async () => {
    const [a, b, c] = await cluster.three();
    b.faults.board = () => ({ kind: 'lost' });
    c.faults.board = () => ({ kind: 'lost' });
    await cluster.world.run(3 * minute);
    expect(namesIn(a)).toEqual(['n1', 'n2', 'n3']);
  });
});

describe('a board that fails', () => {
  const allCurrent = (): readonly boolean[] =>
    cluster.nodes.map(({ membership }) => membership.isMember && membership.tenure.isLeaseCurrent());

  it.each([
    ['is away', () => ({ kind: 'lost' }) as const],
    ['loses its answers', () => ({ kind: 'reply_lost' }) as const],
    ['is slow', () => ({ kind: 'slow', delayMs: 5_000 }) as const],
  ])(
    'that %s for minutes: the view stays, nobody is removed, leases stay current by the store',
    async (_, fault) => {
      const nodes = await cluster.three();
      for (const node of nodes) node.faults.board = fault;
      for (let i = 0; i < 30; i++) {
        await cluster.world.run(5_000);
        expect(allCurrent()).toEqual([true, true, true]);
      }
      for (const node of nodes) node.faults.board = undefined;
      await cluster.world.run(minute);
      expect((await stored(nodes[0])).view.epoch).toBe(3);
      expect(nodes.map(namesIn)).toEqual(Array(3).fill(['n1', 'n2', 'n3']));
    },
  );

  it('that comes back empty removes nobody and invents nothing', async () => {
    const nodes = await cluster.three();
    for (let i = 0; i < 10; i++) {
      cluster.board.wipe();
      await cluster.world.run(3_000);
    }
    expect((await stored(nodes[0])).view.epoch).toBe(3);
    expect(cluster.board.contents.epoch).toBe(3);
    expect(cluster.board.contents.leases.size).toBe(3);
  });

  it('that falls back to an older state is told the epoch again; it lets nobody use one twice', async () => {
    const [a, b] = [await cluster.join(1), await cluster.join(2)];
    await cluster.world.run(5_000);
    const old = cluster.board.contents;
    await cluster.join(3);
    await cluster.world.run(5_000);
    cluster.board.contents = old;
    await cluster.world.run(5_000);
    expect(cluster.board.contents.epoch).toBe(3);
    await cluster.world.drive(b.membership.leave(later(b)));
    await cluster.world.run(3_000);
    expect((await stored(a)).view.epoch).toBe(4);
    expect(namesIn(a)).toEqual(['n1', 'n3']);
  });

  it('that has a later epoch than the store ever had is corrected, and nobody adopts it', async () => {
    const nodes = await cluster.three();
    cluster.board.publish(90, Buffer.from('of another time'));
    await cluster.world.run(5_000);
    expect(nodes.map(({ membership }) => membership.tenure.epoch())).toEqual([3, 3, 3]);
    expect(cluster.board.contents.epoch).toBe(3);
    expect(allCurrent()).toEqual([true, true, true]);
  });

  it('while it is away nodes join and leave all the same', async () => {
    const [a, b] = [await cluster.join(1), await cluster.join(2)];
    for (const node of [a, b]) node.faults.board = () => ({ kind: 'lost' });
    const c = cluster.add(3);
    c.faults.board = () => ({ kind: 'lost' });
    await cluster.world.drive(c.membership.start(later(c)));
    await cluster.world.run(3_000);
    expect(namesIn(a)).toEqual(['n1', 'n2', 'n3']);
    await cluster.world.drive(b.membership.leave(later(b)));
    await cluster.world.run(3_000);
    expect(namesIn(a)).toEqual(['n1', 'n3']);
  });
});

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
    await cluster.world.run(leaseMs - 100);
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
    for (const id of mine) rows.set(id, await write(a, id));
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
    const row = await write(a, id);
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
    const row = await write(a, id);
    await cluster.world.drive(c.membership.start(later(c)));
    await cluster.world.run(2_500);
    expect(c.membership.tenure.mayServe(id, row).kind).toBe('wait');
    c.membership.heard(a.self.incarnation, a.membership.tenure.epoch());
    expect(c.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
  });

  it('a row from a later view: this node is behind, and catches up at once', async () => {
    const [a, b] = [await cluster.join(1), await cluster.join(2)];
    await cluster.world.run(5_000);
    a.faults.board = () => ({ kind: 'lost' });
    await cluster.join(3);
    expect(a.membership.tenure.epoch()).toBe(2);
    await cluster.world.run(50);
    const id = idOf(b);
    const row = await write(b, id);
    expect(row.epoch).toBe(3);
    expect(a.membership.tenure.mayServe(id, row).kind).toBe('wrongOwner');
    await cluster.world.run(50);
    expect(a.membership.tenure.epoch()).toBe(3);
  });

  it('with verified reads nobody waits, and nothing is served unverified', async () => {
    const [a] = await cluster.three({ readRule: 'verified' });
    const id = idOf(a);
    const row = await write(a, id);
    a.time.kill();
    const again = await cluster.join(1, { readRule: 'verified' });
    expect(again.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
    await cluster.world.run(5_000);
    expect(again.membership.tenure.isLeaseCurrent()).toBe(false);
  });
});
