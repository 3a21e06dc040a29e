import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format } from 'prettier';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { callList } from '../../src/protocol/call-list.ts';
import { changeKinds, ProtocolCoverage } from '../support/protocol-coverage.ts';
import {
  connectionsPerUserMax,
  conversationsMax,
  fullUser,
  httpLine,
  membersMax,
  openingsPerMinute,
  Person,
  ProtocolStand,
  socketLine,
  subprotocolOf,
  transports,
} from '../support/protocol-stand.ts';
import type { Line, Transport } from '../support/protocol-stand.ts';
import { errorText, WireClient, type Json } from '../support/wire-client.ts';
import { describeFrames } from './protocol-frames.ts';
import { describeHttpRoutes } from './protocol-http-routes.ts';
import { protocolCases } from './protocol-cases.ts';

const methods = Object.keys(callList);
const sockets = ['json', 'msgpack'] as const;
const settings = {
  ...{ store: 'lmdb', 'limits-members-max': membersMax, 'limits-conversations-max': conversationsMax },
  // Calls of a node that is away fail after this; the others have to be answered within it.
  ...{
    'request-deadline-ms': 3_000,
    'commit-deadline-ms': 3_000,
    'store-deadline-ms': 2_000,
    'ring-lease-ms': 20_000,
    'log-level': 'warn',
  },
  'limits-connections-per-user-max': connectionsPerUserMax,
  'limits-openings-per-minute-per-user': openingsPerMinute,
  // Soon enough for a test, and late enough for a busy machine.
  ...{ 'session-heartbeat-ms': 4_000, 'session-stalled-ms': 4_000 },
  // The cases have to get through, a flood not.
  ...{ 'limits-requests-per-second-per-user': 100, 'limits-accounts-per-minute-per-address': 400 },
  'limits-logins-per-minute-per-address': 20,
};
const coverage = new ProtocolCoverage();
const stands = new Map<Transport, ProtocolStand>();
let folder: string;
let cluster: NodeCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-protocol-'));
  const flags = { ...settings, data: join(folder, 'data') };
  cluster = await NodeCluster.start({
    ...{ count: 3, folder },
    settings: Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
  });
  const fullId = await fullUser(cluster);
  for (const transport of transports) {
    stands.set(transport, await ProtocolStand.make(cluster, transport, fullId));
  }
}, 180_000);
afterAll(async () => {
  for (const stand of stands.values()) stand.close();
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
});

const node = (index: number): NodeCluster['nodes'][number] => {
  const found = cluster.nodes[index];
  if (found === undefined) throw new Error(`there is no node ${index}`);
  return found;
};
const standOf = (transport: Transport): ProtocolStand => {
  const stand = stands.get(transport);
  if (stand === undefined) throw new Error(`there is no stand for ${transport}`);
  return stand;
};
/** The kind alone; `good` for a result. */
const outcomeOf = (reply: Json): string => (errorText(reply).split(' ', 1)[0] ?? '').replace(/^no$/, 'good');

/** One who has said nothing of who it is. */
async function strangersLine(transport: Transport): Promise<Line> {
  if (transport === 'http') return httpLine(node(2), undefined);
  return socketLine(await WireClient.connect(node(0).wsUrl, subprotocolOf(transport)));
}

describe.each(transports)('the protocol, on three nodes, %s', (transport) => {
  it.each(protocolCases)('$call: $outcome $name', async ({ call, outcome, params, expected }) => {
    const stand = standOf(transport);
    const asked = (await params(stand)) as Json;
    const reply = await stand.reply(stand.ann, call, asked);
    expect(outcomeOf(reply), JSON.stringify(reply)).toBe(outcome);
    if (expected !== undefined) expect(reply['result']).toMatchObject(expected(stand, asked));
    coverage.note(call, outcome, transport);
  });

  it('any call: unauthenticated before it is known who asks', async () => {
    const line = await strangersLine(transport);
    for (const method of methods) {
      expect(outcomeOf(await line.reply(method, {})), method).toBe('unauthenticated');
    }
    line.close();
    coverage.note('any call', 'unauthenticated', transport);
  });

  it('any call: invalid_params where they have no names', async () => {
    const stand = standOf(transport);
    for (const method of methods) {
      expect(errorText(await stand.reply(stand.ann, method, [1])), method).toBe('invalid_params');
    }
    coverage.note('any call', 'invalid_params', transport);
  });

  it('any call: rate_limited, and when to come back', async () => {
    const flood = await Person.ownedBy(node(0), node(2), `flood-${transport}`);
    const line =
      transport === 'http' ? httpLine(node(2), flood.token) : socketLine(await flood.open(transport));
    for (const method of methods) {
      let refused: Json | undefined;
      for (let round = 0; refused === undefined && round < 50; round++) {
        const replies = await line.batch(method, 64);
        refused = replies.find((reply) => outcomeOf(reply) === 'rate_limited');
      }
      expect(refused, method).toMatchObject({
        error: { data: { retryable: true, retryAfterMs: expect.any(Number) as number } },
      });
    }
    line.close();
    coverage.note('any call', 'rate_limited', transport);
  });

  it('changes come to those who are connected, and to those who read the feed', async () => {
    // Receipts come a moment later.
    const kinds = await vi.waitFor(
      async () => {
        const found = new Set((await changesOf(standOf(transport))).map(({ kind }) => String(kind)));
        expect([...found].sort()).toEqual([...changeKinds].sort());
        return found;
      },
      { timeout: 15_000, interval: 100 },
    );
    for (const kind of kinds) coverage.note('change', kind, transport);
    if (transport !== 'http') coverage.note('push', 'change', transport);
  });
});

/** What ann and bob have been pushed, or what their feeds have of it. */
async function changesOf({ ann, bob, clients, transport }: ProtocolStand): Promise<readonly Json[]> {
  if (transport !== 'http') {
    const pushed = clients.flatMap(({ inbox }) => inbox as Json[]);
    return pushed.filter(({ method }) => method === 'change').map(({ params }) => params as Json);
  }
  const feeds = [ann, bob].map(async ({ token }) => {
    const headers = { authorization: `Bearer ${token}`, 'x-device-id': 'd1' };
    const answer = await fetch(`${node(2).httpUrl}/v1/changes?since=0&limit=1000`, { headers });
    return ((await answer.json()) as { changes: Json[] }).changes;
  });
  return (await Promise.all(feeds)).flat();
}

describeFrames({ coverage, node, standOf, outcomeOf });
describeHttpRoutes({ coverage, node, standOf, outcomeOf });

describe('with a node that has stopped', () => {
  const leaving: { client: WireClient; transport: Transport }[] = [];
  beforeAll(async () => {
    for (const transport of sockets) {
      const person = await Person.ownedBy(node(2), node(0), `last-${transport}`);
      leaving.push({ client: await person.open(transport), transport });
    }
  });

  it('any call: unavailable where it needs that node, within the deadline', async () => {
    const bobsNode = node(1).process;
    bobsNode.signal('SIGSTOP');
    try {
      await Promise.all(
        transports.map(async (transport) => {
          const stand = standOf(transport);
          const profile = { userId: stand.bob.userId };
          const message = { to: stand.bob.userId, text: 'anybody?', messageId: stand.id() };
          for (const [method, params] of [
            ['getProfile', profile],
            ['sendMessage', message],
          ] as const) {
            expect(outcomeOf(await stand.reply(stand.ann, method, params))).toBe('unavailable');
          }
          coverage.note('any call', 'unavailable', transport);
        }),
      );
    } finally {
      bobsNode.signal('SIGCONT');
    }
  }, 60_000);

  it('moved, then close code 4001: a node that stops gives its users away first', async () => {
    const stopped = node(2).process.stop();
    for (const { client, transport } of leaving) {
      const moved = await client.take((message) => (message as Json)['method'] === 'moved');
      expect(moved['params']).toMatchObject({ url: expect.any(String) as string });
      coverage.note('push', 'moved', transport);
      expect((await client.closed).code).toBe(4001);
      coverage.note('close code', '4001', transport);
    }
    await stopped;
  }, 60_000);

  it('close code 4000: a node that stops says so', async () => {
    const closed = sockets.map(async (transport) => {
      const client = await WireClient.connect(node(1).wsUrl, subprotocolOf(transport));
      return async (): Promise<void> => {
        expect((await client.closed).code).toBe(4000);
        coverage.note('close code', '4000', transport);
      };
    });
    const told = await Promise.all(closed);
    await node(1).process.stop();
    for (const isTold of told) await isTold();
  }, 60_000);
});

describe('docs/protocol-coverage.md', () => {
  it('every row of the protocol has its cases', () => {
    expect(coverage.missing()).toEqual([]);
  });

  it('is what this run has seen; `npm run coverage` renews it', async () => {
    const text = await format(coverage.markdown(), { parser: 'markdown' });
    await expect(text).toMatchFileSnapshot('../../docs/protocol-coverage.md');
  });
});
