import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { GroupCallName, GroupParamsOf, GroupResultOf } from '../group/group-calls.ts';
import type { CallName, ParamsOf, ResultOf } from '../mailbox/mailbox-calls.ts';
import type { PeerLinks } from '../peer/peer-links.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Owner, OwnerFinder } from './owner-finder.ts';
import { packAsk } from './peer-ask.ts';
import type { PeerAsk } from './peer-ask.ts';
import type { RingPort } from './ring-port.ts';

export type OwnerLinks = Pick<PeerLinks, 'request' | 'note' | 'answering'>;

/** Params of a call, and whether it was a device of the user that asked. */
export interface Asked<Params> {
  readonly params: Params;
  readonly isCharged: boolean;
}

/** Calls of mailboxes and groups, made here or at the node that owns the entity: one try each. */
export class OwnerCalls {
  readonly finder: OwnerFinder;
  readonly #registry: EntityRegistry;
  readonly #links: OwnerLinks;
  readonly #ring: RingPort;

  constructor(finder: OwnerFinder, registry: EntityRegistry, links: OwnerLinks, ring: RingPort) {
    this.finder = finder;
    this.#registry = registry;
    this.#links = links;
    this.#ring = ring;
  }

  /** Rejects with ProtocolError: `moved` where the owner is another one, and nothing was changed. */
  call<Name extends CallName>(
    owner: Owner,
    userId: string,
    name: Name,
    asked: Asked<ParamsOf<Name>>,
    deadline: number,
  ): Promise<ResultOf<Name>> {
    if (owner.kind === 'here') return this.serve(userId, name, asked.params, deadline);
    const ask: PeerAsk = { kind: 'call', name, ...asked };
    return this.ask(owner, userId, ask, deadline) as Promise<ResultOf<Name>>;
  }

  /** On this node. */
  serve<Name extends CallName>(
    userId: string,
    name: Name,
    params: ParamsOf<Name>,
    deadline: number,
  ): Promise<ResultOf<Name>> {
    return this.#registry.mailbox(userId).call(name, params, deadline);
  }

  /** The same for a call on a group, of the user `from`. */
  callGroup<Name extends GroupCallName>(
    owner: Owner,
    groupId: string,
    name: Name,
    asked: Asked<GroupParamsOf<Name>> & { readonly from: string },
    deadline: number,
  ): Promise<GroupResultOf<Name>> {
    if (owner.kind === 'here') return this.serveGroup(groupId, name, asked, deadline);
    const ask: PeerAsk = { kind: 'groupCall', name, ...asked };
    return this.ask(owner, groupId, ask, deadline) as Promise<GroupResultOf<Name>>;
  }

  /** On this node. */
  serveGroup<Name extends GroupCallName>(
    groupId: string,
    name: Name,
    { from, params }: { readonly from: string; readonly params: GroupParamsOf<Name> },
    deadline: number,
  ): Promise<GroupResultOf<Name>> {
    return this.#registry.group(groupId).call(name, from, params, deadline);
  }

  /** At another node. @returns the body of its reply */
  async ask(
    { member, epoch }: Extract<Owner, { kind: 'there' }>,
    entityId: string,
    ask: PeerAsk,
    deadline: number,
  ): Promise<unknown> {
    const request = { to: entityId, epoch, deadline, body: packAsk(ask) };
    const reply = await this.#links.request(member.nodeId, request);
    if (reply.kind === 'ok') return reply.body;
    if (reply.kind === 'refused') throw new ProtocolError(reply.error, reply.message, reply.details);
    // Not of who is in the view, where a later start of it answers at the same address.
    this.#ring.heard(this.#links.answering(member.nodeId) ?? '', reply.epoch);
    throw new ProtocolError('moved', 'another node serves this user', { epoch: reply.epoch });
  }
}
