import { LeaseBoardError } from '../../src/membership/lease-board.ts';
import type { Lease, LeaseBoard, Renewal, RenewalOutcome } from '../../src/membership/lease-board.ts';
import type { Cancel, Time } from '../../src/std/time.ts';

interface BoardContents {
  readonly epoch: number;
  readonly document: Buffer | undefined;
  readonly leases: ReadonlyMap<string, Lease>;
}

const nothing: BoardContents = { epoch: 0, document: undefined, leases: new Map() };

/** What a notice board knows, for as many nodes as look at it. It may forget all, or fall back to an older state. */
export class MemoryBoardServer {
  contents: BoardContents = nothing;
  readonly listeners = new Set<(epoch: number) => void>();

  wipe(): void {
    this.contents = nothing;
  }

  renew(renewal: Renewal): RenewalOutcome {
    const { epoch, document, leases } = this.contents;
    const { nodeId, incarnation, adoptedEpoch, count, isConfirmed } = renewal;
    if (adoptedEpoch < epoch && !isConfirmed) return { kind: 'refused', publishedEpoch: epoch };
    this.contents = {
      epoch: adoptedEpoch,
      document: adoptedEpoch === epoch ? document : undefined,
      leases: new Map(leases).set(nodeId, { incarnation, count, adoptedEpoch }),
    };
    if (adoptedEpoch !== epoch) this.#tell(adoptedEpoch);
    return { kind: 'renewed' };
  }

  publish(epoch: number, document: Buffer): void {
    if (epoch < this.contents.epoch) return;
    this.contents = { ...this.contents, epoch, document };
    this.#tell(epoch);
  }

  #tell(epoch: number): void {
    for (const heard of this.listeners) heard(epoch);
  }
}

/**
 * What happens to one call: `slow` reaches the server after `delayMs`, if it does so in time; `lost` never
 * reaches it; `reply_lost` does.
 */
export type BoardFault =
  { readonly kind: 'slow'; readonly delayMs: number } | { readonly kind: 'lost' | 'reply_lost' };

/** One node's way to a board in memory. */
export class MemoryLeaseBoard implements LeaseBoard {
  readonly #server: MemoryBoardServer;
  readonly #time: Time;
  readonly #faultOf: () => BoardFault | undefined;
  readonly #own = new Set<(epoch: number) => void>();
  #isClosed = false;

  constructor(
    server: MemoryBoardServer,
    time: Time,
    faultOf: () => BoardFault | undefined = () => undefined,
  ) {
    this.#server = server;
    this.#time = time;
    this.#faultOf = faultOf;
  }

  renew(renewal: Renewal, deadline: number): Promise<RenewalOutcome> {
    return this.#call(deadline, () => this.#server.renew(renewal));
  }

  leases(nodeIds: readonly string[], deadline: number): Promise<readonly (Lease | undefined)[]> {
    return this.#call(deadline, () => nodeIds.map((nodeId) => this.#server.contents.leases.get(nodeId)));
  }

  publish(epoch: number, document: Buffer, deadline: number): Promise<void> {
    return this.#call(deadline, () => {
      this.#server.publish(epoch, document);
    });
  }

  published(deadline: number): Promise<Buffer | undefined> {
    return this.#call(deadline, () => this.#server.contents.document);
  }

  subscribe(heard: (epoch: number) => void): Cancel {
    const told = (epoch: number): void => {
      if (this.#faultOf()?.kind === 'lost') return;
      this.#time.soon(() => {
        if (this.#own.has(told)) heard(epoch);
      });
    };
    this.#own.add(told);
    this.#server.listeners.add(told);
    return () => {
      this.#own.delete(told);
      this.#server.listeners.delete(told);
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const told of this.#own) this.#server.listeners.delete(told);
    this.#own.clear();
  }

  async #call<T>(deadline: number, carryOut: () => T): Promise<T> {
    if (this.#isClosed) throw new LeaseBoardError('unavailable', 'the board is closed');
    const fault = this.#faultOf();
    const leftMs = deadline - this.#time.monotonicMs();
    const isInTime = leftMs > 0 && (fault === undefined || (fault.kind === 'slow' && fault.delayMs < leftMs));
    if (fault?.kind === 'slow') await this.#pause(Math.min(fault.delayMs, leftMs));
    if (fault?.kind === 'reply_lost') carryOut();
    if (!isInTime) throw new LeaseBoardError('unavailable', `injected: ${fault?.kind ?? 'late'}`);
    return carryOut();
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#time.after(delayMs, resolve);
    });
  }
}
