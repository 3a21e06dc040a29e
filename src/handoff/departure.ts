import type { EntityRegistry } from '../actor/entity-registry.ts';
import type { RingView } from '../ring/ring-view.ts';
import type { Cell } from '../row/cell.ts';
import type { RowVersion } from '../row/row-version.ts';
import type { Time } from '../std/time.ts';
import { DepartureLane, type SendCopies } from './departure-lane.ts';
import type { HandoffLimits } from './handoff-limits.ts';
import type { HandoffTally } from './handoff-tally.ts';
import type { NodeStatus, SurveyedFlow } from './handoff-wire.ts';
import { SendPace } from './send-pace.ts';

export interface DepartureParts {
  readonly changeId: string;
  /** The view that the change stands on, and the one that it will make. */
  readonly epoch: number;
  readonly planned: RingView;
  readonly nodeId: string;
  readonly registry: EntityRegistry;
  readonly send: SendCopies;
  readonly limits: HandoffLimits;
  readonly tally: HandoffTally;
  readonly time: Time;
  readonly alarm: (error: unknown, what: string) => void;
}

/** What is in memory of this node's and belongs to others in that view: by new owner, the hottest first. */
export function movingFrom(
  registry: EntityRegistry,
  nodeId: string,
  present: RingView,
  planned: RingView,
): ReadonlyMap<string, { entityId: string; bytes: number }[]> {
  const moving = new Map<string, { entityId: string; bytes: number }[]>();
  for (const entity of registry.hottest()) {
    if (present.ownerOf(entity.entityId).nodeId !== nodeId) continue;
    const to = planned.ownerOf(entity.entityId).nodeId;
    if (to === nodeId) continue;
    const list = moving.get(to);
    if (list === undefined) moving.set(to, [entity]);
    else list.push(entity);
  }
  return moving;
}

export function flowsOf(
  moving: ReadonlyMap<string, readonly { readonly bytes: number }[]>,
): readonly SurveyedFlow[] {
  return [...moving].map(([to, entities]) => ({
    to,
    users: entities.length,
    bytes: entities.reduce((sum, { bytes }) => sum + bytes, 0),
  }));
}

/**
 * - `sending`: what moves is sent ahead, and every commit of it; all is served here.
 * - `sealed`: the view is in force; commits that were in flight come in, and the last word about each row goes out.
 * - `over`.
 */
type Phase = 'sending' | 'sealed' | 'over';

const requestsPerSilence = 3;

/** What leaves this node in one change of the ring. */
export class Departure {
  readonly changeId: string;
  readonly #parts: DepartureParts;
  readonly #lanes = new Map<string, DepartureLane>();
  #phase: Phase = 'sending';
  #hasSealed = false;
  /** The coordinator asked last. */
  #askedMs: number;

  constructor(parts: DepartureParts, present: RingView) {
    this.changeId = parts.changeId;
    this.#parts = parts;
    this.#askedMs = parts.time.monotonicMs();
    const pace = new SendPace(parts.limits.bytesPerSecond, parts.time);
    for (const [to, entities] of movingFrom(parts.registry, parts.nodeId, present, parts.planned)) {
      this.#lanes.set(to, this.#laneTo(to, pace));
      this.#lanes.get(to)?.begin(entities);
    }
    this.#watchSilence();
  }

  /** Follows the view directly on the one that this was prepared in? */
  isFor(view: RingView): boolean {
    return view.epoch === this.#parts.epoch + 1;
  }

  status(): NodeStatus {
    this.#askedMs = this.#parts.time.monotonicMs();
    const lanes = [...this.#lanes.values()];
    const sum = (of: (lane: DepartureLane) => number): number =>
      lanes.reduce((total, lane) => total + of(lane), 0);
    return {
      state: this.#state(lanes),
      totalUsers: sum(({ total }) => total),
      movedUsers: sum(({ sent }) => sent),
      totalBytes: sum(({ totalBytes }) => totalBytes),
      movedBytes: sum(({ sentBytes }) => sentBytes),
    };
  }

  /** A commit of this node is durable. */
  committed(
    entityId: string,
    base: RowVersion | undefined,
    version: RowVersion,
    cells: readonly Cell[],
  ): void {
    if (this.#phase === 'over') return;
    const { nodeId, planned } = this.#parts;
    const to = planned.ownerOf(entityId).nodeId;
    if (to !== nodeId) this.#lanes.get(to)?.committed(entityId, { base, version, cells });
  }

  /**
   * The view is in force, and everything that it takes is sealed: what was in flight may still come in, nothing is begun.
   * Resolves when the last word about all that was sent is out.
   */
  async seal(view: RingView): Promise<void> {
    if (this.#phase !== 'sending') return;
    this.#phase = 'sealed';
    this.#hasSealed = true;
    const { limits, nodeId, registry, tally, time } = this.#parts;
    const startMs = time.monotonicMs();
    const isGone = (entityId: string, to: string): boolean => {
      const owner = view.ownerOf(entityId).nodeId;
      return owner === to && owner !== nodeId;
    };
    const writing = (entityId: string): Promise<unknown> | undefined => registry.writing(entityId);
    const lanes = [...this.#lanes].map(([to, lane]) => lane.seal((id) => isGone(id, to), writing));
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = time.after(limits.settleMs, resolve);
    });
    try {
      await Promise.race([Promise.all(lanes), late]);
    } finally {
      cancel();
      tally.releases++;
      tally.releaseMs += time.monotonicMs() - startMs;
      this.end();
    }
  }

  end(): void {
    this.#phase = 'over';
    for (const lane of this.#lanes.values()) lane.end();
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** Where whoever wanted this is gone, another one may begin anew. */
  #watchSilence(): void {
    const { limits, time } = this.#parts;
    // One request that got lost, and another one, say nothing about the coordinator.
    const silentMs = Math.max(limits.silentMs, requestsPerSilence * limits.requestMs);
    time.after(silentMs, () => {
      if (this.#phase !== 'sending') return;
      if (time.monotonicMs() - this.#askedMs >= silentMs) this.end();
      else this.#watchSilence();
    });
  }

  #state(lanes: readonly DepartureLane[]): NodeStatus['state'] {
    if (this.#phase !== 'sending') return this.#hasSealed ? 'switched' : 'waiting';
    return lanes.every(({ isReady }) => isReady) ? 'ready' : 'sending';
  }

  #laneTo(to: string, pace: SendPace): DepartureLane {
    const { changeId, registry, send, limits, tally, time, alarm } = this.#parts;
    return new DepartureLane({ to, changeId, registry, send, limits, tally, time, pace, alarm });
  }
}
