import { describe, expect, it } from 'vitest';
import { PeerNode } from '../../support/peer-rig.ts';
import { SimulatedNetwork } from '../../support/simulated-network.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

const n2First = { nodeId: 'n2', incarnation: 'n2-1' };
const heartbeatMs = 1_000;

/** n1 linked to n2, which has a link back. */
async function pairUp() {
  const time = new VirtualTime();
  const network = new SimulatedNetwork({ time });
  const n1 = new PeerNode({ nodeId: 'n1', network, time });
  const n2 = new PeerNode({ nodeId: 'n2', network, time });
  const address = await n2.listen();
  n1.linkTo('n2', address);
  n2.linkTo('n1', await n1.listen());
  await time.run(100);
  return { time, network, n1, n2, address };
}

describe('what links know of a peer', () => {
  it('a living one is heard at each heartbeat, on both of its connections', async () => {
    const { time, n1 } = await pairUp();
    for (let i = 0; i < 60; i++) {
      await time.run(730);
      expect(n1.links.unheardMs(n2First)).toBeLessThanOrEqual(heartbeatMs);
      expect(n1.server.unheardMs(n2First)).toBeLessThanOrEqual(heartbeatMs);
    }
    expect(n1.links.refusedMs('n2')).toBeUndefined();
    expect(n1.server.isConnectedWith(n2First)).toBe(true);
  });

  it('one behind a cut cable is silent since its last byte, also once its connections are given up', async () => {
    const { time, network, n1 } = await pairUp();
    const { dial } = network;
    // Nothing passes any more, and nothing is told: over what there is, and over what is dialled.
    for (const connection of network.connections) connection.isMute = true;
    network.dial = (address, events) =>
      dial.call(network, address, { ...events, connected: () => undefined });
    await time.run(3_500);
    expect(n1.links.unheardMs(n2First)).toBe(3 * heartbeatMs);
    await time.run(20_000);
    expect(n1.links.unheardMs(n2First)).toBeGreaterThan(22_000);
    expect(n1.server.unheardMs(n2First)).toBeGreaterThan(22_000);
    expect(n1.links.refusedMs('n2')).toBeUndefined();
  });

  it('one whose process has ended is refused each time, until something listens there again', async () => {
    const { time, network, n1, n2, address } = await pairUp();
    await n2.links.close(0);
    network.kill(address.port);
    await time.run(500);
    expect(n1.links.refusedMs('n2')).toBeGreaterThan(400);
    await time.run(500);
    expect(n1.links.refusedMs('n2')).toBeGreaterThan(900);
    expect(n1.server.isConnectedWith(n2First)).toBe(false);
    const again = new PeerNode({ nodeId: 'n2', incarnation: 'n2-2', network, time });
    await again.listen(address.port);
    await time.run(1_500);
    expect(n1.links.refusedMs('n2')).toBeUndefined();
  });

  it('what was refused before a later start says nothing of that, and it is dialled at once', async () => {
    const { time, network, n1, n2, address } = await pairUp();
    await n2.links.close(0);
    network.kill(address.port);
    await time.run(10_000);
    const again = new PeerNode({ nodeId: 'n2', incarnation: 'n2-2', network, time });
    await again.listen(address.port);
    n1.linkTo('n2', address, 'n2-2');
    expect(n1.links.refusedMs('n2')).toBeUndefined();
    await time.run(50);
    expect(n1.happenings).toContain('up n2 n2-2');
  });

  it('a break alone is no refusal', async () => {
    const { time, network, n1 } = await pairUp();
    network.breakAll();
    expect(n1.links.refusedMs('n2')).toBeUndefined();
    await time.run(5_000);
    expect(n1.links.refusedMs('n2')).toBeUndefined();
    expect(n1.links.unheardMs(n2First)).toBeLessThanOrEqual(heartbeatMs);
  });

  it('what was refused at a former address says nothing about the present one', async () => {
    const { time, network, n1, address } = await pairUp();
    network.kill(address.port);
    await time.run(500);
    n1.linkTo('n2', { ...address, port: 77 });
    expect(n1.links.refusedMs('n2')).toBeUndefined();
  });

  it('a later start that answers in its place is no sign of life of the former one', async () => {
    const { time, network, n1, n2, address } = await pairUp();
    await n2.links.close(0);
    network.kill(address.port);
    const again = new PeerNode({ nodeId: 'n2', incarnation: 'n2-2', network, time });
    await again.listen(address.port);
    await time.run(40_000);
    expect(n1.links.unheardMs({ nodeId: 'n2', incarnation: 'n2-2' })).toBeLessThanOrEqual(heartbeatMs);
    expect(n1.links.unheardMs(n2First)).toBe(Infinity);
    expect(n1.server.unheardMs(n2First)).toBe(Infinity);
  });

  it('what waits for a peer that is refused and taken out of the view fails at once', async () => {
    const { time, network, n1, address } = await pairUp();
    network.kill(address.port);
    const asked = n1.ask('n2', 1);
    await time.run(300);
    n1.links.adopt([], 2_000);
    expect(await time.drive(asked, 10)).toMatchObject({ kind: 'refused', error: 'unavailable' });
  });
});
