import { describe, expect, it } from 'vitest';
import type { PeerReply } from '../../../src/peer/peer-request.ts';
import { ProtocolError, refusal } from '../../../src/protocol/protocol-error.ts';
import { PeerNode } from '../../support/peer-rig.ts';
import type { PeerNodeOptions } from '../../support/peer-rig.ts';
import { SimulatedNetwork } from '../../support/simulated-network.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

type Overrides = Partial<PeerNodeOptions>;

/** n1 linked to n2. */
async function pairOf({ dialer = {}, acceptor = {} }: { dialer?: Overrides; acceptor?: Overrides } = {}) {
  const time = new VirtualTime();
  const network = new SimulatedNetwork({ time });
  const n1 = new PeerNode({ nodeId: 'n1', network, time, ...dialer });
  const n2 = new PeerNode({ nodeId: 'n2', network, time, ...acceptor });
  const address = await n2.listen();
  n1.linkTo('n2', address);
  return { time, network, n1, n2, address };
}

const never = (): Promise<PeerReply> => new Promise(() => undefined);
const kindOf = (reply: PeerReply): string => (reply.kind === 'refused' ? reply.error : reply.kind);

describe('requests between peers', () => {
  it('are answered, with what came along', async () => {
    const { time, n1, n2 } = await pairOf();
    const reply = await time.drive(n1.ask('n2', { text: 'hi', at: 1_750_000_000_000 }));
    expect(reply).toEqual({ kind: 'ok', body: { text: 'hi', at: 1_750_000_000_000 } });
    expect(n2.requests).toMatchObject([{ to: 'u-bob', epoch: 7 }]);
  });

  it('carry the time that is left', async () => {
    const { time, n1, n2 } = await pairOf();
    const askedMs = time.monotonicMs();
    await time.drive(n1.ask('n2', 1, 5000));
    const deadline = n2.requests[0]?.deadline ?? 0;
    expect(deadline).toBeGreaterThan(askedMs + 4900);
    expect(deadline).toBeLessThanOrEqual(askedMs + 5002);
  });

  it.each<[string, () => Promise<PeerReply>, unknown]>([
    ['wrongOwner', async () => ({ kind: 'wrongOwner', epoch: 9 }), { kind: 'wrongOwner', epoch: 9 }],
    [
      'a refusal with details',
      async () => refusal('rate_limited', 'slow down', { retryAfterMs: 70 }),
      { kind: 'refused', error: 'rate_limited', message: 'slow down', details: { retryAfterMs: 70 } },
    ],
    [
      'a ProtocolError that is thrown',
      async () => {
        throw new ProtocolError('not_found', 'no such user', { path: 'to' });
      },
      { kind: 'refused', error: 'not_found', message: 'no such user', details: { path: 'to' } },
    ],
    [
      'any other error, as internal and without its text',
      async () => {
        throw new TypeError('secret plans');
      },
      { kind: 'refused', error: 'internal', message: 'the peer has failed' },
    ],
    [
      'a reply that cannot be packed, as internal',
      async () => ({ kind: 'ok', body: 2n ** 70n }),
      { kind: 'refused', error: 'internal', message: 'the peer has failed' },
    ],
  ])('get %s back', async (_name, handle, expected) => {
    const { time, n1 } = await pairOf({ acceptor: { handle } });
    expect(await time.drive(n1.ask('n2', 1))).toEqual(expected);
  });

  it('are handled in the order in which they were sent, and answered in any', async () => {
    const waits = [30, 10, 20];
    const { time, n1, n2 } = await pairOf({
      acceptor: {
        handle: ({ body }) =>
          new Promise((resolve) => {
            time.after(waits[Number(body)] ?? 0, () => resolve({ kind: 'ok', body }));
          }),
      },
    });
    const answered: unknown[] = [];
    const asked = [0, 1, 2].map(async (index) => {
      const reply = await n1.ask('n2', index);
      answered.push(reply.kind === 'ok' ? reply.body : reply);
    });
    await time.drive(Promise.all(asked));
    expect(n2.requests.map(({ body }) => body)).toEqual([0, 1, 2]);
    expect(answered).toEqual([1, 2, 0]);
  });

  it('go out in one write a tick', async () => {
    const { time, network, n1, n2 } = await pairOf();
    await time.drive(n1.ask('n2', 'first'));
    let writes = 0;
    const { dialer } = network.last;
    const write = dialer.write.bind(dialer);
    dialer.write = (bytes, written) => {
      writes += 1;
      write(bytes, written);
    };
    await time.drive(Promise.all(Array.from({ length: 100 }, (_, index) => n1.ask('n2', index))));
    expect(n2.requests).toHaveLength(101);
    expect(writes).toBe(1);
  });

  it('to a node that is not a peer are unavailable', async () => {
    const { n1 } = await pairOf();
    expect(kindOf(await n1.ask('n9', 1))).toBe('unavailable');
  });

  it('fail as unavailable at their deadline where no reply comes, and not before', async () => {
    const { time, n1 } = await pairOf({ acceptor: { handle: never } });
    const startMs = time.monotonicMs();
    expect(kindOf(await time.drive(n1.ask('n2', 1, 500)))).toBe('unavailable');
    expect(time.monotonicMs() - startMs).toBeCloseTo(500, 0);
    expect(kindOf(await n1.ask('n2', 1, 0))).toBe('unavailable');
  });

  it('that are too large for a frame, or whose reply is, are too_large', async () => {
    const { time, n1 } = await pairOf({
      dialer: { limits: { frameBytesMax: 1000 } },
      acceptor: { handle: async () => ({ kind: 'ok', body: 'x'.repeat(2000) }) },
    });
    expect(kindOf(await n1.ask('n2', 'x'.repeat(1000)))).toBe('too_large');
    expect(kindOf(await time.drive(n1.ask('n2', 'x')))).toBe('too_large');
    expect(n1.happenings).toEqual(['up n2 n2-1']);
  });

  it('that the peer alone finds too large are too_large, and the link lives on', async () => {
    const { time, n1 } = await pairOf({ acceptor: { limits: { frameBytesMax: 1000 } } });
    const asked = [n1.ask('n2', 'x'.repeat(5000)), n1.ask('n2', 'y')];
    expect((await time.drive(Promise.all(asked))).map(kindOf)).toEqual(['too_large', 'ok']);
  });
});

describe('notes', () => {
  it('arrive in order, without an answer', async () => {
    const { time, n1, n2 } = await pairOf();
    for (let index = 0; index < 5; index++) n1.links.note('n2', { to: 'u-bob', epoch: 7, body: index });
    await time.run(50);
    expect(n2.notes.map(({ body }) => body)).toEqual([0, 1, 2, 3, 4]);
    expect(n2.setup.tally.notesReceived).toBe(5);
  });

  it('that make the peer fail are told there, and neither its process nor the link ends', async () => {
    const { time, n1, n2 } = await pairOf();
    n2.note = () => {
      throw new Error('a bug');
    };
    n1.links.note('n2', { to: 'u-bob', epoch: 7, body: 'note' });
    expect(await time.drive(n1.ask('n2', 1))).toEqual({ kind: 'ok', body: 1 });
    expect(n2.failures).toEqual([new Error('a bug')]);
    expect(n1.happenings).toEqual(['up n2 n2-1']);
  });

  it('say when there is no room', async () => {
    const { n1 } = await pairOf({ dialer: { limits: { queueFramesMax: 2 } } });
    const outcomes = [1, 2, 3].map((body) => n1.links.note('n2', { to: 'u', epoch: 1, body }));
    expect(outcomes.map((outcome) => outcome?.error)).toEqual([undefined, undefined, 'overloaded']);
  });
});

describe('bounds (G10)', () => {
  it('a link keeps so many frames for a peer that is slow to connect', async () => {
    const { time, n1 } = await pairOf({ dialer: { limits: { queueFramesMax: 10 } } });
    const replies = await time.drive(Promise.all(Array.from({ length: 25 }, (_, i) => n1.ask('n2', i))));
    expect(replies.filter(({ kind }) => kind === 'ok')).toHaveLength(10);
    expect(replies.slice(10).every((reply) => kindOf(reply) === 'overloaded')).toBe(true);
    expect(n1.setup.tally.overloaded).toBe(15);
  });

  it('a link waits for so many replies', async () => {
    const { time, n1 } = await pairOf({ dialer: { limits: { pendingMax: 3 } }, acceptor: { handle: never } });
    const replies = await time.drive(Promise.all([1, 2, 3, 4].map((i) => n1.ask('n2', i, 1000))));
    expect(replies.map(kindOf)).toEqual(['unavailable', 'unavailable', 'unavailable', 'overloaded']);
  });

  it('a node handles so many requests at once, lets so many wait, and refuses the rest', async () => {
    let running = 0;
    let runningMost = 0;
    const { time, n1, n2 } = await pairOf({
      acceptor: {
        limits: { handlersMax: 2, handlersWaitingMax: 3 },
        handle: ({ body }) => {
          runningMost = Math.max(runningMost, ++running);
          return new Promise((resolve) => {
            time.after(10, () => {
              running -= 1;
              resolve({ kind: 'ok', body });
            });
          });
        },
      },
    });
    const replies = await time.drive(Promise.all([0, 1, 2, 3, 4, 5, 6].map((i) => n1.ask('n2', i))));
    expect(replies.map(kindOf)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'overloaded', 'overloaded']);
    expect(n2.requests.map(({ body }) => body)).toEqual([0, 1, 2, 3, 4]);
    expect(runningMost).toBe(2);
  });

  it('what has waited past its deadline for a handler is not handled any more', async () => {
    const { time, n1, n2 } = await pairOf({ acceptor: { limits: { handlersMax: 1 }, handle: never } });
    const asked = [n1.ask('n2', 'blocks', 100), n1.ask('n2', 'waits', 50)];
    expect((await time.drive(Promise.all(asked))).map(kindOf)).toEqual(['unavailable', 'unavailable']);
    expect(n2.requests).toHaveLength(1);
  });

  it('a peer that takes no bytes is given up, and asked again on a new connection', async () => {
    const { time, network, n1 } = await pairOf({ dialer: { limits: { patienceMs: 60_000 } } });
    await time.drive(n1.ask('n2', 1));
    network.last.isMute = true;
    const asked = n1.ask('n2', 2, 30_000);
    expect(kindOf(await time.drive(asked))).toBe('ok');
    expect(n1.happenings).toEqual(['up n2 n2-1', 'down n2 silent', 'up n2 n2-1']);
    expect(network.connections).toHaveLength(2);
  });

  it('a quiet link stays up by its heartbeats', async () => {
    const { time, n1, n2 } = await pairOf();
    await time.run(60_000);
    expect(n1.happenings).toEqual(['up n2 n2-1']);
    expect(n2.happenings).toEqual(['peer-reset n1-1']);
    expect(n1.setup.tally.bytesSent).toBeLessThan(70 * 20);
  });
});
