import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import type { NodeProcess } from '../../cluster/mailring/node-process.ts';
import { ReplayRun } from '../../scripts/replay/replay-run.ts';
import type { RingRequest } from '../../src/admin/control-api.ts';
import { RingApi } from '../../src/cli/ring/ring-api.ts';
import { describeMessenger } from './messenger.contract.ts';
import { itKeepsGroups } from './group-cluster.contract.ts';
import { itKeepsPresence } from './presence-cluster.contract.ts';
import { errorText, messageId, WireClient } from '../support/wire-client.ts';
import type { Json } from '../support/wire-client.ts';

/** What the suite runs on: nodes on a store, with `ring.leaseMs` 3000. */
export interface ContractCluster {
  readonly cluster: NodeCluster;
  readonly operatorToken: string;
  /** Sends SIGSTOP to a node, at a moment when the others can do without it. */
  suspend(node: NodeProcess): Promise<void>;
  /** Ends everything. */
  stop(): Promise<void>;
}

const startMaxMs = 180_000;
const testMaxMs = 240_000;
/** A removal window, as a node that was killed a moment ago may have been removed as well, and a silent node's time. */
const removedMaxMs = 60_000;
const changeMaxMs = 60_000;

/** What a cluster of three nodes promises, whatever it keeps its rows in. */
export function describeNodeCluster(name: string, start: () => Promise<ContractCluster>): void {
  describe(`three nodes on ${name}`, () => {
    let contract: ContractCluster;
    let cluster: NodeCluster;
    beforeAll(async () => {
      contract = await start();
      cluster = contract.cluster;
    }, startMaxMs);
    afterAll(() => contract.stop(), startMaxMs);

    const register = async (userId: string): Promise<string> => {
      const answer = await fetch(`${cluster.nodes[0]!.httpUrl}/v1/users`, {
        method: 'POST',
        body: JSON.stringify({ userId, name: userId, password: 'pw' }),
      });
      expect(answer.status).toBe(201);
      return ((await answer.json()) as { token: string }).token;
    };

    /** Opens a session where the user is served, after having been sent there by another node. */
    const open = async (token: string): Promise<{ client: WireClient; refusals: number }> => {
      let refusals = 0;
      let url = cluster.nodes[0]!.wsUrl;
      for (;;) {
        const client = await WireClient.connect(url);
        const reply = await client.call('session.open', { token, deviceId: 'd1' });
        if (reply['error'] === undefined) return { client, refusals };
        client.close();
        expect(errorText(reply)).toBe('moved');
        url = (reply['error'] as { data: Json }).data['url'] as string;
        expect(++refusals).toBeLessThan(5);
      }
    };

    describeMessenger('messenger', { httpUrl: () => cluster.nodes[0]?.httpUrl ?? '' });

    /** Plays a chat history while `disturb` does its worst, from the first answers on; then all promises are checked. */
    const replay = async (
      seed: number,
      messages: number,
      disturb: (untilAcked: (count: number) => Promise<void>) => Promise<void>,
    ): Promise<void> => {
      let acked = 0;
      const run = new ReplayRun({
        ...{ wsUrls: cluster.wsUrls, messages, users: 60, seed },
        ...{ duplicates: 0.1, reconnects: 0.02, concurrency: 16 },
        onProgress: () => undefined,
        onAcknowledged: (count) => {
          acked = count;
        },
      });
      const untilAcked = async (count: number): Promise<void> => {
        await expect.poll(() => acked, { timeout: testMaxMs }).toBeGreaterThanOrEqual(count);
      };
      const [report] = await Promise.all([run.run(), untilAcked(1).then(() => disturb(untilAcked))]);
      expect(run.violations.shown).toEqual([]);
      expect(report).toMatchObject({ acked: messages, violations: 0 });
    };

    const restart = async (...nodes: readonly NodeProcess[]): Promise<void> => {
      await Promise.all(nodes.map(({ process }) => process.kill('SIGKILL')));
      await Promise.all(nodes.map(({ process }) => process.start()));
    };

    it(
      'sends a device to the owner of its user, and takes HTTP calls for anybody at any node',
      async () => {
        const users = Array.from({ length: 12 }, (_, index) => `u${index}`);
        const tokens = new Map<string, string>();
        for (const userId of users) tokens.set(userId, await register(userId));
        const opened = await Promise.all(users.map((userId) => open(tokens.get(userId)!)));
        // With 12 users, nobody elsewhere would be a chance of 1 in 500,000.
        expect(opened.some(({ refusals }) => refusals > 0)).toBe(true);
        for (const { client } of opened) client.close();

        for (const node of cluster.nodes) {
          const text = `over ${node.id}`;
          const headers = { authorization: `Bearer ${tokens.get('u0')!}`, 'x-device-id': 'd1' };
          const rpc = async (method: string, params: object): Promise<unknown> => {
            const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
            const answer = await fetch(`${node.httpUrl}/v1/rpc`, { method: 'POST', headers, body });
            return ((await answer.json()) as { result: unknown }).result;
          };
          const sent = await rpc('sendMessage', { to: 'u1', text, messageId: messageId('u0', node.id) });
          expect(sent).toMatchObject({ conversationId: 'dm:u0:u1', duplicate: false });
          const read = async (): Promise<unknown> =>
            rpc('getMessages', { conversationId: 'dm:u0:u1', limit: 1 });
          await expect.poll(read, { timeout: 15_000 }).toMatchObject({ messages: [{ text }] });
        }
      },
      testMaxMs,
    );

    it(
      'G8: server-sent events of a user come from whichever node is asked',
      async () => {
        const tokens = [await register('eve'), await register('fay')];
        const { client: eve } = await open(tokens[0]!);
        for (const [index, node] of cluster.nodes.entries()) {
          const abort = new AbortController();
          const answer = await fetch(`${node.httpUrl}/v1/events`, {
            headers: { authorization: `Bearer ${tokens[1]!}`, 'x-device-id': 'd1' },
            signal: abort.signal,
          });
          expect(answer.status).toBe(200);
          const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
          const text = `event ${index}`;
          await eve.result('sendMessage', { to: 'fay', text, messageId: messageId('eve', `e${index}`) });
          let heard = '';
          while (!heard.includes(text)) {
            const { value, done } = await reader.read();
            if (done) break;
            heard += value;
          }
          expect(heard).toContain(text);
          abort.abort();
        }
        eve.close();
      },
      testMaxMs,
    );

    it(
      'G1 to G9 hold in a chat history among users of all nodes',
      () => replay(11, 1_500, () => Promise.resolve()),
      testMaxMs,
    );

    it(
      'G1 to G9: kill -9 of one node after the other, and of two at once, which come back',
      () =>
        replay(12, 3_000, async (untilAcked) => {
          const [n1, n2, n3] = cluster.nodes as [NodeProcess, NodeProcess, NodeProcess];
          for (const [index, victims] of [[n1], [n2], [n3], [n1, n2], [n2, n3]].entries()) {
            await untilAcked(100 + index * 500);
            await restart(...victims);
          }
        }),
      testMaxMs,
    );

    it(
      'G1 to G9: a node that is killed for good is removed, the others take over, and it comes back later',
      () =>
        replay(13, 2_000, async (untilAcked) => {
          const [n1, n2, n3] = cluster.nodes as [NodeProcess, NodeProcess, NodeProcess];
          await untilAcked(100);
          await n2.process.kill('SIGKILL');
          await cluster.untilAgreed([n1, n3], removedMaxMs);
          await n2.process.start();
          await cluster.untilAgreed(cluster.nodes, removedMaxMs);
        }),
      testMaxMs,
    );

    /** Asks any node for a change of the ring, and waits for its end. */
    const changed = async (request: RingRequest): Promise<void> => {
      const opsUrls = cluster.nodes.map(({ opsUrl }) => opsUrl);
      const { signal } = new AbortController();
      const api = new RingApi({ opsUrls, token: contract.operatorToken, signal });
      await expect.poll(async () => (await api.show()).pending, { timeout: changeMaxMs }).toBeUndefined();
      const { changeId } = await api.start(request, false);
      const finished = async (): Promise<unknown> => (await api.progress(changeId, undefined, 0))?.progress;
      await expect
        .poll(finished, { timeout: changeMaxMs })
        .toMatchObject({ phase: 'finished', outcome: { kind: 'done' } });
    };

    const total = async (metric: string): Promise<number> => {
      const values = await Promise.all(cluster.nodes.map((node) => node.metric(metric)));
      return values.reduce((sum, value) => sum + value, 0);
    };

    it(
      'G1 to G9: users move while they chat: a weight, a drain, and back; state goes ahead of them',
      () =>
        replay(15, 2_500, async (untilAcked) => {
          await untilAcked(300);
          const before = await total('mailring_mailbox_revivals_total');
          await changed({ kind: 'weight', nodeId: 'n2', weight: 30 });
          await changed({ kind: 'drain', nodeId: 'n3' });
          await untilAcked(900);
          await changed({ kind: 'join', nodeId: 'n3' });
          await changed({ kind: 'weight', nodeId: 'n2', weight: 100 });
          expect(await total('mailring_mailbox_revivals_total')).toBeGreaterThan(before);
          expect(await total('mailring_handoff_copies_spoilt_total')).toBe(0);
        }),
      testMaxMs,
    );

    it(
      'G1 to G9: a fourth node comes and goes in good order, then all others stop and start again in turn',
      () =>
        replay(16, 3_000, async (untilAcked) => {
          await untilAcked(200);
          const fourth = await cluster.spare();
          await fourth.process.start();
          await cluster.untilAgreed([...cluster.nodes, fourth], removedMaxMs);
          expect(await fourth.metric('mailring_mailbox_revivals_total')).toBeGreaterThan(0);
          await untilAcked(600);
          await fourth.process.stop();
          await cluster.untilAgreed(cluster.nodes, removedMaxMs);
          for (const { process } of cluster.nodes) {
            await process.stop();
            await process.start();
          }
          await cluster.untilAgreed(cluster.nodes, removedMaxMs);
        }),
      testMaxMs,
    );

    it(
      'G6, G7: a node that is suspended, removed meanwhile and resumed, neither loses nor forks anything',
      () =>
        replay(14, 2_000, async (untilAcked) => {
          const [n1, n2, n3] = cluster.nodes as [NodeProcess, NodeProcess, NodeProcess];
          await untilAcked(100);
          await contract.suspend(n3);
          await cluster.untilAgreed([n1, n2], removedMaxMs);
          n3.process.signal('SIGCONT');
          await cluster.untilAgreed(cluster.nodes, removedMaxMs);
        }),
      testMaxMs,
    );

    itKeepsGroups(() => cluster);
    itKeepsPresence(() => ({ cluster, changed }));
  });
}
