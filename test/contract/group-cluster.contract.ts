import { expect, it } from 'vitest';
import type { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { errorText, messageId, type Json, type Subprotocol, WireClient } from '../support/wire-client.ts';

const testMaxMs = 240_000;

/** One user of the cluster: calls over HTTP at any node, and a feed that is read from its beginning. */
class HttpUser {
  readonly userId: string;
  readonly #cluster: NodeCluster;
  readonly #token: string;
  #calls = 0;

  private constructor(userId: string, cluster: NodeCluster, token: string) {
    this.userId = userId;
    this.#cluster = cluster;
    this.#token = token;
  }

  static async register(cluster: NodeCluster, userId: string): Promise<HttpUser> {
    const answer = await fetch(`${cluster.nodes[0]!.httpUrl}/v1/users`, {
      method: 'POST',
      body: JSON.stringify({ userId, name: userId.toUpperCase(), password: 'pw' }),
    });
    expect(answer.status).toBe(201);
    return new HttpUser(userId, cluster, ((await answer.json()) as { token: string }).token);
  }

  /** One call, each at the next node. */
  async reply(method: string, params: object): Promise<Json> {
    const node = this.#cluster.nodes[this.#calls++ % this.#cluster.nodes.length]!;
    const headers = { authorization: `Bearer ${this.#token}`, 'x-device-id': 'd1' };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const answer = await fetch(`${node.httpUrl}/v1/rpc`, { method: 'POST', headers, body });
    return (await answer.json()) as Json;
  }

  async call(method: string, params: object): Promise<Json> {
    const reply = await this.reply(method, params);
    if (reply['error'] !== undefined) throw new Error(`${method}: ${JSON.stringify(reply['error'])}`);
    return reply['result'] as Json;
  }

  /** Again and again while it is retryable, as a client does (G4). */
  async insist(method: string, params: object): Promise<Json> {
    for (;;) {
      const reply = await this.reply(method, params).catch(() => undefined);
      const error = reply?.['error'] as { data: { retryable: boolean } } | undefined;
      if (reply !== undefined && error === undefined) return reply['result'] as Json;
      if (error?.data.retryable === false) throw new Error(`${method}: ${JSON.stringify(error)}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
  }

  async errorOf(method: string, params: object): Promise<string> {
    return errorText(await this.reply(method, params));
  }

  async say(conversationId: string, text: string): Promise<Json> {
    return this.insist('sendMessage', { conversationId, text, messageId: messageId(this.userId, text) });
  }

  /** The whole feed, in pages of `limit`. */
  async changes(limit: number): Promise<Json[]> {
    const changes: Json[] = [];
    for (let since = '0'; ;) {
      const page = await this.insist('getChanges', { since, limit });
      changes.push(...(page['changes'] as Json[]));
      since = page['cursor'] as string;
      if (page['hasMore'] !== true) return changes;
    }
  }

  async entry(conversationId: string): Promise<Json | undefined> {
    const { conversations } = await this.insist('getConversations', { limit: 100 });
    return (conversations as Json[]).find((entry) => entry['conversationId'] === conversationId);
  }

  /** A session on the node that serves the user. */
  async open(subprotocol: Subprotocol = 'mailring.v1.json'): Promise<WireClient> {
    let url = this.#cluster.nodes[0]!.wsUrl;
    for (;;) {
      const client = await WireClient.connect(url, subprotocol);
      const reply = await client.call('session.open', { token: this.#token, deviceId: 'd2', since: '0' });
      if (reply['error'] === undefined) return client;
      client.close();
      expect(errorText(reply)).toBe('moved');
      url = (reply['error'] as { data: Json }).data['url'] as string;
    }
  }
}

function textOf(change: Json): string {
  if (change['kind'] === 'message') return (change['message'] as Json)['text'] as string;
  if (change['kind'] === 'read') return `read ${String(change['readSeq'])}`;
  return change['left'] === true ? 'left' : `=${String((change['conversation'] as Json)['name'])}`;
}

async function group(
  cluster: NodeCluster,
  prefix: string,
  count: number,
): Promise<{ users: HttpUser[]; groupId: string }> {
  const names = Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  const users = await Promise.all(names.map((userId) => HttpUser.register(cluster, userId)));
  const params = { name: prefix, members: names.slice(1), requestId: prefix };
  const made = await users[0]!.call('createGroup', params);
  expect(await users[0]!.call('createGroup', params)).toEqual(made);
  return { users, groupId: made['conversationId'] as string };
}

function writesAndReads(clusterOf: () => NodeCluster): void {
  it(
    'G1, G2, G3, G8, G9: a group among users of all nodes, over HTTP at any node and pushed',
    async () => {
      const { users, groupId } = await group(clusterOf(), 'trio', 6);
      const sessions = await Promise.all(users.map((user) => user.open()));
      const sent = await Promise.all(
        users.flatMap((user) => ['a', 'b', 'c'].map((text) => user.say(groupId, `${user.userId}-${text}`))),
      );
      const seqs = sent.map(({ seq }) => seq as number).sort((a, b) => a - b);
      expect(seqs).toEqual(Array.from({ length: 18 }, (_, index) => index + 1));
      const repeat = { conversationId: groupId, text: 'once', messageId: messageId('trio0', 'once') };
      const first = await users[0]!.call('sendMessage', repeat);
      expect(await users[0]!.call('sendMessage', repeat)).toEqual({ ...first, duplicate: true });
      expect(await users[0]!.errorOf('sendMessage', { ...repeat, text: 'other' })).toBe('conflict');

      for (const [index, user] of users.entries()) {
        await expect.poll(() => user.entry(groupId), { timeout: 15_000 }).toMatchObject({ lastSeq: 19 });
        const feed = await user.changes(4);
        expect(feed.filter(({ kind }) => kind === 'message')).toHaveLength(19);
        const pushed: Json[] = [];
        while (pushed.length < feed.length) pushed.push(await sessions[index]!.change());
        expect(pushed).toEqual(feed);
        const own = index === 0 ? 4 : 3;
        expect(await user.entry(groupId)).toMatchObject({ type: 'group', name: 'trio', unread: 19 - own });
        const marked = await user.call('markRead', { conversationId: groupId, seq: 99 });
        expect(marked).toEqual({ seq: 19, unread: 0 });
        const page = await user.call('getMessages', { conversationId: groupId, limit: 5, before: 10 });
        const shown = (page['messages'] as Json[]).map(({ seq }) => seq);
        expect([shown, page['hasMore']]).toEqual([[9, 8, 7, 6, 5], true]);
      }
      const roster = await users[5]!.call('getMembers', { conversationId: groupId, limit: 2 });
      expect(roster).toMatchObject({
        members: [
          { userId: 'trio0', name: 'TRIO0', role: 'owner', readSeq: 19 },
          { userId: 'trio1', role: 'member', readSeq: 19 },
        ],
        hasMore: true,
      });
      for (const session of sessions) session.close();
    },
    testMaxMs,
  );
}

function changesMessages(clusterOf: () => NodeCluster): void {
  it(
    'G1, G2, G7, G8: edits and deletions reach every member on every node, in lists, pages and pushes of both subprotocols',
    async () => {
      const { users, groupId } = await group(clusterOf(), 'edits', 5);
      const [author, other] = users as [HttpUser, HttpUser];
      const conversationId = groupId;
      const subprotocols = ['mailring.v1.json', 'mailring.v1.msgpack'] as const;
      const sessions = await Promise.all(users.map((user, index) => user.open(subprotocols[index % 2])));
      for (const text of ['a', 'b', 'c']) await author.say(groupId, text);
      const edit = { conversationId, seq: 3, text: 'C', messageId: messageId('edits0', 'edit') };
      const edited = await author.insist('editMessage', edit);
      expect(await author.insist('editMessage', edit)).toEqual(edited);
      expect(await author.errorOf('editMessage', { ...edit, text: 'D' })).toBe('conflict');
      const removal = { conversationId, seq: 1, messageId: messageId('edits0', 'removal') };
      const deleted = await author.insist('deleteMessage', removal);
      for (const [method, params] of [
        ['editMessage', { ...edit, messageId: messageId('edits1', 'x') }],
        ['deleteMessage', { conversationId, seq: 1, messageId: messageId('edits1', 'y') }],
      ] as const) {
        expect(await other.errorOf(method, params)).toBe('forbidden');
      }
      for (const [index, user] of users.entries()) {
        const page = await user.insist('getMessages', { conversationId });
        expect(page['messages']).toMatchObject([
          { seq: 3, text: 'C', editedAt: edited['editedAt'] },
          { seq: 2, text: 'b' },
          { seq: 1, text: '', deletedAt: deleted['deletedAt'] },
        ]);
        await expect.poll(() => user.entry(groupId), { timeout: 15_000 }).toMatchObject({ snippet: 'C' });
        // What is pushed shows a message as it was by then, what is read later as it is now.
        const shown = new Map<unknown, unknown>();
        for (let isDone = false; !isDone;) {
          const change = await sessions[index]!.change();
          if (!('message' in change)) continue;
          const { seq, text } = change['message'] as Json;
          shown.set(seq, text);
          isDone = shown.get(1) === '' && shown.get(3) === 'C';
        }
        expect([...shown].sort()).toEqual([
          [1, ''],
          [2, 'b'],
          [3, 'C'],
        ]);
      }
      for (const session of sessions) session.close();
    },
    testMaxMs,
  );
}

function tellsReceipts(clusterOf: () => NodeCluster): void {
  it(
    'G8: members of a small group are told how far each other has read, in pushes of both subprotocols',
    async () => {
      const { users, groupId } = await group(clusterOf(), 'marks', 3);
      const [author, reader, third] = users as [HttpUser, HttpUser, HttpUser];
      const sessions = [await author.open(), await third.open('mailring.v1.msgpack')];
      for (const text of ['a', 'b']) await author.say(groupId, text);
      const read = { conversationId: groupId, seq: 2 };
      expect(await reader.insist('markRead', read)).toEqual({ seq: 2, unread: 0 });
      for (const session of sessions) {
        let change = await session.change();
        while (change['kind'] !== 'receipt') change = await session.change();
        const told = { conversationId: groupId, userId: 'marks1', deliveredSeq: 2, readSeq: 2 };
        expect(change).toMatchObject(told);
        session.close();
      }
    },
    testMaxMs,
  );
}

function keepsBlocks(clusterOf: () => NodeCluster): void {
  it(
    'who has blocked the one who asks is brought into no group, and nobody else of that call is',
    async () => {
      const { users, groupId } = await group(clusterOf(), 'block', 2);
      const [owner] = users as [HttpUser, HttpUser];
      const others = ['block-x', 'block-y'];
      const [blocker] = await Promise.all(others.map((userId) => HttpUser.register(clusterOf(), userId)));
      await blocker!.call('blockUser', { userId: 'block0' });
      const add = { conversationId: groupId, members: ['block-y', 'block-x'] };
      expect(await owner.errorOf('addMembers', add)).toBe('forbidden');
      const create = { name: 'New', members: others, requestId: 'block-new' };
      expect(await owner.errorOf('createGroup', create)).toBe('forbidden');
      const roster = await owner.insist('getMembers', { conversationId: groupId });
      expect((roster['members'] as Json[]).map(({ userId }) => userId)).toEqual(['block0', 'block1']);
      expect(await blocker!.entry(groupId)).toBeUndefined();
      await blocker!.call('unblockUser', { userId: 'block0' });
      expect(await owner.insist('addMembers', add)).toEqual({ members: 4 });
    },
    testMaxMs,
  );
}

function comesAndGoes(clusterOf: () => NodeCluster): void {
  it(
    'a removed member loses access at once, hears `left`, and may come back; roles and names hold',
    async () => {
      const { users, groupId } = await group(clusterOf(), 'club', 4);
      const [owner, admin, member, outsider] = users as [HttpUser, HttpUser, HttpUser, HttpUser];
      const conversationId = groupId;
      await member.say(groupId, 'before');
      await outsider.call('leaveGroup', { conversationId });
      expect(await outsider.entry(groupId)).toBeUndefined();
      expect(await outsider.errorOf('leaveGroup', { conversationId })).toBe('not_found');
      expect(await member.errorOf('renameGroup', { conversationId, name: 'x' })).toBe('forbidden');
      await owner.call('setRole', { conversationId, userId: 'club1', role: 'admin' });
      await admin.call('renameGroup', { conversationId, name: 'New' });
      expect(await admin.call('removeMembers', { conversationId, members: ['club2'] })).toEqual({
        members: 2,
      });
      for (const [method, params] of [
        ['sendMessage', { text: 'x', messageId: messageId('club2', 'x') }],
        ['getMessages', {}],
        ['getMembers', {}],
        ['markRead', { seq: 1 }],
        ['leaveGroup', {}],
        ['addMembers', { members: [] }],
      ] as const) {
        expect([method, await member.errorOf(method, { conversationId, ...params })]).toEqual([
          method,
          'not_found',
        ]);
      }
      expect(await member.entry(groupId)).toBeUndefined();
      await owner.say(groupId, 'unseen');
      expect((await member.changes(50)).map(textOf).at(-1)).toBe('left');
      expect(await admin.errorOf('addMembers', { conversationId, members: ['nobody'] })).toBe('not_found');
      expect(await admin.call('addMembers', { conversationId, members: ['club2'] })).toEqual({ members: 3 });
      expect(await member.entry(groupId)).toMatchObject({ name: 'New', unread: 0, lastSeq: 2 });
      await owner.say(groupId, 'back');
      await expect
        .poll(async () => (await member.changes(3)).map(textOf).at(-1), { timeout: 15_000 })
        .toBe('back');
      expect(await member.entry(groupId)).toMatchObject({ unread: 1 });
      await owner.call('leaveGroup', { conversationId });
      expect(await admin.call('getMembers', { conversationId })).toMatchObject({
        members: [
          { userId: 'club1', role: 'owner' },
          { userId: 'club2', role: 'member' },
        ],
      });
    },
    testMaxMs,
  );
}

function survivesKills(clusterOf: () => NodeCluster): void {
  it(
    'G1 to G9 of groups: kill -9 of every node in turn, while members write; afterwards all agree',
    async () => {
      const cluster = clusterOf();
      const { users, groupId } = await group(cluster, 'crash', 6);
      let isOver = false;
      const seqs = new Map<string, number>();
      const writing = users.map(async (user) => {
        for (let number = 0; number < 200 && !(isOver && number >= 20); number++) {
          const text = `${user.userId}-${number}`;
          const { seq } = await user.say(groupId, text);
          seqs.set(text, seq as number);
        }
      });
      for (const node of cluster.nodes) {
        const before = seqs.size;
        await expect.poll(() => seqs.size, { timeout: testMaxMs }).toBeGreaterThan(before + 10);
        await node.process.kill('SIGKILL');
        await node.process.start();
      }
      isOver = true;
      await Promise.all(writing);
      const total = seqs.size;
      expect([...seqs.values()].sort((a, b) => a - b)).toEqual(
        Array.from({ length: total }, (_, i) => i + 1),
      );
      for (const user of users) {
        await expect.poll(() => user.entry(groupId), { timeout: 60_000 }).toMatchObject({ lastSeq: total });
        const told = (await user.changes(100)).filter(({ kind }) => kind === 'message');
        expect(told.map(textOf)).toEqual([...seqs].sort((a, b) => a[1] - b[1]).map(([text]) => text));
        const own = [...seqs.keys()].filter((text) => text.startsWith(`${user.userId}-`)).length;
        expect(await user.entry(groupId)).toMatchObject({ unread: total - own });
      }
    },
    testMaxMs,
  );
}

/** What groups promise, on a cluster of three nodes. */
function readsLarge(clusterOf: () => NodeCluster): void {
  it(
    'G1, G3, G8, G9: a group with more members than are told of messages: lists, feeds and pushes have them all',
    async () => {
      const { users, groupId } = await group(clusterOf(), 'crowd', largeMembers);
      const sessions = await Promise.all(users.slice(0, 4).map((user) => user.open()));
      await Promise.all(users.map((user) => user.say(groupId, `${user.userId}-a`)));
      for (const user of users) await user.say(groupId, `${user.userId}-b`);
      const last = 2 * largeMembers;
      const seqs = Array.from({ length: last }, (_, index) => index + 1);
      for (const user of users) {
        await expect
          .poll(() => user.entry(groupId), { timeout: 15_000 })
          .toMatchObject({
            ...{ lastSeq: last, unread: last - 2, lastFrom: users.at(-1)!.userId },
          });
        const feed = (await user.changes(7)).filter(({ kind }) => kind === 'message');
        expect(feed.map(({ message }) => (message as Json)['seq'])).toEqual(seqs);
      }
      for (const session of sessions) {
        const pushed: unknown[] = [];
        while (pushed.length < last) {
          const change = await session.change();
          if (change['kind'] === 'message') pushed.push((change['message'] as Json)['seq']);
        }
        expect(pushed).toEqual(seqs);
      }
      const marked = await users[1]!.call('markRead', { conversationId: groupId, seq: last - 4 });
      expect(marked).toEqual({ seq: last - 4, unread: 4 });
      await users[0]!.insist('removeMembers', { conversationId: groupId, members: ['crowd3'] });
      expect(await users[3]!.errorOf('getMessages', { conversationId: groupId })).toBe('not_found');
      await expect.poll(() => users[3]!.entry(groupId), { timeout: 15_000 }).toBeUndefined();
      for (const session of sessions) session.close();
    },
    testMaxMs,
  );
}

/** Of a group that is large by the settings of the clusters that this is run on. */
const largeMembers = 10;

export function itKeepsGroups(clusterOf: () => NodeCluster): void {
  writesAndReads(clusterOf);
  changesMessages(clusterOf);
  tellsReceipts(clusterOf);
  keepsBlocks(clusterOf);
  comesAndGoes(clusterOf);
  readsLarge(clusterOf);
  survivesKills(clusterOf);
}
