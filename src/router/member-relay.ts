import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { AskedCards, Circular, MemberPort } from '../actor/group-host.ts';
import { LocalMembers } from '../actor/local-members.ts';
import type { GroupPort } from '../actor/mailbox-host.ts';
import type { MemberCard, MemberNews } from '../conversation/bulletin.ts';
import type { ToldMarks } from '../group/group-input.ts';
import { packCard, packMemberNews, unpackCard, unpackMemberNews } from '../peer/group-codec.ts';
import { Items, textOf } from '../peer/packed-items.ts';
import type { Message } from '../protocol/message.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { OwnerCalls } from './owner-calls.ts';
import { isMoved, type Owner } from './owner-finder.ts';
import type { PeerAsk } from './peer-ask.ts';

/** What groups and mailboxes of other nodes ask of this one; answered without waiting for a third node. */
export type GroupAsk = Extract<
  PeerAsk,
  { kind: 'tell' | 'cards' | 'memberNews' | 'groupRange' | 'groupMarks' }
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
    alarm: (error: unknown, what: string) => void,
  ) {
    this.#calls = calls;
    this.#registry = registry;
    this.#selfId = selfId;
    this.#local = new LocalMembers(registry, alarm);
  }

  nodeOf(userId: string): string {
    return this.#calls.finder.view.ownerOf(userId).nodeId;
  }

  async tell(nodeId: string, circular: Circular, deadline: number): Promise<readonly string[]> {
    if (nodeId === this.#selfId) return this.#local.tell(circular, deadline);
    const { view } = this.#calls.finder;
    const member = view.member(nodeId);
    if (member === undefined) return circular.userIds;
    const owner = { kind: 'there', member, epoch: view.epoch } as const;
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
    const found = new Map<string, MemberCard | undefined>();
    for (let tries = 1; ; tries++) {
      const left = userIds.filter((userId) => !found.has(userId));
      const asked = await Promise.allSettled(
        [...this.#byNode(left)].map(([nodeId, some]) =>
          this.#cardsAt(nodeId, groupId, { userIds: some, about }, deadline),
        ),
      );
      for (const outcome of asked) {
        if (outcome.status === 'fulfilled')
          outcome.value.forEach(([userId, card]) => found.set(userId, card));
        else if (!isMoved(outcome.reason)) throw outcome.reason;
      }
      if (userIds.every((userId) => found.has(userId))) return userIds.map((userId) => found.get(userId));
      await this.#calls.finder.pause(tries, deadline);
    }
  }

  news(groupId: string, userId: string, known: number, deadline: number): Promise<MemberNews> {
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

  /** @returns the body of the reply */
  async serve(ask: GroupAsk, to: string, deadline: number): Promise<unknown> {
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
  ): Promise<readonly (readonly [string, MemberCard | undefined])[]> {
    const cards = await this.#askCards(nodeId, groupId, asked, deadline);
    return asked.userIds.map((userId, index) => [userId, cards[index]] as const);
  }

  async #askCards(
    nodeId: string,
    groupId: string,
    asked: AskedCards,
    deadline: number,
  ): Promise<readonly (MemberCard | undefined)[]> {
    if (nodeId === this.#selfId) return this.#local.cards(groupId, asked, deadline);
    const { view } = this.#calls.finder;
    const member = view.member(nodeId);
    if (member === undefined) throw new ProtocolError('moved', 'that node has left');
    const owner = { kind: 'there', member, epoch: view.epoch } as const;
    const body = await this.#calls.ask(owner, groupId, { kind: 'cards', ...asked }, deadline);
    return new Items([body]).list(unpackCard);
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
