import type { GetChangesParams, GetChangesResult } from '../protocol/calls.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { ChangeBatch, MailboxPort } from '../router/mailbox-port.ts';
import { backoffDelayMs } from '../std/backoff.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { TrafficTally } from '../telemetry/node-metrics.ts';
import type { FeedSink } from './device-connection.ts';

/** Changes in one read of the feed. */
const pageChanges = 100;
const backoff = { baseMs: 100, maxMs: 5_000 };
/** Failed reads in a row after which the feed is given up; with the pauses between them about half a minute. */
const failuresMax = 10;

export interface FeedEvents {
  /** The position is no longer kept; the follower goes on from `cursor` unless it is stopped now. */
  reset(cursor: string): void;
  /** The feed could not be read for long. The follower has stopped. */
  failed(error: unknown): void;
  /** A read has not ended long after its deadline: a fault, where the node did not stand still. It counts as a failed one. */
  unanswered(): void;
}

export interface FeedOptions {
  readonly mailbox: MailboxPort;
  readonly sink: FeedSink;
  readonly events: FeedEvents;
  readonly traffic: TrafficTally;
  readonly time: Time;
  readonly random: () => number;
  /** Time for one read of the feed. */
  readonly readTimeoutMs: number;
}

type State =
  | { readonly kind: 'idle' }
  /** At the head: the next commit continues here. */
  | { readonly kind: 'live' }
  /** A read is under way; `latest` is the newest commit heard of since it began. */
  | { readonly kind: 'reading'; latest: ChangeBatch | undefined }
  /** The sink is full. */
  | { readonly kind: 'blocked' }
  /** The last read failed. */
  | { readonly kind: 'pausing'; readonly cancel: Cancel }
  | { readonly kind: 'stopped' };

/** Where a feed was opened. */
export interface OpenedFeed {
  readonly cursor: string;
  /** What was asked for is no longer kept, or never was: the cursor is that of the head. */
  readonly reset: boolean;
}

/**
 * A cursor over one user's change feed (G8). What is committed while the sink has room goes out as it is; whatever
 * else there is to go out (what came before, what came while the sink was full, what came during a read) is read
 * from the feed, from the position of the last change that was written. So subscribing and catching up cannot
 * leave a gap between them, and nothing is queued here.
 */
export class FeedFollower {
  readonly #options: FeedOptions;
  #state: State = { kind: 'idle' };
  #position = '';
  #first: GetChangesResult | undefined;
  #failures = 0;
  /** Reads in a row that brought nothing, as a group did not answer. */
  #stalls = 0;
  #unsubscribe: () => void = () => undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Finds the place to start from and writes nothing yet: that begins with `follow`. Rejects as getChanges. */
  async open(since: string | undefined, deadline: number): Promise<OpenedFeed> {
    const { mailbox } = this.#options;
    // First listen, then read: a commit in between is heard of.
    this.#unsubscribe = mailbox.subscribe((batch) => this.#hear(batch));
    this.#state = { kind: 'reading', latest: undefined };
    try {
      const params = since === undefined ? { limit: pageChanges } : this.#pageAfter(since);
      const first = await this.#page(params, deadline);
      const reset = 'reset' in first;
      this.#position = since === undefined || reset ? first.cursor : since;
      this.#first = reset ? { changes: [], cursor: first.cursor, hasMore: false } : first;
      return { cursor: this.#position, reset };
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Begins to write, with the changes after the place that `open` found. */
  follow(): void {
    const first = this.#first;
    this.#first = undefined;
    if (this.#state.kind === 'reading' && first !== undefined) this.#take(this.#state, first);
  }

  /** There is room in the sink again. */
  resume(): void {
    if (this.#state.kind === 'blocked') this.#read();
  }

  stop(): void {
    if (this.#state.kind === 'pausing') this.#state.cancel();
    this.#state = { kind: 'stopped' };
    this.#first = undefined;
    this.#unsubscribe();
  }

  #hear(batch: ChangeBatch): void {
    const state = this.#state;
    if (state.kind === 'reading') {
      const goesOn = state.latest === undefined || batch.previous === state.latest.head;
      // It may tell less than what was heard before it: whoever hears both reads on.
      state.latest = goesOn ? batch : { ...batch, previous: '', head: '' };
    } else if (state.kind === 'live' && !this.#continueWith(batch)) this.#read();
  }

  /** True where the batch was dealt with: it continues at the position, or ends at it. */
  #continueWith(batch: ChangeBatch): boolean {
    if (batch.head === this.#position) {
      this.#state = { kind: 'live' };
      return true;
    }
    if (batch.previous !== this.#position) return false;
    if (this.#options.sink.pushBatch(batch)) {
      this.#position = batch.head;
      this.#options.traffic.changesPushed += batch.changes.length;
      this.#state = { kind: 'live' };
    } else {
      this.#state = { kind: 'blocked' };
    }
    return true;
  }

  #read(): void {
    const { time, readTimeoutMs } = this.#options;
    const reading: State = { kind: 'reading', latest: undefined };
    this.#state = reading;
    this.#page(this.#pageAfter(this.#position), time.monotonicMs() + readTimeoutMs).then(
      (page) => {
        if (this.#state !== reading) return;
        this.#failures = 0;
        this.#take(reading, page);
      },
      (error: unknown) => {
        if (this.#state === reading) this.#failed(error);
      },
    );
  }

  /**
   * One read. All that it waits for has its deadline, and takes little longer; should something never end all the same,
   * no commit would make this read on, so its time is up here too.
   */
  #page(params: GetChangesParams, deadline: number): Promise<GetChangesResult> {
    const { mailbox, time, readTimeoutMs, events } = this.#options;
    return new Promise((resolve, reject) => {
      const cancel = time.after(deadline + readTimeoutMs - time.monotonicMs(), () => {
        if (this.#state.kind !== 'stopped') events.unanswered();
        reject(new ProtocolError('unavailable', 'the change feed was not read in time; try again'));
      });
      mailbox.call('getChanges', params, deadline).then(resolve, reject).finally(cancel);
    });
  }

  /** A group that does not answer holds up what comes after it, and not the session. */
  #pageAfter(since: string): GetChangesParams {
    return { since, limit: pageChanges, mayStall: true };
  }

  #take(reading: Extract<State, { kind: 'reading' }>, page: GetChangesResult): void {
    const before = this.#position;
    if ('reset' in page) {
      this.#position = page.cursor;
      this.#options.events.reset(page.cursor);
    } else {
      for (const change of page.changes) {
        if (!this.#options.sink.pushChange(change)) {
          this.#state = { kind: 'blocked' };
          return;
        }
        this.#position = change.cursor;
        this.#options.traffic.changesCaughtUp += 1;
      }
      this.#position = page.cursor;
    }
    // A listener above may have stopped this.
    if (this.#state !== reading) return;
    const isStalled = !('reset' in page) && page.hasMore && this.#position === before;
    this.#stalls = isStalled ? this.#stalls + 1 : 0;
    if (isStalled) this.#readLater(this.#stalls);
    else if (!('reset' in page) && page.hasMore) this.#read();
    else if (reading.latest === undefined) this.#state = { kind: 'live' };
    else if (!this.#continueWith(reading.latest)) this.#read();
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    const { events } = this.#options;
    const lasting = error instanceof ProtocolError && error.kind === 'moved';
    if (lasting || this.#failures >= failuresMax) {
      this.stop();
      events.failed(error);
      return;
    }
    this.#readLater(this.#failures);
  }

  #readLater(tries: number): void {
    const { time, random } = this.#options;
    const cancel = time.after(backoffDelayMs(backoff, tries, random), () => this.#read());
    this.#state = { kind: 'pausing', cancel };
  }
}
