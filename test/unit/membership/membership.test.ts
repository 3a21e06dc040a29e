import { beforeEach, describe, expect, it } from 'vitest';
import { RingCluster, idOf, later, namesIn } from '../../support/ring-cluster.ts';
import type { RingNode } from '../../support/ring-cluster.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const leaseMs = 6_000;
const minute = 60_000;

let cluster: RingCluster;

beforeEach(() => {
  cluster = new RingCluster(new SeededRandom(5));
});

const happened = (node: RingNode, kind: string): number =>
  node.events.filter((event) => event.kind === kind).length;

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
    const someMs = () => cluster.random.below(10);
    for (const { faults } of nodes) faults.way = () => ({ thereMs: someMs(), backMs: someMs() });
    await cluster.world.drive(Promise.all(nodes.map((node) => node.membership.start(later(node)))));
    await cluster.world.run(5_000);
    for (const node of nodes) expect(namesIn(node)).toEqual(['n1', 'n2', 'n3']);
    expect(nodes.map((node) => node.membership.tenure.epoch())).toEqual([3, 3, 3]);
    expect(cluster.viewIdsOf(1)).toHaveLength(1);
    expect(cluster.viewIdsOf(2)).toHaveLength(1);
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
    const row = await cluster.write(b, id);
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
    const row = await cluster.write(only, 'alice');
    await cluster.world.drive(only.membership.leave(later(only)));
    expect((await cluster.stored(only)).view.members).toHaveLength(1);
    const again = await cluster.join(1);
    expect(again.membership.tenure.mayServe('alice', row)).toEqual({ kind: 'yes' });
  });

  it('one that is told to leave while it joins is not in the ring afterwards', async () => {
    const [a] = [await cluster.join(1), await cluster.join(2)];
    const late = cluster.add(3);
    late.faults.way = () => ({ thereMs: 300, backMs: 300 });
    const started = late.membership.start(later(late));
    await cluster.world.run(700);
    await cluster.world.drive(Promise.all([late.membership.leave(later(late)), started]));
    await cluster.world.run(1_000);
    expect((await cluster.stored(a)).view.member('n3')).toBeUndefined();
    expect((await cluster.stored(a)).view.epoch).toBe(4);
    expect(namesIn(a)).toEqual(['n1', 'n2']);
  });

  it('leaving while a join hangs ends at its deadline', async () => {
    const node = cluster.add(1);
    node.faults.store = () => ({ kind: 'unavailable' });
    const started = node.membership.start(later(node)).catch(() => 'given up');
    const left = node.membership.leave(later(node, 3_000)).catch(() => 'given up');
    expect(await cluster.world.drive(left, 3_100)).toBe('given up');
    expect(await cluster.world.drive(started)).toBe('given up');
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
  it('whose process has ended is removed within a second, once, and its users are served within L + 2 s', async () => {
    const [a, b, c] = await cluster.three();
    const id = idOf(c);
    const row = await cluster.write(c, id);
    c.time.kill();
    a.membership.missed();
    b.membership.missed();
    await cluster.world.run(1_000);
    expect(namesIn(a)).toEqual(['n1', 'n2']);
    expect(namesIn(b)).toEqual(['n1', 'n2']);
    expect(happened(a, 'removed') + happened(b, 'removed')).toBe(1);
    const heir = [a, b].find((node) => node.membership.tenure.mayServe(id, row).kind !== 'wrongOwner')!;
    await cluster.world.run(5_000);
    expect(heir.membership.tenure.mayServe(id, row).kind).toBe('wait');
    await cluster.world.run(2_000);
    expect(heir.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
  });

  it('whose process has ended is removed also where nobody was told that its links are down', async () => {
    const [a, , c] = await cluster.three();
    c.time.kill();
    await cluster.world.run(2_000);
    expect(namesIn(a)).toEqual(['n1', 'n2']);
  });

  it('that starts again at once takes its place, and is not removed', async () => {
    const [a, , c] = await cluster.three();
    c.time.kill();
    a.membership.missed();
    await cluster.world.run(400);
    const again = await cluster.join(3);
    await cluster.world.run(minute);
    expect(happened(again, 'excluded')).toBe(0);
    for (const node of [a, again]) {
      expect(namesIn(node)).toEqual(['n1', 'n2', 'n3']);
      expect(happened(node, 'removed')).toBe(0);
    }
  });

  it('whose machine is silent is removed after 1.5L, once, and its users wait for L(1+e) at most', async () => {
    const [a, b, c] = await cluster.three();
    const id = idOf(c);
    const row = await cluster.write(c, id);
    c.faults.linksCutAtMs = cluster.world.monotonicMs();
    c.time.kill();
    await cluster.world.run(1.5 * leaseMs - 500);
    expect(namesIn(a)).toContain('n3');
    await cluster.world.run(3_000);
    expect(namesIn(a)).toEqual(['n1', 'n2']);
    expect(namesIn(b)).toEqual(['n1', 'n2']);
    expect(happened(a, 'removed') + happened(b, 'removed')).toBe(1);
    expect((await cluster.stored(a)).view.epoch).toBe(4);
    const heir = [a, b].find((node) => node.membership.tenure.mayServe(id, row).kind !== 'wrongOwner')!;
    await cluster.world.run(leaseMs * 1.1);
    expect(heir.membership.tenure.mayServe(id, row)).toEqual({ kind: 'yes' });
  });

  it('is none that only its way to the board has failed: it is heard over its links', async () => {
    const nodes = await cluster.three();
    nodes[2].faults.board = () => ({ kind: 'lost' });
    await cluster.world.run(5 * minute);
    for (const node of nodes) {
      expect(namesIn(node)).toEqual(['n1', 'n2', 'n3']);
      expect(node.membership.tenure.isLeaseCurrent()).toBe(true);
    }
    nodes[2].faults.linksCutAtMs = cluster.world.monotonicMs();
    await cluster.world.run(2 * leaseMs);
    expect(namesIn(nodes[0])).toEqual(['n1', 'n2']);
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

  const seven = async (): Promise<readonly RingNode[]> => {
    const nodes: RingNode[] = [];
    for (let i = 1; i <= 7; i++) nodes.push(await cluster.join(i));
    await cluster.world.run(5_000);
    return nodes;
  };

  it('removals are capped: of seven nodes, two that fall silent go one a minute, not both at once', async () => {
    const nodes = await seven();
    nodes[5]?.time.pause();
    nodes[6]?.time.pause();
    await cluster.world.run(minute);
    expect(namesIn(nodes[0]!)).toHaveLength(6);
    await cluster.world.run(minute);
    expect(namesIn(nodes[0]!)).toHaveLength(5);
  });

  it('of seven nodes, two whose processes end go at once', async () => {
    const nodes = await seven();
    nodes[5]?.time.kill();
    nodes[6]?.time.kill();
    await cluster.world.run(leaseMs);
    expect(namesIn(nodes[0]!)).toHaveLength(5);
  });

  it('a removal is forgotten when the node has started again: the next one falls silent and goes within the minute', async () => {
    const [a, b, c] = await cluster.three();
    c.time.pause();
    await cluster.world.run(3 * leaseMs);
    c.time.kill();
    await cluster.join(3);
    await cluster.world.run(1_000);
    expect(namesIn(a)).toEqual(['n1', 'n2', 'n3']);
    b.time.pause();
    await cluster.world.run(3 * leaseMs);
    expect(namesIn(a)).toEqual(['n1', 'n3']);
  });

  describe('two of three at once', () => {
    /** What the third one hears of the others, from now on: nothing. */
    const lonely = async (): Promise<readonly [RingNode, RingNode, RingNode]> => {
      const nodes = await cluster.three();
      const [a] = nodes;
      a.faults.linksCutAtMs = cluster.world.monotonicMs();
      return nodes;
    };

    it('are removed by the third, one after the other, and come back', async () => {
      const [a, b, c] = await lonely();
      b.time.pause();
      c.time.pause();
      await cluster.world.run(4.8 * leaseMs);
      expect(namesIn(a)).toHaveLength(3);
      await cluster.world.run(leaseMs);
      expect(namesIn(a)).toHaveLength(2);
      await cluster.world.run(minute + leaseMs);
      expect(namesIn(a)).toEqual(['n1']);
      expect(a.events.filter(({ kind }) => kind === 'removed')).toMatchObject([
        { isAlone: true },
        { isAlone: false },
      ]);
      b.time.resume();
      c.time.resume();
      await cluster.world.run(leaseMs);
      for (const node of [a, b, c]) expect(namesIn(node)).toEqual(['n1', 'n2', 'n3']);
    });

    it('are not removed by one whose way to the store was broken for a lease', async () => {
      const [a, b, c] = await lonely();
      b.time.kill();
      c.time.kill();
      await cluster.world.run(2 * leaseMs);
      a.faults.store = () => ({ kind: 'unavailable' });
      await cluster.world.run(1.5 * leaseMs);
      a.faults.store = undefined;
      await cluster.world.run(4 * leaseMs);
      expect(namesIn(a)).toHaveLength(3);
      await cluster.world.run(2 * leaseMs);
      expect(namesIn(a)).toHaveLength(2);
    });
  });

  it('nobody is removed while most counters stand still, and their nodes are heard', async () => {
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
      expect((await cluster.stored(nodes[0])).view.epoch).toBe(3);
      expect(nodes.map(namesIn)).toEqual(Array(3).fill(['n1', 'n2', 'n3']));
    },
  );

  it('that comes back empty removes nobody and invents nothing', async () => {
    const nodes = await cluster.three();
    for (let i = 0; i < 10; i++) {
      cluster.board.wipe();
      await cluster.world.run(3_000);
    }
    expect((await cluster.stored(nodes[0])).view.epoch).toBe(3);
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
    expect((await cluster.stored(a)).view.epoch).toBe(4);
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
