import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packRequest } from '../../../src/peer/frame-codec.ts';
import { FrameWriter } from '../../../src/peer/frame-writer.ts';
import { decodeRefusal } from '../../../src/peer/handshake-codec.ts';
import type { PeerAddress, PeerSocket } from '../../../src/peer/peer-network.ts';
import type { PeerReply } from '../../../src/peer/peer-request.ts';
import { PeerNode } from '../../support/peer-rig.ts';
import type { PeerNodeOptions } from '../../support/peer-rig.ts';
import { SimulatedNetwork } from '../../support/simulated-network.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

const kindOf = (reply: PeerReply): string => (reply.kind === 'refused' ? reply.error : reply.kind);

async function standOf(options: Partial<PeerNodeOptions> = {}) {
  const time = new VirtualTime();
  const network = new SimulatedNetwork({ time });
  const server = new PeerNode({ nodeId: 'n2', network, time, ...options });
  return { time, network, server, address: await server.listen() };
}

/** A socket that speaks as the test wants. */
class Stranger {
  received = Buffer.alloc(0);
  isClosed = false;
  isConnected = false;
  readonly socket: PeerSocket;

  constructor(network: SimulatedNetwork, address: PeerAddress) {
    this.socket = network.dial(address, {
      connected: () => (this.isConnected = true),
      data: (bytes, length) => (this.received = Buffer.concat([this.received, bytes.subarray(0, length)])),
      closed: () => (this.isClosed = true),
    });
  }

  say(bytes: Uint8Array): void {
    this.socket.write(Buffer.from(bytes), () => undefined);
  }

  /** The refusal that came last, as `code: text`. */
  get refusal(): string | undefined {
    let at = 0;
    let last: string | undefined;
    while (at < this.received.length) {
      const end = at + 4 + this.received.readUInt32BE(at);
      const refusal = decodeRefusal(this.received.subarray(at + 4, end));
      if (refusal !== undefined) last = `${refusal.code}: ${refusal.text}`;
      at = end;
    }
    return last;
  }
}

describe('strangers', () => {
  it.each([
    ['an HTTP client', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /protocol: frame of \d+ bytes/],
    ['a frame that is too long', Buffer.from('00000401', 'hex'), /protocol: frame of 1025 bytes/],
    ['garbage of the right length', Buffer.from('00000004deadbeef', 'hex'), /protocol: not a Mailring node/],
    ['an empty frame', Buffer.alloc(4), /protocol: frame of 0 bytes/],
  ])('%s is told why, closed, and nothing is done for it', async (_name, bytes, why) => {
    const { time, network, server, address } = await standOf();
    const stranger = new Stranger(network, address);
    await time.run(5);
    stranger.say(bytes);
    await time.run(10);
    expect(stranger.refusal).toMatch(why);
    expect(stranger.isClosed).toBe(true);
    expect(server.happenings).toEqual(['accepted-down ? protocol']);
    expect(server.requests).toEqual([]);
  });

  it('a request without a handshake is not handled', async () => {
    const { time, network, server, address } = await standOf();
    const out = new FrameWriter();
    out.numbered(1, packRequest(1, { to: 'u', epoch: 1, body: 'x' }), 1000);
    const stranger = new Stranger(network, address);
    await time.run(5);
    stranger.say(out.take());
    await time.run(10);
    expect(stranger.isClosed).toBe(true);
    expect(server.requests).toEqual([]);
  });

  it('any bytes at all end with a close within the deadline', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 5 }), async (pieces) => {
        const { time, network, server, address } = await standOf();
        const stranger = new Stranger(network, address);
        await time.run(5);
        for (const piece of pieces) stranger.say(piece);
        await time.run(3100);
        expect(stranger.isClosed).toBe(true);
        expect(server.requests).toEqual([]);
        expect(server.happenings).toHaveLength(1);
      }),
      { numRuns: 50 },
    );
  });

  it('who says nothing is closed after the deadline', async () => {
    const { time, network, address } = await standOf();
    const stranger = new Stranger(network, address);
    await time.run(2900);
    expect(stranger.isClosed).toBe(false);
    await time.run(200);
    expect(stranger.refusal).toBe('timeout: no proof within 3000 ms');
    expect(stranger.isClosed).toBe(true);
  });

  it('G10: so many at once; the next one is closed, and a peer gets in when there is room again', async () => {
    const { time, network, server, address } = await standOf({ limits: { greetingsMax: 3 } });
    const strangers = [1, 2, 3, 4].map(() => new Stranger(network, address));
    await time.run(10);
    expect(strangers.map(({ isClosed }) => isClosed)).toEqual([false, false, false, true]);
    const n1 = new PeerNode({ nodeId: 'n1', network, time, limits: { patienceMs: 20_000 } });
    n1.linkTo('n2', address);
    expect(kindOf(await time.drive(n1.ask('n2', 1)))).toBe('ok');
    expect(server.happenings[0]).toBe('accepted-down ? busy');
  });
});

describe('peers that do not fit', () => {
  const attempt = async (dialer: Partial<PeerNodeOptions>, acceptor: Partial<PeerNodeOptions> = {}) => {
    const { time, network, server, address } = await standOf(acceptor);
    const n1 = new PeerNode({ nodeId: 'n1', network, time, ...dialer });
    n1.linkTo('n2', address);
    const reply = await time.drive(n1.ask('n2', 1));
    return { reply: kindOf(reply), happened: new Set(n1.happenings), server };
  };

  it('another secret', async () => {
    const { reply, happened, server } = await attempt({ secret: Buffer.alloc(32, 1) });
    expect([reply, happened, server.requests]).toEqual(['unavailable', new Set(['down n2 secret']), []]);
    expect(new Set(server.happenings)).toEqual(new Set(['accepted-down ? secret']));
  });

  it('no common version', async () => {
    const { reply, happened } = await attempt({ versions: { min: 3, max: 4 } });
    expect([reply, happened]).toEqual(['unavailable', new Set(['down n2 version'])]);
  });

  it('another node at that address', async () => {
    const { reply, happened } = await attempt({}, { nodeId: 'n3' });
    expect([reply, happened]).toEqual(['unavailable', new Set(['down n2 wrongNode'])]);
  });

  it('nobody answers there', async () => {
    const time = new VirtualTime();
    const network = new SimulatedNetwork({ time });
    const closed: Error[] = [];
    const { address } = await network.listen(
      { host: 'x', port: 0 },
      {
        accepted: () => ({
          connected: () => undefined,
          data: () => undefined,
          closed: (cause) => closed.push(cause),
        }),
        failed: () => undefined,
      },
    );
    const n1 = new PeerNode({ nodeId: 'n1', network, time });
    n1.linkTo('n2', address);
    await time.run(3100);
    expect(n1.happenings).toEqual(['down n2 timeout']);
    expect(closed).toHaveLength(1);
  });

  it('an authenticated peer that sends garbage is told why, and connects anew', async () => {
    const { time, network, server, address } = await standOf();
    const n1 = new PeerNode({ nodeId: 'n1', network, time });
    n1.linkTo('n2', address);
    await time.drive(n1.ask('n2', 1));
    network.last.dialer.write(Buffer.from('00000003926301', 'hex'), () => undefined);
    await time.run(500);
    expect(n1.happenings).toEqual(['up n2 n2-1', 'down n2 protocol', 'up n2 n2-1']);
    expect(server.happenings).toEqual(['peer-reset n1-1', 'accepted-down n1 protocol']);
    expect(kindOf(await time.drive(n1.ask('n2', 2)))).toBe('ok');
  });

  it('an acceptor that asks its dialer something breaks the protocol', async () => {
    const { time, network, address } = await standOf();
    const n1 = new PeerNode({ nodeId: 'n1', network, time });
    n1.linkTo('n2', address);
    await time.drive(n1.ask('n2', 1));
    const out = new FrameWriter();
    out.numbered(2, packRequest(1, { to: 'u', epoch: 1, body: 'x' }), 1000);
    network.last.acceptor.write(out.take(), () => undefined);
    await time.run(10);
    expect(n1.happenings).toContain('down n2 protocol');
  });

  it('G10: channels are bounded: the one that is away longest goes first, and one that is on never', async () => {
    const { time, network, server, address } = await standOf({ limits: { channelsMax: 2 } });
    const dial = async (nodeId: string): Promise<PeerNode> => {
      const node = new PeerNode({ nodeId, network, time });
      node.linkTo('n2', address);
      await time.drive(node.ask('n2', nodeId, 1000));
      return node;
    };
    const first = await dial('n5');
    await dial('n6');
    const refused = await dial('n7');
    expect(refused.happenings[0]).toBe('down n2 busy');
    first.links.adopt([], 0);
    await time.run(3000);
    expect([...server.server.peers()].map(({ nodeId }) => nodeId).sort()).toEqual(['n6', 'n7']);
  });
});

describe('stopping', () => {
  const slowly = (time: () => VirtualTime, ms: number) => (): Promise<PeerReply> =>
    new Promise((resolve) => {
      time().after(ms, () => resolve({ kind: 'ok', body: 'done' }));
    });

  it('a server answers what it has begun, refuses the rest, and says goodbye', async () => {
    const stand = await standOf({ handle: slowly(() => stand.time, 100) });
    const { time, network, server, address } = stand;
    const n1 = new PeerNode({ nodeId: 'n1', network, time });
    n1.linkTo('n2', address);
    const begun = n1.ask('n2', 'begun');
    await time.run(20);
    const closed = server.server.close(1000);
    const late = n1.ask('n2', 'late');
    await time.drive(closed);
    expect((await time.drive(Promise.all([begun, late]))).map(kindOf)).toEqual(['ok', 'unavailable']);
    expect(time.monotonicMs()).toBeLessThan(300);
    await time.run(50);
    expect(n1.happenings.slice(0, 3)).toEqual(['up n2 n2-1', 'reset n2', 'down n2 stopping']);
  });

  it('a server waits no longer than it is told; what is under way then fails at once', async () => {
    const stand = await standOf({ handle: slowly(() => stand.time, 10_000) });
    const { time, network, server, address } = stand;
    const n1 = new PeerNode({ nodeId: 'n1', network, time });
    n1.linkTo('n2', address);
    const begun = n1.ask('n2', 'begun');
    await time.run(20);
    await time.drive(server.server.close(500));
    expect(kindOf(await time.drive(begun))).toBe('unavailable');
    expect(time.monotonicMs()).toBeLessThan(600);
  });

  it('links wait for their replies and take nothing more; the peer forgets them at once', async () => {
    const stand = await standOf({ handle: slowly(() => stand.time, 100) });
    const { time, network, server, address } = stand;
    const n1 = new PeerNode({ nodeId: 'n1', network, time });
    n1.linkTo('n2', address);
    const begun = n1.ask('n2', 'begun');
    await time.run(20);
    const closed = n1.links.close(1000);
    expect(kindOf(await n1.ask('n2', 'late'))).toBe('unavailable');
    await time.drive(closed);
    expect(kindOf(await begun)).toBe('ok');
    await time.run(50);
    expect([...server.server.peers()]).toEqual([]);
    expect(server.happenings).toEqual(['peer-reset n1-1', 'accepted-down n1 stopping', 'peer-reset n1-1']);
  });

  it('a peer that leaves the view gets no more requests, and its replies are awaited', async () => {
    const stand = await standOf({ handle: slowly(() => stand.time, 100) });
    const { time, network, address } = stand;
    const n1 = new PeerNode({ nodeId: 'n1', network, time });
    n1.linkTo('n2', address);
    const begun = n1.ask('n2', 'begun');
    await time.run(20);
    n1.links.adopt([], 1000);
    expect([...n1.links.states()]).toEqual([]);
    expect(kindOf(await n1.ask('n2', 'late'))).toBe('unavailable');
    expect(kindOf(await time.drive(begun))).toBe('ok');
  });
});
