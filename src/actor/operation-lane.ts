import type { OperateReply, Operated } from '../mailbox/envelope.ts';
import type { Operable } from '../mailbox/query-operable.ts';
import type { CopiedOperation, OutgoingOperation } from '../conversation/operation.ts';
import { ProtocolError, type Refusal } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';
import { BatchLane, latestDeadline, type Waiting } from './batch-lane.ts';

/** What a lane of operations needs of its mailbox. */
export interface OperationHost {
  /** May the user change these messages, by the durable state? */
  operable(conversationId: string, seqs: readonly number[], deadline: number): Promise<Operable>;
  /** Brings own messages here that the recipient has. Rejects with ProtocolError. */
  fetch(conversationId: string, peer: string, deadline: number): Promise<void>;
  operate(
    conversationId: string,
    peer: string,
    operations: readonly OutgoingOperation[],
    deadline: number,
  ): Promise<OperateReply>;
  /** Room in the inbox for the copies that follow; false where there is none. */
  reserveCopy(): boolean;
  releaseCopy(): void;
  /** Puts changes into the next commit; uses the reserved room. Never rejects. */
  copyOperations(
    conversationId: string,
    peer: string,
    previousOp: number,
    operations: readonly CopiedOperation[],
  ): void;
  /** The recipient had done this before; the own row may lack it. */
  catchUpOperations(conversationId: string, peer: string): void;
  operationsAreIdle(conversationId: string): void;
}

type WaitingOperation = Waiting<OutgoingOperation, number>;

const roomless = new ProtocolError('overloaded', 'too much waits for this user', { retryAfterMs: 200 });

/**
 * Edits and deletions of one user's own messages in one conversation, in the order they were made. The own copy of
 * a message is here before a change of it goes out, so changes never come to the own row before what they change.
 */
export class OperationLane {
  readonly #conversationId: string;
  readonly #peer: string;
  readonly #host: OperationHost;
  readonly #lane: BatchLane<OutgoingOperation, number>;

  constructor(
    conversationId: string,
    peer: string,
    host: OperationHost,
    time: Time,
    limits: { readonly waitingMax: number; readonly envelopeMax: number },
  ) {
    this.#conversationId = conversationId;
    this.#peer = peer;
    this.#host = host;
    this.#lane = new BatchLane({
      ...{ time, waitingMax: limits.waitingMax, batchMax: limits.envelopeMax },
      work: (batch) => this.#work(batch),
      idle: () => {
        host.operationsAreIdle(conversationId);
      },
    });
  }

  /** Resolves with when the message was changed, epoch ms. Rejects with ProtocolError. */
  operate(operation: OutgoingOperation, deadline: number): Promise<number> {
    return this.#lane.add(operation, deadline);
  }

  async #work(batch: readonly WaitingOperation[]): Promise<void> {
    const deadline = latestDeadline(batch);
    const own = await this.#ownOf(batch, deadline);
    if (own.length === 0) return;
    if (!this.#host.reserveCopy()) throw roomless;
    let reply: OperateReply;
    try {
      const operations = own.map(({ item }) => item);
      reply = await this.#host.operate(this.#conversationId, this.#peer, operations, deadline);
    } catch (error) {
      this.#host.releaseCopy();
      throw error;
    }
    this.#settle(own, reply);
  }

  /** Those that the user may make; the others are refused. */
  async #ownOf(batch: readonly WaitingOperation[], deadline: number): Promise<WaitingOperation[]> {
    const seqs = batch.map(({ item }) => item.seq);
    let { found } = await this.#host.operable(this.#conversationId, seqs, deadline);
    if (found.includes('pending')) {
      await this.#host.fetch(this.#conversationId, this.#peer, deadline);
      ({ found } = await this.#host.operable(this.#conversationId, seqs, deadline));
    }
    return batch.filter(({ reject }, index) => {
      const verdict = found[index];
      if (verdict === 'own') return true;
      reject(verdict === 'pending' ? new ProtocolError('not_found', 'no such message') : refused(verdict));
      return false;
    });
  }

  #settle(batch: readonly WaitingOperation[], { results }: OperateReply): void {
    const copies: CopiedOperation[] = [];
    let previousOp = 0;
    batch.forEach(({ item, resolve, reject }, index) => {
      const result = results[index];
      if (result?.kind !== 'operated') {
        reject(refused(result));
        return;
      }
      if (result.op > 0) {
        if (copies.length === 0) ({ previousOp } = result);
        copies.push(copyOf(item, result));
      }
      resolve(result.at);
    });
    if (copies.length > 0) {
      this.#host.copyOperations(this.#conversationId, this.#peer, previousOp, copies);
    } else this.#host.releaseCopy();
    const isRepeat = results.some((result) => result.kind === 'operated' && result.op === 0);
    if (isRepeat) this.#host.catchUpOperations(this.#conversationId, this.#peer);
  }
}

function refused(result: Refusal | undefined): ProtocolError {
  if (result === undefined)
    return new ProtocolError('unavailable', 'the recipient did not answer; try again');
  return new ProtocolError(result.error, result.message, result.details);
}

function copyOf({ kind, seq, text }: OutgoingOperation, { op, at }: Operated): CopiedOperation {
  return kind === 'edit' ? { op, seq, text, editedAt: at } : { op, seq, text: '', deletedAt: at };
}
