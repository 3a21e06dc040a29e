import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { Announcement, AskedCards, Circular, MemberPort } from '../actor/group-host.ts';
import { LocalMembers } from '../actor/local-members.ts';
import type { GroupPort } from '../actor/mailbox-host.ts';
import type { Bulletin, MemberCard, MemberNews, Told } from '../conversation/bulletin.ts';
import type { ToldMarks } from '../group/group-input.ts';
import {
  packBulletin,
  packCard,
  packMemberNews,
  unpackBulletin,
  unpackCard,
  unpackMemberNews,
} from '../peer/group-codec.ts';
import { Items, textOf } from '../peer/packed-items.ts';
import type { Message } from '../protocol/message.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';
import type { OwnerCalls } from './owner-calls.ts';
import { isMoved, type Owner } from './owner-finder.ts';
import type { PeerAsk } from './peer-ask.ts';

/** What groups and mailboxes of other nodes ask of this one; answered without waiting for a third node. */
export type GroupAsk = Extract<
  PeerAsk,
  {
    kind:
      'tell' | 'cards' | 'memberNews' | 'newsOfAll' | 'subscribe' | 'announce' | 'groupRange' | 'groupMarks';
  }
>;

/** Groups and the mailboxes of their members reach each other, wherever the ring has put them. */
export class MemberRelay implements MemberPort, GroupPort {
  readonly #calls: OwnerCalls;
  readonly #registry: EntityRegistry;
  readonly #selfId: string;
  readonly #local: LocalMembers;

  constructor(
    calls: OwnerCalls,
    registry: EntityRegistry,
    selfId: string,
    time: Time,
    alarm: (error: unknown, what: string) => void,
  ) {
    this.#calls = calls;
    this.#registry = registry;
    this.#selfId = selfId;
    this.#local = new LocalMembers(registry, time, alarm);
  }

  nodeOf(userId: string): string {
    return this.#calls.finder.view.ownerOf(userId).nodeId;
  }

  async tell(nodeId: string, circular: Circular, deadline: number): Promise<readonly string[]> {
    if (nodeId === this.#selfId) return this.#local.tell(circular, deadline);
    const owner = this.#node(nodeId);
    if (owner === undefined) return circular.userIds;
    const body = await this.#calls.ask(
      owner,
      circular.bulletin.groupId,
      { kind: 'tell', circular },
      deadline,
    );
    return new Items([body]).list(textOf);
  }

  async cards(
    groupId: string,
    { userIds, about }: AskedCards,
    deadline: number,
  ): Promise<readonly (MemberCard | undefined)[]> {
    const askAt = (nodeId: string, some: readonly string[]): Promise<readonly (MemberCard | undefined)[]> =>
      this.#cardsAt(nodeId, groupId, { userIds: some, about }, deadline);
    const found = await this.#ofAll(userIds, askAt, deadline);
    return userIds.map((userId) => found.get(userId));
  }

  async newsOfAll(
    userId: string,
    known: ReadonlyMap<string, Told>,
    deadline: number,
  ): Promise<readonly MemberNews[]> {
    const askAt = (nodeId: string, some: readonly string[]): Promise<readonly (MemberNews | undefined)[]> => {
      const wanted = some.map((groupId) => [groupId, known.get(groupId) ?? { seq: 0, op: 0 }] as const);
      return this.#newsAt(nodeId, userId, new Map(wanted), deadline);
    };
    const found = await this.#ofAll([...known.keys()], askAt, deadline);
    return [...found.values()].filter((news) => news !== undefined);
  }

  subscribe(groupId: string, deadline: number): Promise<Bulletin> {
    return this.#atGroup(groupId, { kind: 'subscribe' }, deadline, {
      here: () => this.#registry.group(groupId).subscribe(this.#selfId, deadline),
      unpack: unpackBulletin,
    });
  }

  async announce(nodeId: string, announcement: Announcement, deadline: number): Promise<boolean> {
    const { bulletin, except } = announcement;
    if (nodeId === this.#selfId) return this.#registry.followers.announce(bulletin, except);
    const owner = this.#node(nodeId);
    if (owner === undefined) return false;
    const ask = { kind: 'announce', announcement } as const;
    return (await this.#calls.ask(owner, bulletin.groupId, ask, deadline)) === true;
  }

  news(groupId: string, userId: string, known: Told, deadline: number): Promise<MemberNews> {
    return this.#atGroup(groupId, { kind: 'memberNews', userId, known }, deadline, {
      here: () => this.#registry.group(groupId).news(userId, known, deadline),
      unpack: unpackMemberNews,
    });
  }

  mark(groupId: string, userId: string, marks: ToldMarks, deadline: number): Promise<void> {
    return this.#atGroup(groupId, { kind: 'groupMarks', userId, marks }, deadline, {
      here: () => this.#registry.group(groupId).mark(userId, marks, deadline),
      unpack: () => undefined,
    });
  }

  range(
    groupId: string,
    userId: string,
    bounds: { readonly above: number; readonly upTo: number },
    deadline: number,
  ): Promise<readonly Message[]> {
    return this.#atGroup(groupId, { kind: 'groupRange', userId, ...bounds }, deadline, {
      here: () => this.#registry.group(groupId).range(userId, bounds, deadline),
      // Of the same cluster, and passed on to clients as they are.
      unpack: (body) => new Items([body]).list((item) => item as Message),
    });
  }

  /** @param from the node that asks @returns the body of the reply */
  async serve(ask: GroupAsk, to: string, from: string, deadline: number): Promise<unknown> {
    switch (ask.kind) {
      case 'tell':
        return this.#local.tell(ask.circular, deadline);
      case 'cards':
        return (await this.#local.cards(to, ask, deadline)).map(packCard);
      case 'memberNews':
        return packMemberNews(await this.#registry.group(to).news(ask.userId, ask.known, deadline));
      case 'groupMarks':
        await this.#registry.group(to).mark(ask.userId, ask.marks, deadline);
        return null;
      case 'newsOfAll':
        return (await this.#newsHere(to, ask.known, deadline)).map((news) => news && packMemberNews(news));
      case 'subscribe':
        return packBulletin(await this.#registry.group(to).subscribe(from, deadline));
      case 'announce':
        return this.#registry.followers.announce(ask.announcement.bulletin, ask.announcement.except);
      case 'groupRange': {
        const { userId, above, upTo } = ask;
        return this.#registry.group(to).range(userId, { above, upTo }, deadline);
      }
    }
  }

  #byNode(userIds: readonly string[]): Map<string, string[]> {
    const byNode = new Map<string, string[]>();
    for (const userId of userIds) {
      const nodeId = this.nodeOf(userId);
      const known = byNode.get(nodeId);
      if (known === undefined) byNode.set(nodeId, [userId]);
      else known.push(userId);
    }
    return byNode;
  }

  async #cardsAt(
    nodeId: string,
    groupId: string,
    asked: AskedCards,
    deadline: number,
  ): Promise<readonly (MemberCard | undefined)[]> {
    if (nodeId === this.#selfId) return this.#local.cards(groupId, asked, deadline);
    const body = await this.#calls.ask(this.#present(nodeId), groupId, { kind: 'cards', ...asked }, deadline);
    return new Items([body]).list(unpackCard);
  }

  async #newsAt(
    nodeId: string,
    userId: string,
    known: ReadonlyMap<string, Told>,
    deadline: number,
  ): Promise<readonly (MemberNews | undefined)[]> {
    if (nodeId === this.#selfId) return this.#newsHere(userId, known, deadline);
    const body = await this.#calls.ask(this.#present(nodeId), userId, { kind: 'newsOfAll', known }, deadline);
    const orNothing = (item: unknown): MemberNews | undefined =>
      item === null || item === undefined ? undefined : unpackMemberNews(item);
    return new Items([body]).list(orNothing);
  }

  /** In the order asked; undefined: the user is no member. */
  #newsHere(
    userId: string,
    known: ReadonlyMap<string, Told>,
    deadline: number,
  ): Promise<readonly (MemberNews | undefined)[]> {
    return Promise.all(
      [...known].map(async ([groupId, told]) => {
        try {
          return await this.#registry.group(groupId).news(userId, told, deadline);
        } catch (error) {
          if (error instanceof ProtocolError && error.kind === 'not_found') return undefined;
          throw error;
        }
      }),
    );
  }

  /** Asks the owners of these, again where some of them have moved meanwhile. */
  async #ofAll<Found>(
    ids: readonly string[],
    askAt: (nodeId: string, some: readonly string[]) => Promise<readonly Found[]>,
    deadline: number,
  ): Promise<ReadonlyMap<string, Found>> {
    const found = new Map<string, Found>();
    const { finder } = this.#calls;
    for (let tries = 1; ; tries++) {
      const { view } = finder;
      const left = ids.filter((id) => !found.has(id));
      const byNode = [...this.#byNode(left)];
      const asked = await Promise.allSettled(byNode.map(([nodeId, some]) => askAt(nodeId, some)));
      asked.forEach((outcome, index) => {
        const [, some = []] = byNode[index] ?? [];
        if (outcome.status === 'fulfilled') {
          some.forEach((id, at) => found.set(id, outcome.value[at] as Found));
        } else if (!isMoved(outcome.reason)) throw outcome.reason;
      });
      if (ids.every((id) => found.has(id))) return found;
      await finder.pause(tries, deadline, view);
    }
  }

  /** undefined: it has left. */
  #node(nodeId: string): Extract<Owner, { kind: 'there' }> | undefined {
    const { view } = this.#calls.finder;
    const member = view.member(nodeId);
    return member && { kind: 'there', member, epoch: view.epoch };
  }

  #present(nodeId: string): Extract<Owner, { kind: 'there' }> {
    const node = this.#node(nodeId);
    if (node === undefined) throw new ProtocolError('moved', 'that node has left');
    return node;
  }

  #atGroup<Answer>(
    groupId: string,
    ask: GroupAsk,
    deadline: number,
    { here, unpack }: { here: () => Promise<Answer>; unpack: (body: unknown) => Answer },
  ): Promise<Answer> {
    return this.#calls.finder.ask(groupId, deadline, async (owner: Owner) => {
      if (owner.kind === 'here') return here();
      return unpack(await this.#calls.ask(owner, groupId, ask, deadline));
    });
  }
}
