import type { Cell, CellRange } from '../row/cell.ts';
import { LoadedRanges } from '../row/loaded-ranges.ts';
import { StoreError, type RowImage, type RowStore } from '../row/row-store.ts';
import { sameVersion, type RowVersion } from '../row/row-version.ts';
import type { Need, Step } from '../row/step.ts';
import type { Time } from '../std/time.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { ActorTally } from './actor-tally.ts';
import { LaneQueue } from './lane-queue.ts';
import type { Tenure } from './tenure.ts';

/** The types of one kind of entity (a mailbox, a group). */
export interface EntityTypes {
  state: { version: RowVersion | undefined };
  draft: {
    cells(version: number): Cell[];
    readonly size: { readonly bytes: number; readonly changes: number };
  };
  input: { readonly kind: string };
  result: unknown;
  query: unknown;
  answer: unknown;
  effects: unknown;
}

/** The pure part of one kind of entity: no waiting, no clock, no store. */
export interface Behaviour<T extends EntityTypes> {
  readonly headRanges: readonly CellRange[];
  restore(entityId: string, image: RowImage): T['state'];
  draft(state: T['state'], wallMs: number): T['draft'];
  step(draft: T['draft'], input: T['input'], loaded: LoadedRanges): Step<T['result']>;
  /** Makes a draft that is durable the state, and tells what follows from it. */
  apply(state: T['state'], draft: T['draft'], version: RowVersion): T['effects'];
  query(state: T['state'], query: T['query'], loaded: LoadedRanges): Step<T['answer']>;
  lane(input: T['input']): string;
}

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

export interface ActorPorts<T extends EntityTypes> {
  readonly store: RowStore;
  readonly time: Time;
  readonly tenure: Tenure;
  readonly limits: ActorLimits;
  readonly tally: ActorTally;
  /** Called after each load (`effects` undefined) and each durable commit; must not throw. */
  readonly changed: (state: T['state'], effects: T['effects'] | undefined) => void;
  /** A bug: an input that asserted, or that the store refuses for good. */
  readonly alarm: (error: unknown, what: string) => void;
}

interface Ticket<T extends EntityTypes> {
  readonly input: T['input'];
  readonly deadline: number;
  readonly resolve: (result: T['result']) => void;
  readonly reject: (error: ProtocolError) => void;
}

/**
 * - `cold`: nothing in memory; the next input or query loads.
 * - `loading`: one load, which all who wait share.
 * - `ready`: the durable state is here. `held`: this node has committed since it loaded, so nobody else has (G7).
 */
type Phase<T extends EntityTypes> =
  | { readonly kind: 'cold' }
  | { readonly kind: 'loading'; readonly loaded: Promise<T['state']> }
  | { readonly kind: 'ready'; readonly state: T['state']; held: boolean };

const conflictTriesMax = 6;
const queryRoundsMax = 24;

function toProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  if (error instanceof StoreError && error.retryable) {
    return new ProtocolError('unavailable', 'the store is out of reach, try again', { retryAfterMs: 500 });
  }
  return new ProtocolError('internal', 'internal error');
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
  #phase: Phase<T> = { kind: 'cold' };
  #committing: Promise<void> | undefined;
  #users = 0;

  constructor(entityId: string, behaviour: Behaviour<T>, ports: ActorPorts<T>) {
    this.entityId = entityId;
    this.#behaviour = behaviour;
    this.#ports = ports;
    this.#inbox = new LaneQueue(ports.limits.inboxInputsMax);
  }

  /** The durable state, where it is in memory. */
  get state(): T['state'] | undefined {
    return this.#phase.kind === 'ready' ? this.#phase.state : undefined;
  }

  /** Nothing waits or is under way: it may be dropped from memory. */
  get isIdle(): boolean {
    return this.#users === 0 && this.#inbox.size === 0 && !this.#committing && this.#phase.kind !== 'loading';
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
      this.#inbox.push(this.#behaviour.lane(input), { input, deadline, resolve, reject });
      if (this.#committing === undefined && this.#inbox.size === 1) {
        this.#ports.time.soon(() => {
          this.#start();
        });
      }
    });
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

  /** Forgets the state; the next input or query reads the row anew. */
  drop(): void {
    if (this.#phase.kind === 'ready') this.#phase = { kind: 'cold' };
  }

  async #query(query: T['query'], deadline: number): Promise<T['answer']> {
    const { tally } = this.#ports;
    const loaded = new LoadedRanges();
    const wasInMemory = this.#phase.kind === 'ready';
    for (let round = 0; round < queryRoundsMax; round++) {
      const state = await this.#fresh(deadline);
      const step = this.#behaviour.query(state, query, loaded);
      if (step.kind === 'done') {
        if (wasInMemory && round === 0) tally.queryHits++;
        else tally.queryMisses++;
        return step.result;
      }
      await this.#load(step, loaded, deadline);
    }
    throw new ProtocolError('unavailable', 'the mailbox changes too fast to read this part; try again');
  }

  /** Loads what a query needs. Cells of a version that memory doesn't know yet send it back to the store. */
  async #load(needed: Need, loaded: LoadedRanges, deadline: number): Promise<void> {
    const image = await this.#ports.store.read(this.entityId, needed.ranges, deadline);
    // The commit in flight may be the one that the image shows and memory doesn't yet.
    if (this.#isAhead(image)) await this.#committing;
    if (this.#isAhead(image)) this.drop();
    loaded.add(needed.ranges, image);
  }

  #isAhead(image: RowImage): boolean {
    const known = this.state?.version?.number ?? 0;
    return this.#phase.kind === 'ready' && (image.version?.number ?? 0) > known;
  }

  async #loadedState(deadline: number): Promise<T['state']> {
    const phase = this.#phase;
    if (phase.kind === 'ready') return phase.state;
    if (phase.kind === 'loading') return phase.loaded;
    const loaded = this.#read(deadline);
    this.#phase = { kind: 'loading', loaded };
    return loaded;
  }

  async #read(deadline: number): Promise<T['state']> {
    try {
      const image = await this.#ports.store.read(this.entityId, this.#behaviour.headRanges, deadline);
      // A commit that was in flight when the state was dropped has brought a newer one.
      if (this.#phase.kind === 'ready') return this.#phase.state;
      const state = this.#behaviour.restore(this.entityId, image);
      this.#phase = { kind: 'ready', state, held: false };
      this.#ports.tally.activations++;
      this.#ports.changed(state, undefined);
      return state;
    } catch (error) {
      if (this.#phase.kind === 'loading') this.#phase = { kind: 'cold' };
      throw error;
    }
  }

  async #fresh(deadline: number): Promise<T['state']> {
    for (let attempt = 0; attempt < conflictTriesMax; attempt++) {
      const wasLoaded = this.#phase.kind === 'ready';
      const state = await this.#loadedState(deadline);
      // Read from the store after this call began: as fresh as it gets.
      if (!wasLoaded || (await this.#isFresh(state, deadline))) return state;
      await this.#committing;
    }
    throw new ProtocolError('unavailable', 'the mailbox is being moved; try again', { retryAfterMs: 200 });
  }

  /** Is `state` what the store has? Where another node has written, it is dropped. */
  async #isFresh(state: T['state'], deadline: number): Promise<boolean> {
    const phase = this.#phase;
    if (phase.kind !== 'ready' || phase.state !== state) return false;
    if (phase.held && this.#ports.tenure.isLeaseCurrent()) return true;
    const known = state.version;
    this.#ports.tally.freshnessChecks++;
    const [stored] = await this.#ports.store.versions([this.entityId], deadline);
    if (this.state !== state) return false;
    if (sameVersion(stored, known)) return true;
    // Not our own commit that landed meanwhile: somebody else's.
    if (sameVersion(state.version, known) && this.#committing === undefined) this.drop();
    return false;
  }

  #start(): void {
    if (this.#committing !== undefined) return;
    this.#committing = this.#run().finally(() => {
      this.#committing = undefined;
      if (this.#inbox.size > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
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
      this.drop();
      this.#ports.tally.failedCommits++;
      if (!isTransient && tickets.length > 1) {
        for (const ticket of tickets) await this.#process([ticket], deadline);
        return [];
      }
      this.#report(error, tickets.map(({ input }) => input.kind).join());
      for (const ticket of tickets) ticket.reject(toProtocolError(error));
      return [];
    }
  }

  /** @returns how many of the tickets, from the first on, are settled */
  async #commit(tickets: readonly Ticket<T>[], deadline: number): Promise<number> {
    const { store, tally, tenure, time } = this.#ports;
    for (let attempt = 0; attempt < conflictTriesMax; attempt++) {
      const state = await this.#loadedState(deadline);
      const draft = this.#behaviour.draft(state, time.wallMs());
      const results = await this.#stepAll(state, draft, tickets, deadline);
      if (results === undefined) continue;
      const cells = draft.cells((state.version?.number ?? 0) + 1);
      if (cells.length === 0) {
        // A reply that changes nothing is a read.
        if (!(await this.#isFresh(state, deadline))) {
          this.drop();
          continue;
        }
      } else {
        const commit = { base: state.version, epoch: tenure.epoch(), cells };
        const outcome = await store.commit(this.entityId, commit, deadline);
        if (outcome.kind === 'conflict') {
          tally.conflicts++;
          this.drop();
          continue;
        }
        this.#phase = { kind: 'ready', state, held: true };
        tally.commits++;
        tally.committedInputs += results.length;
        const effects = this.#behaviour.apply(state, draft, outcome.version);
        this.#ports.changed(state, effects);
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
          this.drop();
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
