import { LoadedRanges } from '../row/loaded-ranges.ts';
import type { RowCopy } from '../row/row-snapshot.ts';
import { StoreError } from '../row/row-store.ts';
import { sameVersion, type RowVersion } from '../row/row-version.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Behaviour, EntityTypes, Passed } from './behaviour.ts';
import { DurableState, type DurableStatePorts } from './durable-state.ts';
import { LaneQueue } from '../std/lane-queue.ts';

export interface ActorLimits {
  /** Inputs that may wait, places reserved for what follows a commit included. */
  readonly inboxInputsMax: number;
  /** Inputs in one commit. */
  readonly commitInputsMax: number;
  /** Bytes (estimated) and feed changes in one commit: beyond either the rest goes into the next one. */
  readonly commitBytesMax: number;
  readonly commitChangesMax: number;
  /** For one commit, its retries included, ms. */
  readonly commitDeadlineMs: number;
}

export interface ActorPorts<T extends EntityTypes> extends DurableStatePorts<T> {
  readonly limits: ActorLimits;
  /** A commit failed, perhaps after it was applied: until the next load nobody here knows what the row has. */
  readonly lost: () => void;
  /** A bug: an input that asserted, or that the store refuses for good. */
  readonly alarm: (error: unknown, what: string) => void;
}

interface Ticket<T extends EntityTypes> {
  readonly input: T['input'];
  readonly deadline: number;
  /** Of the view in which it came. */
  readonly sinceEpoch: number;
  readonly resolve: (result: T['result']) => void;
  readonly reject: (error: ProtocolError) => void;
}

const conflictTriesMax = 6;
const queryRoundsMax = 24;

function toProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  if (error instanceof StoreError && error.retryable) {
    return new ProtocolError('unavailable', 'the store is out of reach, try again', { retryAfterMs: 500 });
  }
  return new ProtocolError('internal', 'internal error');
}

/** Refused before anything was written: another node owns the row, or too many are being loaded. */
function isRefusedBefore(error: unknown): boolean {
  return error instanceof ProtocolError && (error.kind === 'moved' || error.kind === 'overloaded');
}

/**
 * One entity in memory: an inbox, one commit in flight, everything that waits goes into the next commit.
 * It keeps the durable state only; a draft becomes the state when the store has it (G1). Whatever goes wrong
 * with a commit, the state is dropped and read anew: the store decides (G6).
 */
export class Actor<T extends EntityTypes> {
  readonly entityId: string;
  readonly #behaviour: Behaviour<T>;
  readonly #ports: ActorPorts<T>;
  readonly #inbox: LaneQueue<Ticket<T>>;
  readonly #durable: DurableState<T>;
  #committing: Promise<void> | undefined;
  #users = 0;

  constructor(entityId: string, behaviour: Behaviour<T>, ports: ActorPorts<T>) {
    this.entityId = entityId;
    this.#behaviour = behaviour;
    this.#ports = ports;
    this.#inbox = new LaneQueue(ports.limits.inboxInputsMax);
    this.#durable = new DurableState(entityId, behaviour, ports);
  }

  /** The durable state, where it is in memory. */
  get state(): T['state'] | undefined {
    return this.#durable.current;
  }

  /** This node has committed it since it took over. */
  get isClaimed(): boolean {
    return this.#durable.isClaimed;
  }

  /** The commit in flight, until it is over; undefined: none. */
  get writing(): Promise<unknown> | undefined {
    return this.#durable.writing;
  }

  /** What is in memory, to be sent ahead to another node; undefined: nothing, or more than so many bytes. */
  snapshot(bytesMax: number): RowCopy | undefined {
    return this.#durable.snapshot(bytesMax);
  }

  /** Brings into memory what another node has sent of it, where nothing is there yet. */
  async revive(): Promise<void> {
    this.#users++;
    try {
      await this.#durable.revived();
    } finally {
      this.#users--;
    }
  }

  /** Drops what is in memory; whoever asks next reads the row anew. */
  forget(): void {
    this.#durable.drop();
  }

  /** Nothing waits or is under way: it may be dropped from memory. */
  get isIdle(): boolean {
    return this.#users === 0 && this.#inbox.size === 0 && !this.#committing && !this.#durable.isLoading;
  }

  /** Keeps a place in the inbox for what will follow; `submit` with `reserved` uses it, else `release` it. */
  reserve(): boolean {
    return this.#inbox.reserve();
  }

  release(): void {
    this.#inbox.release();
  }

  /** Resolves with the step's result once what the input changed is durable. Rejects with ProtocolError. */
  submit(input: T['input'], deadline: number, reserved = false): Promise<T['result']> {
    if (reserved) this.#inbox.release();
    if (!reserved && this.#inbox.isFull) {
      const error = new ProtocolError('overloaded', 'too much waits for this user', { retryAfterMs: 200 });
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      const sinceEpoch = this.#ports.tenure.epoch();
      this.#inbox.push(this.#behaviour.lane(input), { input, deadline, sinceEpoch, resolve, reject });
      if (this.#committing === undefined && this.#inbox.size === 1) {
        this.#ports.time.soon(() => {
          this.#start();
        });
      }
    });
  }

  /**
   * Takes an input that writes nothing at once, without a place in the inbox: so what is told to many costs each of
   * them little. @param stored the version that the store was just found to have, where it was asked
   * @returns undefined: it has to be submitted, as something is under way, not known, or to be written
   */
  passAtOnce(input: T['input'], stored: RowVersion | undefined): Passed<T> | undefined {
    if (this.#committing !== undefined || this.#inbox.size > 0) return undefined;
    const state = this.#durable.provenBy(stored);
    if (state === undefined) return undefined;
    const passed = this.#behaviour.passAtOnce?.(state, input, this.#ports.time.wallMs());
    if (passed?.effects !== undefined) this.#ports.changed(state, passed.effects);
    return passed;
  }

  #pass(state: T['state'], draft: T['draft']): void {
    const effects = this.#behaviour.pass?.(state, draft);
    if (effects !== undefined) this.#ports.changed(state, effects);
  }

  /** A read of the durable state that reflects every acknowledged write (G7). Rejects with ProtocolError. */
  async query(query: T['query'], deadline: number): Promise<T['answer']> {
    this.#users++;
    try {
      return await this.#query(query, deadline);
    } catch (error) {
      this.#report(error, 'query');
      throw toProtocolError(error);
    } finally {
      this.#users--;
    }
  }

  async #query(query: T['query'], deadline: number): Promise<T['answer']> {
    const { tally } = this.#ports;
    const loaded = new LoadedRanges();
    const wasInMemory = this.state !== undefined;
    for (let round = 0; round < queryRoundsMax; round++) {
      const state = await this.#durable.fresh(deadline);
      const step = this.#behaviour.query(state, query, loaded);
      if (step.kind === 'done') {
        if (wasInMemory && round === 0) tally.queryHits++;
        else tally.queryMisses++;
        return step.result;
      }
      await this.#durable.readParts(step.ranges, loaded, deadline);
    }
    throw new ProtocolError('unavailable', 'the mailbox changes too fast to read this part; try again');
  }

  #start(): void {
    if (this.#committing !== undefined) return;
    this.#committing = this.#run().finally(() => {
      this.#committing = undefined;
      if (this.#inbox.size > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
    // What comes in while the store is busy with others goes into this commit too.
    const ready = this.#ports.store.ready();
    if (ready !== undefined) await ready;
    const tickets = this.#inbox.take(this.#ports.limits.commitInputsMax);
    const now = this.#ports.time.monotonicMs();
    const due = tickets.filter((ticket) => ticket.deadline > now);
    for (const ticket of tickets) {
      if (ticket.deadline <= now) {
        ticket.reject(
          new ProtocolError('unavailable', 'the deadline passed before it was its turn; try again'),
        );
      }
    }
    for (let rest: readonly Ticket<T>[] = due; rest.length > 0;) {
      rest = await this.#process(rest, this.#ports.time.monotonicMs() + this.#ports.limits.commitDeadlineMs);
    }
  }

  /**
   * Commits as many as fit into one commit and settles them; where one input spoils it, each of them alone.
   * @returns those that are left for the next commit
   */
  async #process(tickets: readonly Ticket<T>[], deadline: number): Promise<readonly Ticket<T>[]> {
    try {
      return tickets.slice(await this.#commit(tickets, deadline));
    } catch (error) {
      const isTransient = (error instanceof StoreError && error.retryable) || error instanceof ProtocolError;
      this.#durable.drop();
      this.#ports.tally.failedCommits++;
      if (!isTransient && tickets.length > 1) {
        for (const ticket of tickets) await this.#process([ticket], deadline);
        return [];
      }
      if (!isRefusedBefore(error)) this.#ports.lost();
      this.#report(error, tickets.map(({ input }) => input.kind).join());
      const refused = toProtocolError(error);
      // Who sent them holds back what comes after, and has them tried again in their order (OrderedSends, G3).
      const behind = refused.kind === 'moved' ? this.#inbox.take(this.#inbox.size) : [];
      for (const ticket of [...tickets, ...behind]) ticket.reject(refused);
      return [];
    }
  }

  /** @returns how many of the tickets, from the first on, are settled */
  async #commit(tickets: readonly Ticket<T>[], deadline: number): Promise<number> {
    const { tally, time } = this.#ports;
    for (let attempt = 0; attempt < conflictTriesMax; attempt++) {
      const state = await this.#durable.loaded(deadline);
      const draft = this.#behaviour.draft(state, time.wallMs());
      const results = await this.#stepAll(state, draft, tickets, deadline);
      if (results === undefined) continue;
      const cells = draft.cells((state.version?.number ?? 0) + 1);
      if (cells.length === 0) {
        // A reply that changes nothing is a read.
        if (!(await this.#durable.isFresh(state, deadline))) continue;
        this.#pass(state, draft);
      } else {
        const sinceEpoch = tickets.reduce((least, ticket) => Math.min(least, ticket.sinceEpoch), Infinity);
        const outcome = await this.#durable.commit(state, draft, { cells, sinceEpoch }, deadline);
        if (outcome.kind === 'conflict') {
          tally.conflicts++;
          continue;
        }
        tally.commits++;
        tally.committedInputs += results.length;
      }
      results.forEach((result, index) => {
        tickets[index]?.resolve(result);
      });
      return results.length;
    }
    throw new ProtocolError('unavailable', 'another node writes this mailbox; try again', {
      retryAfterMs: 200,
    });
  }

  /** The results of as many inputs as fit; undefined: the row moved on while cells were loaded, begin again. */
  async #stepAll(
    state: T['state'],
    draft: T['draft'],
    tickets: readonly Ticket<T>[],
    deadline: number,
  ): Promise<T['result'][] | undefined> {
    const { commitBytesMax, commitChangesMax } = this.#ports.limits;
    const loaded = new LoadedRanges();
    const results: T['result'][] = [];
    for (const { input } of tickets) {
      if (draft.size.bytes > commitBytesMax || draft.size.changes > commitChangesMax) break;
      let step = this.#behaviour.step(draft, input, loaded);
      for (let round = 0; step.kind === 'need'; round++) {
        if (round === queryRoundsMax) throw new Error(`input ${input.kind} never has all that it needs`);
        const image = await this.#ports.store.read(this.entityId, step.ranges, deadline);
        if (!sameVersion(image.version, state.version)) {
          this.#durable.drop();
          return undefined;
        }
        loaded.add(step.ranges, image);
        step = this.#behaviour.step(draft, input, loaded);
      }
      results.push(step.result);
    }
    return results;
  }

  #report(error: unknown, what: string): void {
    if (error instanceof ProtocolError || (error instanceof StoreError && error.retryable)) return;
    this.#ports.alarm(error, what);
  }
}
