import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import type { RingRequest } from '../../src/admin/control-api.ts';
import { dmIdOf } from '../../src/protocol/conversation-id.ts';
import { Person } from '../support/protocol-stand.ts';
import { messageId } from '../support/wire-client.ts';
import type { Json, WireClient } from '../support/wire-client.ts';
import { MessengerStand } from './messenger-stand.ts';

export interface PresenceCluster {
  readonly cluster: NodeCluster;
  /** Resolves when the change of the ring is done. */
  readonly changed: (request: RingRequest) => Promise<void>;
}

const testMaxMs = 240_000;
/** After a node was killed: its lease has to run out, and who watches to ask again. */
const toldMaxMs = 60_000;
const typedAgainMs = 500;

/** Two who share a conversation, at two nodes; one of them watches the other. */
class Pair {
  readonly ann: Person;
  readonly bob: Person;
  readonly #stand: MessengerStand;

  private constructor(ann: Person, bob: Person, stand: MessengerStand) {
    [this.ann, this.bob, this.#stand] = [ann, bob, stand];
  }

  /** By the numbers of their nodes; the first node takes in all, and has to stay up. */
  static async at({ nodes }: NodeCluster, annAt: 1 | 2, bobAt: 1 | 2): Promise<Pair> {
    const [door] = nodes;
    if (door === undefined) throw new Error('there are no nodes');
    const owner = (index: number): typeof door => nodes[index] ?? door;
    const stand = new MessengerStand({ httpUrl: () => door.httpUrl }, 'mailring.v1.json');
    const ann = await Person.ownedBy(owner(annAt), door, 'watcher');
    return new Pair(ann, await Person.ownedBy(owner(bobAt), door, 'watched'), stand);
  }

  /** A session wherever the user is served by now. */
  async open({ token }: Person): Promise<WireClient> {
    let client: WireClient | undefined;
    const attempt = async (): Promise<boolean> => {
      client = await this.#stand.open(token, 'd1').catch(() => undefined);
      return client !== undefined;
    };
    await expect.poll(attempt, { timeout: toldMaxMs, interval: 200 }).toBe(true);
    if (client === undefined) throw new Error('no session');
    return client;
  }

  async meet(a: WireClient): Promise<void> {
    const { ann, bob } = this;
    const message = { to: bob.userId, text: 'hello', messageId: messageId(ann.userId, 'hello') };
    await a.result('sendMessage', message);
  }

  /** Whether bob is there, as ann is told when she asks. */
  async asked(a: WireClient): Promise<unknown> {
    const { presence } = await a.result('watchPresence', { userIds: [this.bob.userId] });
    return (presence as Json[])[0]?.['online'];
  }

  /** Until ann is pushed so. */
  async told(a: WireClient, online: boolean): Promise<void> {
    const isIt = (push: unknown): boolean => {
      const { method, params } = push as { method?: string; params?: Json };
      return method === 'presence' && params?.['userId'] === this.bob.userId && params['online'] === online;
    };
    await a.take(isIt, toldMaxMs);
  }

  /** Bob writes, and ann sees it. Nobody keeps who writes, and a word of it may be lost while users move: people go on writing. */
  async writes(b: WireClient, a: WireClient): Promise<void> {
    const conversationId = dmIdOf(this.ann.userId, this.bob.userId);
    const isIt = (push: unknown): boolean => {
      const { method, params } = push as { method?: string; params?: Json };
      // Where a device of his has gone, an end of that came before.
      return method === 'typing' && params?.['on'] === true;
    };
    const seen = a.take(isIt, toldMaxMs);
    const isSeen = seen.then(() => true);
    do await b.result('typing', { conversationId, on: true });
    while (!(await Promise.race([isSeen, sleep(typedAgainMs, false)])));
    expect((await seen)['params']).toEqual({ conversationId, userId: this.bob.userId, on: true });
  }

  close(): void {
    this.#stand.closeAll();
  }
}

/** Who is there, while the nodes of those who watch and are watched come and go. */
export function itKeepsPresence(start: () => PresenceCluster): void {
  itOutlivesNodes(start);
  itMovesAlong(start);
}

function itOutlivesNodes(start: () => PresenceCluster): void {
  it(
    'presence and typing go on after kill -9 of the node of who is watched',
    async () => {
      const { cluster } = start();
      const pair = await Pair.at(cluster, 2, 1);
      const [a, b] = [await pair.open(pair.ann), await pair.open(pair.bob)];
      await pair.meet(a);
      await expect.poll(() => pair.asked(a)).toBe(true);
      const { process } = cluster.nodes[1] ?? {};
      await process?.kill('SIGKILL');
      await b.closed;
      await process?.start();
      await pair.told(a, false);
      const back = await pair.open(pair.bob);
      await pair.told(a, true);
      await pair.writes(back, a);
      pair.close();
    },
    testMaxMs,
  );

  it(
    'presence and typing go on after kill -9 of the node of who watches, and nothing is left of the watch there was',
    async () => {
      const { cluster } = start();
      const pair = await Pair.at(cluster, 1, 2);
      const [a, b] = [await pair.open(pair.ann), await pair.open(pair.bob)];
      await pair.meet(a);
      await expect.poll(() => pair.asked(a)).toBe(true);
      const { process } = cluster.nodes[1] ?? {};
      await process?.kill('SIGKILL');
      await a.closed;
      await process?.start();
      const back = await pair.open(pair.ann);
      await expect.poll(() => pair.asked(back), { timeout: toldMaxMs }).toBe(true);
      await pair.writes(b, back);
      b.close();
      await pair.told(back, false);
      back.close();
      const left = async (): Promise<number> => {
        const numbers = cluster.nodes.map((node) => node.metric('mailring_presence_watched'));
        return (await Promise.all(numbers)).reduce((sum, number) => sum + number, 0);
      };
      await expect.poll(left, { timeout: toldMaxMs }).toBe(0);
      pair.close();
    },
    testMaxMs,
  );
}

function itMovesAlong(start: () => PresenceCluster): void {
  it(
    'presence and typing go on where who is watched moves to another node, and back',
    async () => {
      const { cluster, changed } = start();
      const pair = await Pair.at(cluster, 2, 1);
      const [a, b] = [await pair.open(pair.ann), await pair.open(pair.bob)];
      await pair.meet(a);
      await expect.poll(() => pair.asked(a)).toBe(true);
      let device = b;
      for (const kind of ['drain', 'join'] as const) {
        const moved = device.take((push) => (push as Json)['method'] === 'moved', toldMaxMs);
        await changed({ kind, nodeId: 'n2' });
        await moved;
        // As clients do: a session that stays open would be served on where its user comes back in time.
        const next = await pair.open(pair.bob);
        device.close();
        device = next;
        await pair.writes(device, a);
        await expect.poll(() => pair.asked(a), { timeout: toldMaxMs }).toBe(true);
      }
      device.close();
      await pair.told(a, false);
      pair.close();
    },
    testMaxMs,
  );
}
