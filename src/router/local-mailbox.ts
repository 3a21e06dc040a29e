import type { ChangeListener } from '../actor/change-batch.ts';
import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { CallName, ParamsOf, ResultOf } from '../mailbox/mailbox-calls.ts';
import type { MailboxPort } from './mailbox-port.ts';

/**
 * A mailbox on this node. Looks it up at every call: between two calls it may leave memory. Besides the errors of
 * the port a call rejects with `moved`, and has changed nothing, where this node turns out not to own the user.
 */
export class LocalMailbox implements MailboxPort {
  readonly userId: string;
  readonly #registry: EntityRegistry;

  constructor(userId: string, registry: EntityRegistry) {
    this.userId = userId;
    this.#registry = registry;
  }

  call<Name extends CallName>(name: Name, params: ParamsOf<Name>, deadline: number): Promise<ResultOf<Name>> {
    return this.#registry.mailbox(this.userId).call(name, params, deadline);
  }

  subscribe(listener: ChangeListener): () => void {
    return this.#registry.subscribe(this.userId, listener);
  }
}
