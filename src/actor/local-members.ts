import type { MemberCard } from '../conversation/bulletin.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';
import type { EntityRegistry } from './entity-registry.ts';
import type { AskedCards, Circular } from './group-host.ts';

/** Of the time that the members may be told in: the rest is for the answer. */
const tellingShare = 0.9;

/** Those of a group's members whose mailboxes are on this node. */
export class LocalMembers {
  readonly #registry: EntityRegistry;
  readonly #time: Time;
  readonly #alarm: (error: unknown, what: string) => void;

  constructor(registry: EntityRegistry, time: Time, alarm: (error: unknown, what: string) => void) {
    this.#registry = registry;
    this.#time = time;
    this.#alarm = alarm;
  }

  /**
   * @returns those whose mailboxes may not have it durable; in time also where some don't say, as who asks would take it
   * that nobody has it
   */
  async tell({ bulletin, userIds, enrolments }: Circular, deadline: number): Promise<readonly string[]> {
    const failed = new Set(userIds);
    const telling = userIds.map(async (userId) => {
      const enrolment = enrolments.get(userId);
      const news = { kind: 'groupNews', bulletin, ...(enrolment && { enrolment }) } as const;
      try {
        await this.#registry.mailbox(userId).submit(news, deadline);
        failed.delete(userId);
      } catch (error) {
        if (!(error instanceof ProtocolError)) this.#alarm(error, `news of ${bulletin.groupId}`);
      }
    });
    await this.#untilAnswered(Promise.all(telling), deadline);
    return [...failed];
  }

  #untilAnswered(told: Promise<unknown>, deadline: number): Promise<void> {
    const waitMs = tellingShare * (deadline - this.#time.monotonicMs());
    return new Promise((resolve) => {
      const cancel = this.#time.after(waitMs, resolve);
      void told.then(() => {
        cancel();
        resolve();
      });
    });
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
