import type { EntityRegistry } from '../actor/entity-registry.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';
import type { Typing } from '../protocol/calls.ts';

export interface TypingDeskParts {
  readonly registry: EntityRegistry;
  readonly nodeOf: (userId: string) => string;
  readonly selfId: string;
  /** Other nodes that serve devices of a user of this one. */
  readonly listenersOf: (userId: string) => readonly string[];
  readonly sendToOwners: (nodeId: string, typing: Typing, userIds: readonly string[]) => void;
  readonly sendToDevices: (nodeId: string, userId: string, typing: Typing) => void;
  /** For devices on this node. */
  readonly typed: (userId: string, typing: Typing) => void;
  readonly time: Time;
  readonly alarm: (error: unknown, what: string) => void;
}

/** Mailboxes looked at at once for this; what comes then is lost, as it may be. */
const looksMax = 1_000;
const lookTimeoutMs = 2_000;

/** Tells who writes: from the typist's node to the owners of the others, one note a node, and on to their devices. */
export class TypingDesk {
  readonly #parts: TypingDeskParts;
  #looks = 0;

  constructor(parts: TypingDeskParts) {
    this.#parts = parts;
  }

  /** On the node of whoever types. */
  type(typing: Typing, userIds: readonly string[]): void {
    const { nodeOf, selfId, sendToOwners } = this.#parts;
    for (const [nodeId, some] of Map.groupBy(userIds, nodeOf)) {
      if (nodeId === selfId) this.toOwn(typing, some);
      else sendToOwners(nodeId, typing, some);
    }
  }

  /** To users of this node: those with a device somewhere who are in the conversation and have not blocked the typist. */
  toOwn(typing: Typing, userIds: readonly string[]): void {
    const { registry, nodeOf, selfId } = this.#parts;
    for (const userId of userIds) {
      if (!registry.isWatched(userId) || nodeOf(userId) !== selfId || this.#looks >= looksMax) continue;
      this.#looks++;
      this.#look(typing, userId)
        .catch((error: unknown) => {
          // Nobody waits for it, and it is worth nothing a moment later.
          if (!(error instanceof ProtocolError)) this.#parts.alarm(error, `typing to ${userId}`);
        })
        .finally(() => this.#looks--);
    }
  }

  async #look(typing: Typing, userId: string): Promise<void> {
    const { registry, typed, listenersOf, sendToDevices, time } = this.#parts;
    const others = [{ userId: typing.userId, conversationIds: [typing.conversationId] }];
    const deadline = time.monotonicMs() + lookTimeoutMs;
    const answer = await registry.mailbox(userId).query({ kind: 'meeting', others }, deadline);
    if (!('kind' in answer) || answer.kind !== 'meeting' || answer.may[0] !== true) return;
    typed(userId, typing);
    for (const nodeId of listenersOf(userId)) sendToDevices(nodeId, userId, typing);
  }
}
