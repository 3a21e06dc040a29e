import type { Cell, CellRange } from '../row/cell.ts';
import type { LoadedRanges } from '../row/loaded-ranges.ts';
import { StoreError, type CommitOutcome, type RowStore } from '../row/row-store.ts';
import type { RowCopy } from '../row/row-snapshot.ts';
import { sameVersion, type RowVersion } from '../row/row-version.ts';
import type { Cancel, Time } from '../std/time.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { ActorTally } from './actor-tally.ts';
import type { Behaviour, EntityTypes } from './behaviour.ts';
import type { HandoffPort } from './handoff-port.ts';
import type { LoadGate } from './load-gate.ts';
import type { Tenure } from './tenure.ts';

export interface DurableStatePorts<T extends EntityTypes> {
  readonly store: RowStore;
  readonly time: Time;
  readonly tenure: Tenure;
  readonly tally: ActorTally;
  readonly handoff: HandoffPort;
  readonly loads: LoadGate;
  /** Called after each load (`effects` undefined) and each durable commit; must not throw. */
  readonly changed: (state: T['state'], effects: T['effects'] | undefined) => void;
}

/**
 * - `cold`: nothing in memory; the next input or query loads.
 * - `loading`: one load, which all who wait share.
 * - `ready`: the durable state is here. `heldSince`: the epoch under which this node last began a commit of it;
 *   while it has kept the row since then, nobody else has written (G7).
 */
type Phase<T extends EntityTypes> =
  | { readonly kind: 'cold' }
  | { readonly kind: 'loading'; readonly loaded: Promise<T['state']> }
  | { readonly kind: 'ready'; readonly state: T['state']; readonly heldSince: number | undefined };

function numberOf(version: RowVersion | undefined): number {
  return version?.number ?? 0;
}

const loadTriesMax = 6;

/**
 * What memory has of one row: loaded once for all who wait, compared with the store where another node may have
 * written (G7), moved on by this node's own commits. Versions only go up: whatever comes late from the store is
 * recognised by its number.
 */
export class DurableState<T extends EntityTypes> {
  readonly #entityId: string;
  readonly #behaviour: Behaviour<T>;
  readonly #ports: DurableStatePorts<T>;
  #phase: Phase<T> = { kind: 'cold' };
  /** The commit in flight; never rejects. */
  #writing: Promise<unknown> | undefined;
  /** Greatest version number that was ever seen: an image below it is an old one that came late. */
  #seen = 0;

  constructor(entityId: string, behaviour: Behaviour<T>, ports: DurableStatePorts<T>) {
    this.#entityId = entityId;
    this.#behaviour = behaviour;
    this.#ports = ports;
  }

  /** Where it is in memory. */
  get current(): T['state'] | undefined {
    return this.#phase.kind === 'ready' ? this.#phase.state : undefined;
  }

  get isLoading(): boolean {
    return this.#phase.kind === 'loading';
  }

  /** Has this node committed it since it last took it over? Then no other node has, and none can. */
  get isClaimed(): boolean {
    const phase = this.#phase;
    if (phase.kind !== 'ready' || phase.heldSince === undefined) return false;
    return this.#ports.tenure.keeps(this.#entityId, phase.heldSince);
  }

  /** The commit in flight, until it is over; undefined: none. */
  get writing(): Promise<unknown> | undefined {
    return this.#writing;
  }

  /** What is in memory, to be sent ahead to another node; undefined: nothing, or more than that. */
  snapshot(bytesMax: number): RowCopy | undefined {
    const version = this.current?.version;
    if (this.current === undefined || version === undefined) return undefined;
    const snapshot = this.#behaviour.snapshot(this.current, bytesMax);
    return snapshot && { ...snapshot, version };
  }

  /** Forgets what is in memory; whoever asks next reads the row anew. */
  drop(): void {
    if (this.#phase.kind === 'ready') this.#phase = { kind: 'cold' };
  }

  /** Reads parts of the row that are not kept in memory. Where they show a newer row, memory is dropped. */
  async readParts(ranges: readonly CellRange[], loaded: LoadedRanges, deadline: number): Promise<void> {
    const image = await this.#ports.store.read(this.#entityId, ranges, deadline);
    if (await this.#isBehind(image.version, deadline)) this.drop();
    this.#seen = Math.max(this.#seen, numberOf(image.version));
    loaded.add(ranges, image);
  }

  /** Is the state in memory older than this version of the row, and not just because its own commit is landing? */
  async #isBehind(version: RowVersion | undefined, deadline: number): Promise<boolean> {
    const isOlder = (): boolean => {
      const state = this.current;
      return state !== undefined && numberOf(state.version) < numberOf(version);
    };
    if (!isOlder()) return false;
    if (this.#writing !== undefined) {
      let cancel: Cancel = () => undefined;
      const { time } = this.#ports;
      const passed = new Promise<void>((resolve) => {
        cancel = time.after(deadline - time.monotonicMs(), resolve);
      });
      await Promise.race([this.#writing, passed]);
      cancel();
    }
    return isOlder();
  }

  /** As it is in memory, or loaded now. Another node may have written since: commits find out, reads need `fresh`. */
  async loaded(deadline: number): Promise<T['state']> {
    return (await this.#load(deadline)).state;
  }

  /** `isRead`: the store was asked after this call began, so it is as fresh as it gets. */
  async #load(deadline: number): Promise<{ readonly state: T['state']; readonly isRead: boolean }> {
    for (;;) {
      if (this.#phase.kind === 'cold') await this.revived();
      const phase = this.#phase;
      if (phase.kind === 'ready') return { state: phase.state, isRead: false };
      if (phase.kind === 'cold') {
        // What another node owns is not read into memory just to be refused.
        this.#waitMs(undefined);
        const state = await this.#begin(this.#ports.loads.run(() => this.#read(deadline), deadline));
        return { state, isRead: true };
      }
      try {
        return { state: await phase.loaded, isRead: false };
      } catch (error) {
        // It had the deadline of whoever began it, also for its turn to be loaded.
        const isTransient =
          error instanceof StoreError
            ? error.retryable
            : error instanceof ProtocolError && error.kind === 'overloaded';
        if (!isTransient || this.#ports.time.monotonicMs() >= deadline) throw error;
      }
    }
  }

  /** Where nothing is in memory, takes what a former owner has sent. It may be old: it is not fresh, and not held. */
  async revived(): Promise<void> {
    const { handoff, tally, tenure } = this.#ports;
    if (this.#phase.kind !== 'cold') return;
    // Before the view that gives it to this node, its copy only waits for that.
    if (tenure.mayServe(this.#entityId, undefined).kind === 'wrongOwner') return;
    const lastWord = handoff.lastWord(this.#entityId);
    if (lastWord !== undefined) await lastWord;
    if (this.current !== undefined || this.isLoading) return;
    // It was made of the cells of this very entity.
    const state = handoff.take(this.#entityId) as T['state'] | undefined;
    if (state === undefined || numberOf(state.version) < this.#seen) return;
    this.#phase = { kind: 'ready', state, heldSince: undefined };
    this.#seen = numberOf(state.version);
    tally.revivals++;
    this.#ports.changed(state, undefined);
  }

  async #begin(loaded: Promise<T['state']>): Promise<T['state']> {
    const loading: Phase<T> = { kind: 'loading', loaded };
    this.#phase = loading;
    try {
      return await loaded;
    } catch (error) {
      if (this.#phase === loading) this.#phase = { kind: 'cold' };
      throw error;
    }
  }

  async #read(deadline: number): Promise<T['state']> {
    for (let attempt = 0; attempt < loadTriesMax; attempt++) {
      const image = await this.#ports.store.read(this.#entityId, this.#behaviour.headRanges, deadline);
      const number = numberOf(image.version);
      const present = this.current;
      // A commit that was in flight when the state was dropped has brought one that is as new.
      if (present !== undefined && numberOf(present.version) >= number) return present;
      if (number < this.#seen) continue;
      const state = this.#behaviour.restore(this.#entityId, image);
      this.#phase = { kind: 'ready', state, heldSince: undefined };
      this.#seen = number;
      this.#ports.tally.activations++;
      this.#ports.changed(state, undefined);
      return state;
    }
    throw new StoreError('unavailable', `reads of ${this.#entityId} are older than what was read before`);
  }

  /** Reflects every write that was acknowledged before this call (G7). */
  async fresh(deadline: number): Promise<T['state']> {
    for (let attempt = 0; attempt < loadTriesMax; attempt++) {
      const { state, isRead } = await this.#load(deadline);
      if (isRead ? await this.#isClear(state, deadline) : await this.isFresh(state, deadline)) return state;
    }
    throw new ProtocolError('unavailable', 'the mailbox is being moved; try again', { retryAfterMs: 200 });
  }

  /**
   * What is in memory, where it may be shown without a look at the store; or after one, which has found `stored`.
   * undefined: it may not, or not at once.
   */
  provenBy(stored: RowVersion | undefined): T['state'] | undefined {
    const state = this.current;
    if (state === undefined || this.#writing !== undefined) return undefined;
    if (this.#isOwnHeld) return state;
    if (stored === undefined || !sameVersion(stored, state.version)) return undefined;
    return this.#ports.tenure.mayServe(this.#entityId, stored).kind === 'yes' ? state : undefined;
  }

  /** Is `state` what the store has, and may it be shown? Where another node has written, it is dropped. */
  async isFresh(state: T['state'], deadline: number): Promise<boolean> {
    return (await this.#isLatest(state, deadline)) && (await this.#isClear(state, deadline));
  }

  /**
   * Where the last writer still answers from memory it may know less: its own commit may have landed without its being
   * sure of that. Who saw it here would see it gone there. @returns false where that had to be waited for: look again
   */
  async #isClear(state: T['state'], deadline: number): Promise<boolean> {
    if (this.#isOwnHeld) return true;
    const isClear = this.#waitMs(state) === 0;
    await this.#admitted(state, deadline);
    return isClear;
  }

  async #isLatest(state: T['state'], deadline: number): Promise<boolean> {
    const phase = this.#phase;
    if (phase.kind !== 'ready' || phase.state !== state) return false;
    if (this.#isHeld(phase.heldSince)) return true;
    this.#ports.tally.freshnessChecks++;
    const [stored] = await this.#ports.store.versions([this.#entityId], deadline);
    const isBehind = await this.#isBehind(stored, deadline);
    if (this.current !== state) return false;
    // Own commits that landed since the store was asked make the state newer, not stale.
    if (!isBehind && (numberOf(stored) < numberOf(state.version) || sameVersion(stored, state.version))) {
      return true;
    }
    this.drop();
    return false;
  }

  get #isOwnHeld(): boolean {
    return this.#phase.kind === 'ready' && this.#isHeld(this.#phase.heldSince);
  }

  #isHeld(heldSince: number | undefined): boolean {
    const { tenure } = this.#ports;
    return heldSince !== undefined && tenure.isLeaseCurrent() && tenure.keeps(this.#entityId, heldSince);
  }

  /**
   * Commits a draft of `state`; where that wins, the draft becomes the state. A conflict drops it.
   * Rejects with `moved`, and nothing is written, where another node owns the row, or did since the view of `sinceEpoch`:
   * what came before this was refused then, and must not be overtaken by what waited behind it (G3).
   */
  async commit(
    state: T['state'],
    draft: T['draft'],
    { cells, sinceEpoch }: { readonly cells: readonly Cell[]; readonly sinceEpoch: number },
    deadline: number,
  ): Promise<CommitOutcome> {
    const { store, tenure } = this.#ports;
    // Between the last look and the begin of the commit nothing may happen: once this node has sealed, and others may
    // know of that, none is begun. So an `await` that had nothing to wait for would be one too many.
    while (this.#waitMs(state) > 0) await this.#admitted(state, deadline);
    if (!tenure.keeps(this.#entityId, sinceEpoch)) {
      throw new ProtocolError('moved', 'another node has served this user meanwhile');
    }
    const epoch = tenure.epoch();
    const base = state.version;
    const writing = store.commit(this.#entityId, { base, epoch, cells }, deadline);
    this.#writing = writing.catch(() => undefined);
    try {
      const outcome = await writing;
      if (outcome.kind === 'committed') {
        this.#ports.handoff.committed(this.#entityId, base, outcome.version, cells);
        this.#landed(state, draft, outcome.version, epoch);
      } else if (this.current === state) this.drop();
      return outcome;
    } finally {
      this.#writing = undefined;
    }
  }

  /** Waits until the row's last writer is out of the way. */
  async #admitted(state: T['state'], deadline: number): Promise<void> {
    for (let waitMs = this.#waitMs(state); waitMs > 0; waitMs = this.#waitMs(state)) {
      await this.#pause(waitMs, deadline);
    }
  }

  /** For how long this commit or read has to wait for the row's last writer to be out of the way; 0: no longer. */
  #waitMs(state: T['state'] | undefined): number {
    const admission = this.#ports.tenure.mayServe(this.#entityId, state?.version);
    if (admission.kind === 'wrongOwner') {
      throw new ProtocolError('moved', 'another node serves this user now');
    }
    return admission.kind === 'wait' ? admission.waitMs : 0;
  }

  async #pause(waitMs: number, deadline: number): Promise<void> {
    const { time } = this.#ports;
    if (time.monotonicMs() + waitMs >= deadline) {
      throw new ProtocolError('unavailable', 'this user is being taken over; try again', {
        retryAfterMs: Math.ceil(waitMs),
      });
    }
    await new Promise<void>((resolve) => {
      time.after(waitMs, resolve);
    });
  }

  /** The draft is durable: it becomes the state, unless that was read anew meanwhile with this commit in it. */
  #landed(state: T['state'], draft: T['draft'], version: RowVersion, epoch: number): void {
    const present = this.current;
    const isReplaced = present !== undefined && present !== state;
    if (this.#seen > version.number || (isReplaced && numberOf(present.version) >= version.number)) return;
    this.#seen = version.number;
    this.#phase = { kind: 'ready', state, heldSince: epoch };
    this.#ports.changed(state, this.#behaviour.apply(state, draft, version));
  }
}
