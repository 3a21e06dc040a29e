import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { PeerReply } from '../../../src/peer/peer-request.ts';
import { PeerNode } from '../../support/peer-rig.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { SimulatedNetwork } from '../../support/simulated-network.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

const kindOf = (reply: PeerReply): string => (reply.kind === 'refused' ? reply.error : reply.kind);

async function standOf(options: ConstructorParameters<typeof SimulatedNetwork>[0]) {
  const network = new SimulatedNetwork(options);
  const { time } = options;
  const limits = { patienceMs: 60_000, resumeMs: 120_000 };
  const n1 = new PeerNode({ nodeId: 'n1', network, time, limits });
  const n2 = new PeerNode({ nodeId: 'n2', network, time, limits });
  const address = await n2.listen();
  n1.linkTo('n2', address);
  return { time, network, n1, n2, address };
}

describe('a broken connection', () => {
  it('at any byte of a conversation leaves no trace but delay', async () => {
    const conversation = async (bytesUntilBreak: number) => {
      const time = new VirtualTime();
      const breaks = [bytesUntilBreak];
      const { n1, n2, network } = await standOf({ time, bytesUntilBreak: () => breaks.shift() ?? Infinity });
      const replies: PeerReply[] = [];
      for (let index = 0; index < 3; index++) replies.push(await time.drive(n1.ask('n2', index)));
      replies.push(...(await time.drive(Promise.all([3, 4, 5].map((index) => n1.ask('n2', index))))));
      expect(replies).toEqual([0, 1, 2, 3, 4, 5].map((body) => ({ kind: 'ok', body })));
      expect(n2.requests.map(({ body }) => body)).toEqual([0, 1, 2, 3, 4, 5]);
      return network.connections.length;
    };
    let bytes = 1;
    while ((await conversation(bytes)) > 1) bytes += 1;
    expect(bytes).toBeGreaterThan(400);
  }, 30_000);

  it('again and again, in any pieces: every request is handled once, in order, and answered', async () => {
    const scenario = fc.record({
      seed: fc.nat(),
      bursts: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 }),
      breaks: fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ seed, bursts, breaks }) => {
        const time = new VirtualTime();
        const random = new SeededRandom(seed);
        const left = [...breaks];
        const { n1, n2 } = await standOf({
          time,
          latencyMs: () => random.below(20),
          pieceBytes: () => 1 + random.below(60),
          bytesUntilBreak: () => left.shift() ?? Infinity,
        });
        const asked: Promise<PeerReply>[] = [];
        for (const burst of bursts) {
          for (let index = 0; index < burst; index++) asked.push(n1.ask('n2', asked.length));
          await time.run(random.below(40));
        }
        const replies = await time.drive(Promise.all(asked));
        const bodies = asked.map((_, index) => index);
        expect(replies).toEqual(bodies.map((body) => ({ kind: 'ok', body })));
        expect(n2.requests.map(({ body }) => body)).toEqual(bodies);
        await n1.links.close(0);
        await n2.server.close(0);
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  it('does not keep a handler from finishing: the reply comes over the next connection', async () => {
    const time = new VirtualTime();
    const network = new SimulatedNetwork({ time });
    const n1 = new PeerNode({ nodeId: 'n1', network, time });
    const n2 = new PeerNode({
      nodeId: 'n2',
      network,
      time,
      handle: ({ body }) =>
        new Promise((resolve) => {
          time.after(50, () => resolve({ kind: 'ok', body }));
        }),
    });
    n1.linkTo('n2', await n2.listen());
    const asked = n1.ask('n2', 'slow');
    await time.run(20);
    network.breakAll();
    expect(await time.drive(asked)).toEqual({ kind: 'ok', body: 'slow' });
    expect(n2.requests).toHaveLength(1);
  });

  it('that the acceptor has not noticed is replaced by the new one', async () => {
    const time = new VirtualTime();
    const { n1, n2, network } = await standOf({ time });
    await time.drive(n1.ask('n2', 1));
    network.last.isMute = true;
    network.last.dialer.hearClosed(new Error('only here'));
    expect(kindOf(await time.drive(n1.ask('n2', 2)))).toBe('ok');
    expect([...n2.server.peers()]).toHaveLength(1);
    await time.run(10_000);
    expect(n2.happenings).toEqual(['peer-reset n1-1']);
  });

  it('is tried again with growing pauses', async () => {
    const time = new VirtualTime();
    const network = new SimulatedNetwork({ time });
    const n1 = new PeerNode({ nodeId: 'n1', network, time });
    n1.linkTo('n2', { host: '127.0.0.1', port: 9 });
    await time.run(10_000);
    const dials = n1.setup.tally.failedConnects;
    expect(dials).toBeGreaterThan(10);
    expect(dials).toBeLessThan(30);
  });
});

describe('a peer that is away', () => {
  it('fails what waits after the patience, and what comes then at once, until it is back', async () => {
    const time = new VirtualTime();
    const network = new SimulatedNetwork({ time });
    const limits = { patienceMs: 500 };
    const n1 = new PeerNode({ nodeId: 'n1', network, time, limits });
    n1.linkTo('n2', { host: '127.0.0.1', port: 5 });
    expect(kindOf(await time.drive(n1.ask('n2', 1)))).toBe('unavailable');
    expect(time.monotonicMs()).toBeCloseTo(500, 0);
    expect(kindOf(await n1.ask('n2', 2))).toBe('unavailable');
    await new PeerNode({ nodeId: 'n2', network, time }).listen(5);
    await time.run(2000);
    expect(kindOf(await time.drive(n1.ask('n2', 3)))).toBe('ok');
  });

  it('for longer than the patience starts a new channel, and both sides are told', async () => {
    const time = new VirtualTime();
    const network = new SimulatedNetwork({ time });
    const n1 = new PeerNode({ nodeId: 'n1', network, time, limits: { patienceMs: 300 } });
    const n2 = new PeerNode({ nodeId: 'n2', network, time });
    const address = await n2.listen();
    n1.linkTo('n2', address);
    await time.drive(n1.ask('n2', 1));
    n1.linkTo('n2', { host: '127.0.0.1', port: 99 });
    network.breakAll();
    await time.run(1000);
    n2.happenings.length = 0;
    n1.linkTo('n2', address);
    expect(kindOf(await time.drive(n1.ask('n2', 2)))).toBe('unavailable');
    await time.run(100);
    expect(kindOf(await time.drive(n1.ask('n2', 3)))).toBe('ok');
    expect(n1.happenings).toContain('reset n2');
    expect(n2.happenings).toContain('peer-reset n1-1');
    expect(n2.requests.map(({ body }) => body)).toEqual([1, 3]);
  });

  it('for longer than the acceptor remembers: what was under way fails, what was not sent goes through', async () => {
    const time = new VirtualTime();
    const network = new SimulatedNetwork({ time });
    const n1 = new PeerNode({ nodeId: 'n1', network, time, limits: { patienceMs: 60_000 } });
    const handle = (): Promise<PeerReply> => new Promise(() => undefined);
    const n2 = new PeerNode({ nodeId: 'n2', network, time, handle, limits: { resumeMs: 200 } });
    const address = await n2.listen();
    n1.linkTo('n2', address);
    const sent = n1.ask('n2', 'sent');
    await time.run(20);
    n1.linkTo('n2', { host: '127.0.0.1', port: 99 });
    network.breakAll();
    const waiting = n1.ask('n2', 'waiting', 3000);
    await time.run(1000);
    n1.linkTo('n2', address);
    expect(kindOf(await time.drive(sent))).toBe('unavailable');
    expect(time.monotonicMs()).toBeLessThan(2000);
    await time.drive(waiting);
    expect(n2.requests.map(({ body }) => body)).toEqual(['sent', 'waiting']);
    // For the first channel, for what was forgotten, and for the next channel.
    expect(n2.happenings.filter((what) => what.startsWith('peer-reset'))).toHaveLength(3);
  });
});

test('G8: notes that waited too long for the first connection are gone: the peer is told when it comes', async () => {
  const time = new VirtualTime();
  const network = new SimulatedNetwork({ time });
  const n1 = new PeerNode({ nodeId: 'n1', network, time, limits: { patienceMs: 300 } });
  n1.linkTo('n2', { host: '127.0.0.1', port: 5 });
  expect(n1.links.note('n2', { to: 'u-bob', epoch: 7, body: 'changes' })).toBeUndefined();
  await time.run(1_000);
  const n2 = new PeerNode({ nodeId: 'n2', network, time });
  await n2.listen(5);
  await time.run(2_000);
  expect(n2.notes).toEqual([]);
  expect(n2.happenings).toEqual(['peer-reset n1-1']);
});

describe('a peer that starts anew', () => {
  const never = (): Promise<PeerReply> => new Promise(() => undefined);

  it('fails at once what its last incarnation may have seen, and gets the rest', async () => {
    const time = new VirtualTime();
    const network = new SimulatedNetwork({ time });
    const n1 = new PeerNode({ nodeId: 'n1', network, time, limits: { patienceMs: 60_000 } });
    const first = new PeerNode({ nodeId: 'n2', network, time, handle: never });
    const address = await first.listen();
    n1.linkTo('n2', address);
    const handled = n1.ask('n2', 'handled');
    await time.run(50);
    const underWay = n1.ask('n2', 'under way');
    await time.run(1);
    network.kill(address.port);
    const second = new PeerNode({ nodeId: 'n2', network, time, incarnation: 'n2-2' });
    await second.listen(address.port);
    const later = n1.ask('n2', 'later');
    const startMs = time.monotonicMs();
    const replies = await time.drive(Promise.all([handled, underWay, later]));
    expect(replies.map(kindOf)).toEqual(['unavailable', 'unavailable', 'ok']);
    expect(time.monotonicMs() - startMs).toBeLessThan(1000);
    expect(second.requests.map(({ body }) => body)).toEqual(['later']);
    expect(n1.happenings).toContain('up n2 n2-2');
  });

  it('goes to the start that the view has, where another one still answers that has been replaced', async () => {
    const time = new VirtualTime();
    const { n1, n2, address, network } = await standOf({ time });
    await time.drive(n1.ask('n2', 'old'));
    const later = new PeerNode({ nodeId: 'n2', network, time, incarnation: 'n2-2' });
    const elsewhere = await later.listen();
    n1.linkTo('n2', address, 'n2-1');
    expect(n1.links.answering('n2')).toBe('n2-1');
    n1.linkTo('n2', elsewhere, 'n2-2');
    expect(kindOf(await time.drive(n1.ask('n2', 'new')))).toBe('ok');
    expect(n1.links.answering('n2')).toBe('n2-2');
    expect([n2, later].map(({ requests }) => requests.map(({ body }) => body))).toEqual([['old'], ['new']]);
    expect(n1.happenings).toEqual(['up n2 n2-1', 'down n2 stopping', 'reset n2', 'up n2 n2-2']);
  });

  it('a dialer that starts anew shares nothing with the one before', async () => {
    const time = new VirtualTime();
    const { n1, n2, address, network } = await standOf({ time });
    await time.drive(n1.ask('n2', 'old'));
    n1.links.adopt([], 0);
    const again = new PeerNode({ nodeId: 'n1', network, time, incarnation: 'n1-2' });
    again.linkTo('n2', address);
    expect(kindOf(await time.drive(again.ask('n2', 'new')))).toBe('ok');
    expect(n2.requests.map(({ body }) => body)).toEqual(['old', 'new']);
    expect([...n2.server.peers()].map(({ incarnation }) => incarnation)).toEqual(['n1-2']);
  });

  it('a link that is still leaving does not take the channel from the one that a later view brings', async () => {
    const time = new VirtualTime();
    const network = new SimulatedNetwork({ time, latencyMs: () => 1 });
    const n1 = new PeerNode({ nodeId: 'n1', network, time });
    const handle = async ({ body }: { body: unknown }): Promise<PeerReply> => {
      if (body === 'slow') await new Promise<void>((resolve) => void time.after(5_000, resolve));
      return { kind: 'ok', body };
    };
    const n2 = new PeerNode({ nodeId: 'n2', network, time, handle });
    const address = await n2.listen();
    n1.linkTo('n2', address);
    await time.drive(n1.ask('n2', 'before'));
    const slow = n1.ask('n2', 'slow');
    await time.run(10);
    n1.links.adopt([], 2_000);
    n1.linkTo('n2', address);
    expect(kindOf(await time.drive(slow))).toBe('unavailable');
    for (let index = 0; index < 10; index++) {
      await time.run(100);
      expect(kindOf(await time.drive(n1.ask('n2', index)))).toBe('ok');
    }
    await time.run(5_000);
    expect(n1.happenings.filter((what) => what.startsWith('up '))).toHaveLength(2);
  });
});
