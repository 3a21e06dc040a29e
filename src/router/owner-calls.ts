import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { PeerLinks } from '../peer/peer-links.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Owner, OwnerFinder } from './owner-finder.ts';
import { LocalMailbox } from './local-mailbox.ts';
import type { MailboxPort } from './mailbox-port.ts';
import { packAsk } from './peer-ask.ts';
import type { PeerAsk, PeerMethod } from './peer-ask.ts';
import type { RingPort } from './ring-port.ts';

export type OwnerLinks = Pick<PeerLinks, 'request' | 'note'>;

/** What each call takes and answers. */
interface Shapes {
  createAccount: [params: Parameters<MailboxPort['createAccount']>[0], answer: null];
  account: [params: null, answer: Awaited<ReturnType<MailboxPort['account']>> | null];
  sendMessage: Shape<'sendMessage'>;
  getMessages: Shape<'getMessages'>;
  getConversations: Shape<'getConversations'>;
  getChanges: Shape<'getChanges'>;
  markRead: Shape<'markRead'>;
}
type Shape<M extends Exclude<PeerMethod, 'account'>> = [
  params: Parameters<MailboxPort[M]>[0],
  answer: Awaited<ReturnType<MailboxPort[M]>>,
];
export type ParamsOf<M extends PeerMethod> = Shapes[M][0];
export type AnswerOf<M extends PeerMethod> = Shapes[M][1];

type Served = {
  readonly [M in PeerMethod]: (
    mailbox: LocalMailbox,
    params: ParamsOf<M>,
    deadline: number,
  ) => Promise<AnswerOf<M>>;
};

const served: Served = {
  createAccount: async (mailbox, params, deadline) => {
    await mailbox.createAccount(params, deadline);
    return null;
  },
  account: async (mailbox, _params, deadline) => (await mailbox.account(deadline)) ?? null,
  sendMessage: (mailbox, params, deadline) => mailbox.sendMessage(params, deadline),
  getMessages: (mailbox, params, deadline) => mailbox.getMessages(params, deadline),
  getConversations: (mailbox, params, deadline) => mailbox.getConversations(params, deadline),
  getChanges: (mailbox, params, deadline) => mailbox.getChanges(params, deadline),
  markRead: (mailbox, params, deadline) => mailbox.markRead(params, deadline),
};

/** Calls of mailboxes, made here or at the node that owns the user: one try each. */
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
  call<M extends PeerMethod>(
    owner: Owner,
    userId: string,
    method: M,
    params: ParamsOf<M>,
    deadline: number,
  ): Promise<AnswerOf<M>> {
    if (owner.kind === 'here') return this.serve(userId, method, params, deadline);
    const ask: PeerAsk = { kind: 'call', method, params };
    return this.ask(owner, userId, ask, deadline) as Promise<AnswerOf<M>>;
  }

  /** On this node. */
  serve<M extends PeerMethod>(
    userId: string,
    method: M,
    params: ParamsOf<M>,
    deadline: number,
  ): Promise<AnswerOf<M>> {
    return served[method](new LocalMailbox(userId, this.#registry), params, deadline);
  }

  /** At another node. @returns the body of its reply */
  async ask(
    { member, epoch }: Extract<Owner, { kind: 'there' }>,
    userId: string,
    ask: PeerAsk,
    deadline: number,
  ): Promise<unknown> {
    const request = { to: userId, epoch, deadline, body: packAsk(ask) };
    const reply = await this.#links.request(member.nodeId, request);
    if (reply.kind === 'ok') return reply.body;
    if (reply.kind === 'refused') throw new ProtocolError(reply.error, reply.message, reply.details);
    this.#ring.heard(member.incarnation, reply.epoch);
    throw new ProtocolError('moved', 'another node serves this user', { epoch: reply.epoch });
  }
}
