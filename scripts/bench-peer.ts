/**
 * What a hop between two nodes costs: this process asks, a child answers, over TCP on loopback.
 *
 *   node scripts/bench-peer.ts [--seconds 3] [--bytes 100]
 *
 * Last line: JSON, for each number of requests in flight the requests a second, the latency, and the CPU microseconds a
 * request of both processes together.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type { ChildProcess } from 'node:child_process';
import { defaultPeerLimits } from '../src/peer/peer-limits.ts';
import { PeerLinks } from '../src/peer/peer-links.ts';
import type { PeerAddress } from '../src/peer/peer-network.ts';
import type { PeerRequest } from '../src/peer/peer-request.ts';
import { PeerServer } from '../src/peer/peer-server.ts';
import type { PeerSetup } from '../src/peer/peer-setup.ts';
import { PeerTally } from '../src/peer/peer-tally.ts';
import { tcpNetwork } from '../src/peer/tcp-network.ts';
import { systemTime } from '../src/std/time.ts';

type Question = { readonly kind: 'cpu' } | { readonly kind: 'stop' };
type Answer =
  | { readonly kind: 'listening'; readonly address: PeerAddress }
  | { readonly kind: 'cpu'; readonly micros: number };

const inFlightCounts = [1, 16, 64, 256];
const warmUpSeconds = 1;
const deadlineMs = 10_000;

function setupOf(nodeId: string, secret: Uint8Array): PeerSetup {
  const complain = (what: unknown): void => console.error(nodeId, what);
  return {
    handshake: {
      self: { nodeId, incarnation: `${nodeId}-1` },
      secret,
      entropy: randomBytes,
    },
    limits: defaultPeerLimits,
    network: tcpNetwork(),
    time: systemTime,
    random: Math.random,
    events: {
      linkUp: () => undefined,
      linkDown: (_nodeId, fault) => complain(fault),
      linkReset: complain,
      acceptedDown: (_peer, fault) => complain(fault.message),
      handlerFailed: complain,
    },
    tally: new PeerTally(),
  };
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function answer(secret: Uint8Array): Promise<void> {
  const tell = (message: Answer): void => void process.send?.(message);
  const reply = {
    kind: 'ok',
    body: { kind: 'delivered', name: 'Bob', results: [[1, 4242, 1_750_000_000_000]] },
  } as const;
  const server = new PeerServer(setupOf('n2', secret), {
    handle: () => Promise.resolve(reply),
    note: () => undefined,
    reset: () => undefined,
  });
  tell({ kind: 'listening', address: await server.listen({ host: '127.0.0.1', port: 0 }) });
  process.on('message', (question: Question) => {
    if (question.kind === 'cpu') tell({ kind: 'cpu', micros: cpuMicros() });
    else void server.close(1000).then(() => process.disconnect());
  });
}

async function askChild(child: ChildProcess, question: Question): Promise<Answer> {
  const replied = once(child, 'message') as Promise<[Answer]>;
  child.send(question);
  return (await replied)[0];
}

async function bothCpuMicros(child: ChildProcess): Promise<number> {
  const theirs = await askChild(child, { kind: 'cpu' });
  return cpuMicros() + (theirs.kind === 'cpu' ? theirs.micros : 0);
}

function requestOf(textBytes: number, now: number): PeerRequest {
  const message = { messageId: 'u-alice-0190-0001', text: 'x'.repeat(textBytes), fingerprint: 123_456_789 };
  const envelope = ['u-alice:u-bob', 'u-alice', 'Alice', 4241, 4240, [message]];
  return { to: 'u-bob', epoch: 7, deadline: now + deadlineMs, body: envelope };
}

async function run(
  links: PeerLinks,
  inFlight: number,
  seconds: number,
  textBytes: number,
): Promise<number[]> {
  const latencies: number[] = [];
  const endMs = systemTime.monotonicMs() + seconds * 1000;
  const ask = async (): Promise<void> => {
    for (let now = systemTime.monotonicMs(); now < endMs;) {
      const reply = await links.request('n2', requestOf(textBytes, now));
      if (reply.kind !== 'ok') throw new Error(JSON.stringify(reply));
      const then = now;
      now = systemTime.monotonicMs();
      latencies.push(now - then);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, ask));
  return latencies.sort((a, b) => a - b);
}

async function measure(
  links: PeerLinks,
  child: ChildProcess,
  seconds: number,
  textBytes: number,
): Promise<object[]> {
  const results: object[] = [];
  for (const inFlight of inFlightCounts) {
    await run(links, inFlight, warmUpSeconds, textBytes);
    const cpuBefore = await bothCpuMicros(child);
    const latencies = await run(links, inFlight, seconds, textBytes);
    const micros = (await bothCpuMicros(child)) - cpuBefore;
    const count = latencies.length;
    results.push({
      inFlight,
      requestsPerSecond: Math.round(count / seconds),
      cpuMicrosPerRequest: Number((micros / count).toFixed(1)),
      p50Ms: Number((latencies[Math.floor(count * 0.5)] ?? 0).toFixed(3)),
      p99Ms: Number((latencies[Math.floor(count * 0.99)] ?? 0).toFixed(3)),
    });
  }
  return results;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '3' },
      bytes: { type: 'string', default: '100' },
      secret: { type: 'string' },
    },
  });
  if (values.secret !== undefined) return answer(Buffer.from(values.secret, 'hex'));
  const secret = randomBytes(32);
  const child = fork(import.meta.filename, ['--secret', secret.toString('hex')]);
  const [listening] = (await once(child, 'message')) as [Answer];
  if (listening.kind !== 'listening') throw new Error('the child does not listen');
  const links = new PeerLinks(setupOf('n1', secret));
  links.adopt([{ nodeId: 'n2', incarnation: 'n2-1', address: listening.address }], 0);
  const results = await measure(links, child, Number(values.seconds), Number(values.bytes));
  await links.close(1000);
  child.send({ kind: 'stop' } satisfies Question);
  await once(child, 'exit');
  for (const result of results) console.log(result);
  console.log(JSON.stringify(results));
}

await main();
