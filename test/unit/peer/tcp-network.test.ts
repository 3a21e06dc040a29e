import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ConnectionRefused } from '../../../src/peer/peer-network.ts';
import type { PeerNetwork } from '../../../src/peer/peer-network.ts';
import type { PeerReply } from '../../../src/peer/peer-request.ts';
import { tcpNetwork } from '../../../src/peer/tcp-network.ts';
import { systemTime } from '../../../src/std/time.ts';
import { testCertificate } from '../../support/test-certificate.ts';
import { PeerNode } from '../../support/peer-rig.ts';
import type { PeerNodeOptions } from '../../support/peer-rig.ts';

const open: PeerNode[] = [];

function nodeOf(nodeId: string, options: Partial<PeerNodeOptions> = {}): PeerNode {
  const node = new PeerNode({ nodeId, network: tcpNetwork(), time: systemTime, ...options });
  open.push(node);
  return node;
}

afterEach(async () => {
  await Promise.all(open.flatMap(({ links, server }) => [links.close(0), server.close(0)]));
  open.length = 0;
});

const kindOf = (reply: PeerReply): string => (reply.kind === 'refused' ? reply.error : reply.kind);

describe('peer links over TCP', () => {
  it('both ways at once, with small and large bodies', async () => {
    const [n1, n2] = [nodeOf('n1'), nodeOf('n2')];
    n1.linkTo('n2', await n2.listen());
    n2.linkTo('n1', await n1.listen());
    const large = 'm'.repeat(3_000_000);
    const bodies = Array.from({ length: 300 }, (_, index) =>
      index % 100 === 0 ? `${large}${index}` : index,
    );
    const replies = await Promise.all(bodies.flatMap((body) => [n1.ask('n2', body), n2.ask('n1', body)]));
    expect(replies.every(({ kind }) => kind === 'ok')).toBe(true);
    expect(n1.requests.map(({ body }) => body)).toEqual(bodies);
    expect(n2.requests.map(({ body }) => body)).toEqual(bodies);
  });

  it('a proxy that cuts the connection under load costs nothing', async () => {
    const [n1, n2] = [nodeOf('n1'), nodeOf('n2')];
    const address = await n2.listen();
    const sockets = new Set<Socket>();
    const proxy = createServer((incoming) => {
      const outgoing = connect(address);
      for (const socket of [incoming, outgoing]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => [incoming, outgoing].forEach((each) => each.destroy()));
      }
      incoming.pipe(outgoing).pipe(incoming);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const proxied = proxy.address();
    if (proxied === null || typeof proxied === 'string') throw new Error('no port');
    n1.linkTo('n2', { host: '127.0.0.1', port: proxied.port });
    const [rounds, perRound] = [10, 200];
    const replies: PeerReply[] = [];
    let answered = 0;
    for (let round = 0; round < rounds; round++) {
      const first = round * perRound;
      const asked = Array.from({ length: perRound }, async (_, index) => {
        const reply = await n1.ask('n2', first + index);
        answered++;
        return reply;
      });
      // The connection is up and the first requests have arrived; their answers are on the way at best.
      while (n2.requests.length <= first) await setImmediate();
      expect(answered).toBeLessThan(first + perRound);
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      replies.push(...(await Promise.all(asked)));
    }
    proxy.close();
    expect(replies.map((reply) => (reply.kind === 'ok' ? reply.body : reply))).toEqual(
      replies.map((_, i) => i),
    );
    expect(n2.requests.map(({ body }) => body)).toEqual(replies.map((_, index) => index));
    expect(n1.setup.tally.connects).toBeGreaterThanOrEqual(rounds);
  });

  it('a stranger gets a refusal and a close', async () => {
    const n2 = nodeOf('n2');
    const { host, port } = await n2.listen();
    const socket = connect(port, host);
    const chunks: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => chunks.push(bytes));
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await once(socket, 'close');
    expect(Buffer.concat(chunks).toString()).toContain('bytes; 1 to 1024 are accepted');
  });

  it('a port that is taken is told', async () => {
    const n2 = nodeOf('n2');
    const { port } = await n2.listen();
    await expect(nodeOf('n3').listen(port)).rejects.toThrow('EADDRINUSE');
  });

  it('a peer that is not there leaves requests unavailable after the patience', async () => {
    const n1 = nodeOf('n1', { limits: { patienceMs: 100 } });
    const gone = nodeOf('n2');
    const address = await gone.listen();
    await gone.server.close(0);
    n1.linkTo('n2', address);
    expect(kindOf(await n1.ask('n2', 1))).toBe('unavailable');
    expect(n1.happenings[0]).toBe('down n2 network');
  });
});

const { key, cert } = testCertificate;
const secure = tcpNetwork({ current: { key, cert, ca: cert } });

describe('a dial where nobody listens', () => {
  const causeOf = (network: PeerNetwork, host: string, port: number): Promise<Error> =>
    new Promise((resolve) => {
      network.dial({ host, port }, { connected: () => undefined, data: () => undefined, closed: resolve });
    });

  it.each([
    ['an address', tcpNetwork(), '127.0.0.1'],
    ['a name, which may have several', tcpNetwork(), 'localhost'],
    ['an address, over TLS', secure, '127.0.0.1'],
  ])('at %s is refused', async (_, network, host) => {
    const gone = nodeOf('n2');
    const { port } = await gone.listen();
    await gone.server.close(0);
    expect(await causeOf(network, host, port)).toBeInstanceOf(ConnectionRefused);
  });

  it('is not the same as one where somebody listens and hangs up', async () => {
    const server = createServer((socket) => socket.resetAndDestroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('no port');
    expect(await causeOf(tcpNetwork(), '127.0.0.1', bound.port)).not.toBeInstanceOf(ConnectionRefused);
    server.close();
  });
});

describe('peer links over TLS', () => {
  const network = secure;

  it('work as over TCP', async () => {
    const [n1, n2] = [nodeOf('n1', { network }), nodeOf('n2', { network })];
    n1.linkTo('n2', await n2.listen());
    const bodies = Array.from({ length: 50 }, (_, index) => `${index}`.repeat(10_000));
    const replies = await Promise.all(bodies.map((body) => n1.ask('n2', body)));
    expect(replies).toEqual(bodies.map((body) => ({ kind: 'ok', body })));
  });

  it('do not come up with a peer that speaks plainly', async () => {
    const limits = { patienceMs: 300 };
    const [n1, n2] = [nodeOf('n1', { limits }), nodeOf('n2', { network })];
    n1.linkTo('n2', await n2.listen());
    expect(kindOf(await n1.ask('n2', 1))).toBe('unavailable');
    expect(n2.happenings).toContain('accepted-down ? network');
    expect(n2.requests).toEqual([]);
  });
});
