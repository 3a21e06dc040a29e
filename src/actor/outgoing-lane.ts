import type { OutgoingMessage } from '../conversation/outgoing-message.ts';
import type { SendMessageResult } from '../protocol/calls.ts';
import { ProtocolError, type Refusal } from '../protocol/protocol-error.ts';
import type { Accepted, CopiedMessage, DeliverReply, Envelope } from '../mailbox/envelope.ts';
import type { Sending } from '../mailbox/mailbox-behaviour.ts';
import type { Time } from '../std/time.ts';
import { BatchLane, latestDeadline, type Waiting } from './batch-lane.ts';

/** What a lane needs of its mailbox. */
export interface LaneHost {
  readonly userId: string;
  /**
   * Name, floor and watermark out of the durable state. Rejects with `moved` where another node serves the user, or did since
   * the view of `sinceEpoch`.
   */
  sending(conversationId: string, sinceEpoch: number, deadline: number): Promise<Sending>;
  deliver(
    to: string,
    envelope: Extract<Envelope, { kind: 'deliver' }>,
    deadline: number,
  ): Promise<DeliverReply>;
  /** Room in the inbox for the copy that follows; false where there is none. */
  reserveCopy(): boolean;
  releaseCopy(): void;
  /** Puts copies into the next commit; uses the reserved room. Never rejects. */
  copy(
    conversationId: string,
    peer: string,
    peerName: string,
    previousSeq: number,
    messages: readonly CopiedMessage[],
  ): void;
  /** Everything sent is answered: the lane may be forgotten. */
  laneIsIdle(conversationId: string): void;
  /** The recipient knows a message that the own row may lack. */
  catchUp(conversationId: string, peer: string, seq: number): void;
}

/** A message, and the view in which it came: none may overtake one that was refused in a view in between (G3). */
interface OutgoingSend {
  readonly message: OutgoingMessage;
  readonly sinceEpoch: number;
}

type WaitingSend = Waiting<OutgoingSend, SendMessageResult>;

/**
 * What one user sends into one conversation: one envelope in flight, everything that waits goes into the next.
 * That is the order (G3) and the batching.
 */
export class OutgoingLane {
  readonly #conversationId: string;
  readonly #peer: string;
  readonly #host: LaneHost;
  readonly #lane: BatchLane<OutgoingSend, SendMessageResult>;

  constructor(
    conversationId: string,
    peer: string,
    host: LaneHost,
    time: Time,
    limits: { readonly waitingMax: number; readonly envelopeMax: number },
  ) {
    this.#conversationId = conversationId;
    this.#peer = peer;
    this.#host = host;
    this.#lane = new BatchLane({
      ...{ time, waitingMax: limits.waitingMax, batchMax: limits.envelopeMax },
      work: (batch) => this.#deliver(batch),
      idle: () => {
        host.laneIsIdle(conversationId);
      },
    });
  }

  /** Rejects with ProtocolError; an error means the send may be tried again with the same id (G4). */
  send(send: OutgoingSend, deadline: number): Promise<SendMessageResult> {
    return this.#lane.add(send, deadline);
  }

  async #deliver(batch: readonly WaitingSend[]): Promise<void> {
    const host = this.#host;
    const conversationId = this.#conversationId;
    const deadline = latestDeadline(batch);
    // They are in the order in which they came.
    const sinceEpoch = batch[0]?.item.sinceEpoch ?? 0;
    const { name, floor, confirmed } = await host.sending(conversationId, sinceEpoch, deadline);
    if (!host.reserveCopy()) {
      throw new ProtocolError('overloaded', 'too much waits for this user', { retryAfterMs: 200 });
    }
    let reply: DeliverReply;
    try {
      reply = await host.deliver(
        this.#peer,
        {
          kind: 'deliver',
          conversationId,
          from: host.userId,
          fromName: name,
          floor,
          confirmed,
          messages: batch.map(({ item }) => item.message),
        },
        deadline,
      );
    } catch (error) {
      host.releaseCopy();
      throw error;
    }
    this.#settle(batch, reply);
  }

  #settle(batch: readonly WaitingSend[], reply: DeliverReply): void {
    const copies: CopiedMessage[] = [];
    let previousSeq = 0;
    let repeatedSeq = 0;
    batch.forEach((send, index) => {
      const result = reply.results[index];
      if (result?.kind !== 'accepted') {
        send.reject(refused(result));
        return;
      }
      if (result.duplicate) repeatedSeq = Math.max(repeatedSeq, result.seq);
      else {
        if (copies.length === 0) previousSeq = result.previousSeq;
        copies.push(copyOf(send.item.message, result));
      }
      const { seq, timestamp, duplicate } = result;
      const { messageId } = send.item.message;
      send.resolve({ conversationId: this.#conversationId, messageId, seq, timestamp, duplicate });
    });
    if (copies.length > 0) {
      this.#host.copy(this.#conversationId, this.#peer, reply.name, previousSeq, copies);
    } else this.#host.releaseCopy();
    if (repeatedSeq > 0) this.#host.catchUp(this.#conversationId, this.#peer, repeatedSeq);
  }
}

function refused(result: Refusal | undefined): ProtocolError {
  if (result === undefined) return new ProtocolError('internal', 'internal error');
  return new ProtocolError(result.error, result.message, result.details);
}

function copyOf(message: OutgoingMessage, accepted: Accepted): CopiedMessage {
  const { messageId, text, mediaRef, replyTo } = message;
  const { seq, timestamp } = accepted;
  return {
    messageId,
    seq,
    timestamp,
    text,
    ...(mediaRef && { mediaRef }),
    ...(replyTo !== undefined && { replyTo }),
  };
}
