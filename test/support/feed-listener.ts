import type { ChangeBatch } from '../../src/actor/change-batch.ts';
import { parseCursor, type Ahead } from '../../src/protocol/cursor.ts';
import type { Change } from '../../src/protocol/message.ts';
import type { MailboxPort } from '../../src/router/mailbox-port.ts';
import type { Time } from '../../src/std/time.ts';

export interface FeedListenerOptions {
  readonly mailbox: MailboxPort;
  readonly time: Time;
  /** Changes in one read. */
  readonly limit: number;
  /** False now and then: a batch that has to be read later, as where a socket is full. */
  readonly hasRoom?: () => boolean;
  readonly onChange?: (change: Change) => void;
}

const pauseMs = 20;

/** Is cursor `a` before `b` in the feed? */
export function isEarlier(a: string, b: string): boolean {
  const [first, second] = [parseCursor(a), parseCursor(b)];
  if (first === undefined || second === undefined) throw new Error(`no cursor: ${a} or ${b}`);
  if (first.version !== second.version) return first.version < second.version;
  const [index, other] = [first.index ?? Infinity, second.index ?? Infinity];
  if (index !== other) return index < other;
  const [seq, otherSeq] = [first.seq ?? Infinity, second.seq ?? Infinity];
  return seq === otherSeq ? isLess(first.ahead, second.ahead) : seq < otherSeq;
}

/** Has `b` all that `a` has of large groups, and more? */
function isLess(a: Ahead, b: Ahead): boolean {
  const locals = [...new Set([...a.keys(), ...b.keys()])];
  const of = (ahead: Ahead, local: number): number => ahead.get(local) ?? 0;
  const isWithin = locals.every((local) => of(a, local) <= of(b, local));
  return isWithin && locals.some((local) => of(a, local) < of(b, local));
}

/**
 * A device: takes a batch where it continues at its position, and else reads on from there (G8). What it has got is
 * in `changes`; a change out of order or repeated is an error at once.
 */
export class FeedListener {
  readonly changes: Change[] = [];
  resets = 0;
  readonly #options: FeedListenerOptions;
  readonly #unsubscribe: () => void;
  #position: string;
  #isReading = false;
  #isStopped = false;
  #heardWhileReading: ChangeBatch | undefined;

  constructor(since: string, options: FeedListenerOptions) {
    this.#options = options;
    this.#position = since;
    this.#unsubscribe = options.mailbox.subscribe((batch) => {
      this.#hear(batch);
    });
    this.#read();
  }

  get position(): string {
    return this.#position;
  }

  stop(): void {
    this.#isStopped = true;
    this.#unsubscribe();
  }

  #hasStopped(): boolean {
    return this.#isStopped;
  }

  #hear(batch: ChangeBatch): void {
    if (this.#isReading) this.#heardWhileReading = batch;
    else if (batch.head !== this.#position) this.#continueWith(batch);
  }

  #continueWith(batch: ChangeBatch): void {
    if (batch.previous !== this.#position || this.#options.hasRoom?.() === false) {
      this.#read();
      return;
    }
    for (const change of batch.changes) this.#take(change);
    this.#position = batch.head;
  }

  #take(change: Change): void {
    if (!isEarlier(this.#position, change.cursor)) {
      throw new Error(`G8: ${change.cursor} came after ${this.#position}`);
    }
    this.#position = change.cursor;
    this.changes.push(change);
    this.#options.onChange?.(change);
  }

  #read(): void {
    this.#isReading = true;
    void this.#readOn().then(() => {
      this.#isReading = false;
      const heard = this.#heardWhileReading;
      this.#heardWhileReading = undefined;
      if (heard !== undefined && !this.#isStopped) this.#hear(heard);
    });
  }

  async #readOn(): Promise<void> {
    const { mailbox, time, limit } = this.#options;
    while (!this.#isStopped) {
      try {
        const page = await mailbox.call(
          'getChanges',
          { since: this.#position, limit },
          time.monotonicMs() + 1_000,
        );
        if (this.#hasStopped()) return;
        if ('reset' in page) {
          this.resets++;
          this.#position = page.cursor;
          return;
        }
        for (const change of page.changes) this.#take(change);
        if (isEarlier(page.cursor, this.#position)) throw new Error(`G8: back to ${page.cursor}`);
        this.#position = page.cursor;
        if (!page.hasMore) return;
      } catch (error) {
        if (error instanceof Error && error.message.startsWith('G8')) throw error;
        await new Promise<void>((resolve) => {
          time.after(pauseMs, resolve);
        });
      }
    }
  }
}
