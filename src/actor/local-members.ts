import type { MemberCard } from '../conversation/bulletin.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { EntityRegistry } from './entity-registry.ts';
import type { AskedCards, Circular } from './group-host.ts';

/** Those of a group's members whose mailboxes are on this node. */
export class LocalMembers {
  readonly #registry: EntityRegistry;
  readonly #alarm: (error: unknown, what: string) => void;

  constructor(registry: EntityRegistry, alarm: (error: unknown, what: string) => void) {
    this.#registry = registry;
    this.#alarm = alarm;
  }

  /** @returns those whose mailboxes may not have it durable */
  async tell({ bulletin, userIds, enrolments }: Circular, deadline: number): Promise<readonly string[]> {
    const failed: string[] = [];
    const telling = userIds.map(async (userId) => {
      const enrolment = enrolments.get(userId);
      const news = { kind: 'groupNews', bulletin, ...(enrolment && { enrolment }) } as const;
      try {
        await this.#registry.mailbox(userId).submit(news, deadline);
      } catch (error) {
        failed.push(userId);
        if (!(error instanceof ProtocolError)) this.#alarm(error, `news of ${bulletin.groupId}`);
      }
    });
    await Promise.all(telling);
    return failed;
  }

  /** In the order asked; undefined: no such user. Rejects with ProtocolError, `moved` where one is not of this node. */
  cards(
    groupId: string,
    { userIds, about }: AskedCards,
    deadline: number,
  ): Promise<readonly (MemberCard | undefined)[]> {
    return Promise.all(
      userIds.map(async (userId) => {
        const answer = await this.#registry.mailbox(userId).query({ kind: 'card', groupId, about }, deadline);
        if (!('kind' in answer) || answer.kind !== 'card')
          throw new ProtocolError('internal', 'internal error');
        // Whoever asks for many that don't exist must not fill the memory with them.
        if (answer.card === undefined) this.#registry.discard(userId);
        return answer.card;
      }),
    );
  }
}
