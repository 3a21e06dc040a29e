import { beforeEach, describe, expect, it, test } from 'vitest';
import { defaultTerms } from '../../src/membership/membership.ts';
import { defaultRemovalTerms } from '../../src/membership/removals.ts';
import { profileCell } from '../../src/mailbox/mailbox-cells.ts';
import { dmIdOf } from '../../src/protocol/conversation-id.ts';
import { ProtocolError } from '../../src/protocol/protocol-error.ts';
import { RowVersionSource, type RowVersion } from '../../src/row/row-version.ts';
import { ordinaryGroupLimits } from '../support/group-parts.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { SimCluster, type SimNode } from './sim-cluster.ts';
import { SimLog } from './sim-log.ts';
import { SimClimate } from './sim-weather.ts';

const { leaseMs } = defaultTerms;
const users = Array.from({ length: 30 }, (_, number) => `user${number}`);
const account = { name: 'x', createdAt: 1, passwordHash: '', tokensValidFrom: 0 };
const longMs = 60_000;
/** After 1.5L less half a second: up to two looks at the board may be due yet, when is a matter of chance (9.6 to 11.9 s in all). */
const looksMs = 4_000;

/** Terms are the defaults. */
class DefaultClimate extends SimClimate {
  override readonly nodes = 3;
  override readonly leaseMs = leaseMs;
  override readonly removal = defaultRemovalTerms;
  override readonly groupLimits = ordinaryGroupLimits;
  override readonly readRule: 'held' | 'verified';

  constructor(readRule: 'held' | 'verified', random: SeededRandom) {
    super(random, random, random);
    this.readRule = readRule;
  }
}

/* Whole nodes in virtual time. */
let cluster: SimCluster;
let log: SimLog;

async function threeNodes(readRule: 'held' | 'verified'): Promise<readonly [SimNode, SimNode, SimNode]> {
  const random = new SeededRandom(7);
  log = new SimLog();
  cluster = new SimCluster(new DefaultClimate(readRule, random), random, log);
  const nodes = [cluster.start(1), cluster.start(2), cluster.start(3)] as const;
  await cluster.world.run(10_000);
  for (const node of nodes) expect(node.member.weight).toBeGreaterThan(0);
  for (const userId of users) await write(ownerOf(userId, nodes), userId);
  return nodes;
}

const ownerOf = (userId: string, nodes: readonly SimNode[]): SimNode => {
  const owner = nodes.find(({ incarnation, member }) => {
    return member.view?.ownerOf(userId).incarnation === incarnation;
  });
  if (owner === undefined) throw new Error(`nobody owns ${userId}`);
  return owner;
};

async function write({ member, process }: SimNode, userId: string): Promise<void> {
  const deadline = process.time.monotonicMs() + longMs;
  await cluster.world.drive(member.router.mailbox(userId).call('createAccount', account, deadline), longMs);
}

const namesIn = ({ member }: SimNode): readonly string[] =>
  member.view?.members.map(({ nodeId }) => nodeId) ?? [];

/** From now on until each user has sent a message, by way of this node, and another one has it; ms. */
async function untilServed({ member, process }: SimNode): Promise<number> {
  const { world } = cluster;
  const sinceMs = world.monotonicMs();
  const send = async (userId: string, number: number): Promise<void> => {
    const to = users[(number + 1) % users.length] ?? '';
    const message = {
      conversationId: dmIdOf(userId, to),
      text: 'x',
      messageId: `${world.wallMs()}.${userId}.d1.1`,
    };
    for (;;) {
      try {
        const deadline = process.time.monotonicMs() + longMs;
        await member.router.mailbox(userId).call('sendMessage', message, deadline);
        return;
      } catch (error) {
        if (!(error instanceof ProtocolError) || !['unavailable', 'overloaded'].includes(error.kind))
          throw error;
        await new Promise<void>((resolve) => void world.after(50, resolve));
      }
    }
  };
  await world.drive(Promise.all(users.map(send)), longMs);
  return world.monotonicMs() - sinceMs;
}

/** Nobody reaches it, but it reaches all, the store and the board. */
function startHidden(number: number): SimNode {
  cluster.wiring.hide(`n${number}`);
  return cluster.start(number);
}

beforeEach(() => {
  log = new SimLog();
});

describe.each(['held', 'verified'] as const)('reads are %s, and a node', (readRule) => {
  const expiryMs = readRule === 'held' ? leaseMs * (1 + defaultTerms.driftRatio) : 0;

  it('is killed: it is out after two missed signs, and all its users are written elsewhere', async () => {
    const [a, b, c] = await threeNodes(readRule);
    cluster.kill(c);
    const servedMs = await untilServed(a);
    expect(namesIn(a)).toEqual(['n1', 'n2']);
    expect(namesIn(b)).toEqual(['n1', 'n2']);
    expect(servedMs).toBeGreaterThan(expiryMs);
    expect(servedMs).toBeLessThan(expiryMs + 1_000);
    expect(log.violations).toEqual([]);
  });

  it('is killed for good, and then a second one: that is no reason to wait for the removal window', async () => {
    const [a, b, c] = await threeNodes(readRule);
    cluster.kill(c);
    await untilServed(a);
    cluster.kill(b);
    const servedMs = await untilServed(a);
    expect(namesIn(a)).toEqual(['n1']);
    expect(servedMs).toBeLessThan(expiryMs + 1_000);
    expect(log.violations).toEqual([]);
  });

  describe('G8: is killed with a commit on its way: that comes too late for who listens since long after', () => {
    let userId: string;
    let late: RowVersion;
    let base: RowVersion | undefined;

    async function killWriting(node: SimNode, nodes: readonly SimNode[]): Promise<void> {
      userId = users.find((user) => ownerOf(user, nodes) === node) ?? '';
      [base] = await cluster.table.versions([userId], Infinity);
      late = new RowVersionSource(Buffer.from(node.incarnation, 'hex')).next(
        base,
        node.member.view?.epoch ?? 0,
      );
      cluster.kill(node);
      await cluster.world.run(longMs);
    }

    async function expectTooLate(): Promise<void> {
      const { member, process } = ownerOf(userId, [...cluster.alive]);
      const mailbox = member.router.mailbox(userId);
      mailbox.subscribe(() => undefined);
      const deadline = process.time.monotonicMs() + longMs;
      await cluster.world.drive(mailbox.call('getChanges', { limit: 1 }, deadline));
      await cluster.world.run(longMs);
      const cells = [profileCell({ ...account, name: 'late' })];
      expect(await cluster.table.compareAndPut(userId, base, late, cells, Infinity)).toBe(false);
      expect(log.violations).toEqual([]);
    }

    it('where others are left', async () => {
      const nodes = await threeNodes(readRule);
      await killWriting(nodes[2], nodes);
      await expectTooLate();
    });

    it('where one other is left', async () => {
      const nodes = await threeNodes(readRule);
      const [a, b, c] = nodes;
      await killWriting(c, nodes);
      await killWriting(b, [a, b]);
      await expectTooLate();
    });

    it('where one other is left, which has started since', async () => {
      const nodes = await threeNodes(readRule);
      const [a, b, c] = nodes;
      await killWriting(b, nodes);
      await killWriting(c, [a, c]);
      cluster.kill(a);
      cluster.start(1);
      await cluster.world.run(longMs);
      await expectTooLate();
    });
  });

  it('falls silent with its machine: it is out after one and a half leases, not sooner', async () => {
    const [a, b, c] = await threeNodes(readRule);
    for (const other of [a, b]) cluster.wiring.cut(other.nodeId, c.nodeId);
    cluster.kill(c);
    await cluster.world.run(1.5 * leaseMs - 500);
    expect(namesIn(a)).toContain('n3');
    await cluster.world.run(looksMs);
    expect(namesIn(a)).toEqual(['n1', 'n2']);
  });

  it('stands still, and dials to it get a connection: it is out after one and a half leases, and comes back', async () => {
    const [a, , c] = await threeNodes(readRule);
    c.process.time.pause();
    await cluster.world.run(1.5 * leaseMs - 500);
    expect(namesIn(a)).toContain('n3');
    await cluster.world.run(looksMs);
    expect(namesIn(a)).toEqual(['n1', 'n2']);
    c.process.resume();
    await cluster.world.run(10_000);
    expect(namesIn(a)).toEqual(['n1', 'n2', 'n3']);
    expect(c.member.weight).toBeGreaterThan(0);
  });

  it('alone loses its way to the board: it stays, and serves its users', async () => {
    const [a, b, c] = await threeNodes(readRule);
    const { epoch } = c.member.view ?? {};
    cluster.sky.isCalm = false;
    c.weather.isBoardCut = true;
    await cluster.world.run(2 * longMs);
    for (const node of [a, b, c]) expect(node.member.view?.epoch).toBe(epoch);
    await untilServed(c);
  });

  it('is cut off by something that refuses in its place: its signs of life keep it in', async () => {
    const [a, , c] = await threeNodes(readRule);
    const { epoch } = c.member.view ?? {};
    cluster.wiring.refuse(a.nodeId, c.nodeId);
    await cluster.world.run(longMs);
    expect(a.member.links.refusedMs('n3')).toBeGreaterThan(leaseMs);
    expect(a.member.view?.epoch).toBe(epoch);
  });

  it('is killed and starts again at once: it takes its place', async () => {
    const [a, , c] = await threeNodes(readRule);
    const { weight } = c.member;
    cluster.kill(c);
    await cluster.world.run(100);
    const again = cluster.start(3);
    await cluster.world.run(2_000);
    expect(a.member.view?.member('n3')).toMatchObject({ incarnation: again.incarnation, weight });
    expect(again.member.weight).toBe(weight);
    await cluster.world.run(longMs);
    expect(a.member.view?.member('n3')).toMatchObject({ incarnation: again.incarnation, weight });
  });
});

describe.each(['held', 'verified'] as const)(
  'reads are %s, and a new node that nobody reaches',
  (readRule) => {
    it('gets no users, who are all served, however long that takes; and gets them when it is reached', async () => {
      const [a] = await threeNodes(readRule);
      const d = startHidden(4);
      await cluster.world.run(2 * longMs);
      expect(namesIn(a)).toEqual(['n1', 'n2', 'n3', 'n4']);
      expect(d.member.weight).toBe(0);
      expect(d.member.unreachedBy).toEqual(['n1', 'n2', 'n3']);
      for (const userId of users) expect(ownerOf(userId, [...cluster.alive])).not.toBe(d);
      expect(await untilServed(a)).toBeLessThan(1_000);
      cluster.wiring.show('n4');
      await cluster.world.run(1_000);
      expect(d.member.weight).toBeGreaterThan(0);
      expect(d.member.unreachedBy).toEqual([]);
      expect(users.some((userId) => ownerOf(userId, [...cluster.alive]) === d)).toBe(true);
      await untilServed(a);
      expect(log.violations).toEqual([]);
    });

    it('gets no users where only another new one reaches it, which nobody reaches either', async () => {
      const nodes = await threeNodes(readRule);
      for (const { nodeId } of nodes) for (const other of ['n4', 'n5']) cluster.wiring.cut(nodeId, other);
      const strangers = [cluster.start(4), cluster.start(5)];
      await cluster.world.run(longMs);
      for (const { member } of strangers) expect(member.weight).toBe(0);
      cluster.wiring.mendAll();
      await cluster.world.run(5_000);
      for (const { member } of strangers) expect(member.weight).toBeGreaterThan(0);
    });

    it('does not wait for the last one of the others, which has stopped in good order', async () => {
      for (const node of await threeNodes(readRule)) {
        cluster.wiring.cut(node.nodeId, 'n4');
        cluster.stop(node);
        await cluster.world.run(3_000);
      }
      const d = cluster.start(4);
      await cluster.world.run(leaseMs / 2);
      expect(namesIn(d)).toEqual(['n3', 'n4']);
      expect(d.member.weight).toBeGreaterThan(0);
    });

    it('comes into service when it is the only one that lives', async () => {
      const nodes = await threeNodes(readRule);
      const d = startHidden(4);
      await cluster.world.run(longMs);
      expect(d.member.weight).toBe(0);
      for (const node of nodes) cluster.kill(node);
      await cluster.world.run(5_000);
      expect(d.member.weight).toBeGreaterThan(0);
      expect(log.violations).toEqual([]);
    });

    it('comes into service where all others died before it came, and their machines with them', async () => {
      const nodes = await threeNodes(readRule);
      for (const node of nodes) {
        cluster.wiring.cut(node.nodeId, 'n4');
        cluster.kill(node);
      }
      const d = cluster.start(4);
      await cluster.world.run(leaseMs + 5_000);
      expect(d.member.weight).toBeGreaterThan(0);
    });

    it('does not wait for ever for who it can see nothing of: the board is away, and links to all are cut', async () => {
      const nodes = await threeNodes(readRule);
      cluster.sky.isCalm = false;
      cluster.sky.isBoardAway = true;
      for (const node of nodes) cluster.wiring.cut(node.nodeId, 'n4');
      const d = cluster.start(4);
      await cluster.world.run(leaseMs - 500);
      expect(d.member.weight).toBe(0);
      await cluster.world.run(20_000);
      expect(d.member.weight).toBeGreaterThan(0);
    });

    it('ends when it is told to', async () => {
      const [a] = await threeNodes(readRule);
      const d = startHidden(4);
      await cluster.world.run(20_000);
      cluster.stop(d);
      await cluster.world.run(2_000);
      expect(cluster.alive.has(d)).toBe(false);
      expect(namesIn(a)).toEqual(['n1', 'n2', 'n3']);
    });
  },
);

test('a node that has always been alone, and whose reads ask the store, writes nothing for who listens', async () => {
  const random = new SeededRandom(7);
  cluster = new SimCluster(new DefaultClimate('verified', random), random, log);
  const first = cluster.start(1);
  await cluster.world.run(1_000);
  await write(first, 'user1');
  cluster.kill(first);
  const { member } = cluster.start(1);
  await cluster.world.run(1_000);
  const before = await cluster.table.versions(['user1'], Infinity);
  member.router.mailbox('user1').subscribe(() => undefined);
  await cluster.world.run(longMs);
  expect(await cluster.table.versions(['user1'], Infinity)).toEqual(before);
});

test('three nodes of an old ring that start again at once, and a new one with them, all come into service', async () => {
  const nodes = await threeNodes('held');
  for (const node of nodes) cluster.kill(node);
  await cluster.world.run(longMs);
  const again = [4, 1, 2, 3].map((number) => cluster.start(number));
  await cluster.world.run(20_000);
  for (const { member } of again) expect(member.weight).toBeGreaterThan(0);
  const [, a] = again;
  if (a !== undefined) await untilServed(a);
  expect(log.violations).toEqual([]);
});
