import { ending, pendingIn, plannedView } from '../ring/pending-change.ts';
import { ordinaryWeight, weightMax } from '../ring/member.ts';
import { assigned, assignmentOf, withoutNode, type RingDocument } from '../ring/ring-document.ts';
import type { RingView } from '../ring/ring-view.ts';
import { StoreError } from '../row/row-store.ts';
import type { Time } from '../std/time.ts';
import type { Handoff } from './handoff.ts';
import { unpackFlows, unpackProgress, type HandoffAsk, type WeightPlan } from './handoff-wire.ts';
import type { RingChanges } from './ring-changes.ts';
import { RingControlError } from './ring-control.ts';
import type {
  RingControl,
  RingControlCode,
  RingFlow,
  RingOutcome,
  RingPreview,
  RingProgress,
  RingRefusal,
  RingReport,
  RingRequest,
} from './ring-control.ts';

export interface RingDeskParts {
  readonly nodeId: string;
  readonly changes: RingChanges;
  readonly handoff: Handoff;
  readonly time: Time;
}

/** What operators ask of the ring, answered at this node. */
export class RingDesk implements RingControl {
  readonly #parts: RingDeskParts;

  constructor(parts: RingDeskParts) {
    this.#parts = parts;
  }

  async show(deadline: number): Promise<RingReport> {
    const { changes, nodeId } = this.#parts;
    const ring = await this.#latest(deadline);
    const { epoch, members, shares } = ring.view;
    const pending = pendingIn(ring);
    return {
      nodeId,
      epoch,
      members: members.map((member, index) => {
        const { isDead, adoptedEpoch } = changes.membership.signsOf(member.incarnation);
        return { ...member, share: shares[index] ?? 0, isAlive: !isDead, adoptedEpoch };
      }),
      removed: ring.assignments.filter(({ service }) => service === 'removed').map((one) => one.nodeId),
      pending: pending && ((await this.#ask('progress', pending.changeId, ring)) ?? asRecorded(ring)),
      last: changes.last,
    };
  }

  async preview(request: RingRequest, deadline: number): Promise<RingPreview> {
    return this.#previewIn(await this.#latest(deadline), request);
  }

  async start(
    request: RingRequest,
    { force }: { readonly force: boolean },
    deadline: number,
  ): Promise<RingProgress> {
    const ring = await this.#latest(deadline);
    this.#check(ring, request, force);
    const plan = planOf(ring, request);
    if (request.kind === 'remove' || plan === undefined) return this.#atOnce(ring, request, force, deadline);
    const runner = await this.#tried(() => this.#parts.changes.begin(request.kind, plan, deadline));
    return runner.progress();
  }

  async progress(changeId: string | undefined, deadline: number): Promise<RingProgress | undefined> {
    const { changes } = this.#parts;
    const known = changeId === undefined ? changes.running?.progress() : changes.progressOf(changeId);
    if (known !== undefined) return known;
    const ring = await this.#latest(deadline);
    const pending = pendingIn(ring);
    if (pending !== undefined && (changeId === undefined || changeId === pending.changeId)) {
      return (await this.#ask('progress', pending.changeId, ring)) ?? asRecorded(ring);
    }
    if (changeId === undefined) return changes.last;
    // Whoever carried it out may remember.
    for (const { nodeId } of ring.view.members) {
      const found = await this.#askNode(nodeId, { kind: 'progress', changeId });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async abort(changeId: string, deadline: number): Promise<RingProgress> {
    const ring = await this.#latest(deadline);
    const pending = pendingIn(ring);
    if (pending?.changeId !== changeId) {
      throw refused('no_such_change', 'it is not under way (any more): see what `show` says');
    }
    const answer = await this.#ask('abort', changeId, ring);
    if (answer !== undefined && answer.phase !== 'preparing' && answer.outcome === undefined) {
      throw refused('too_late', 'users are served where the change has put them: make another change');
    }
    // Where who carries it out is gone, hangs, or could not do this itself: without its entry in the document it can't go on.
    const ended = await this.#ended(changeId, deadline);
    this.#parts.handoff.cancel(changeId);
    if (answer !== undefined) return answer;
    const progress = ended && asRecorded(ended);
    if (progress === undefined)
      throw refused('no_such_change', 'it has ended meanwhile: see what `show` says');
    return { ...progress, phase: 'finished', finishedAt: this.#now, outcome: endedOutcome(progress) };
  }

  /** Takes it out of the document. @returns the one that it was taken out of; undefined: it was in none any more */
  async #ended(changeId: string, deadline: number): Promise<RingDocument | undefined> {
    let last: RingDocument | undefined;
    await this.#tried(() =>
      this.#parts.changes.membership.propose((latest) => {
        const next = latest && ending(latest, changeId);
        // Called again where the store did not tell whether an earlier try was taken: then this one finds nothing.
        if (next !== undefined) last = latest;
        return next;
      }, deadline),
    );
    return last;
  }

  /** What another node asks about a change that this one carries out; as JSON, null where it does not. */
  async answer({
    kind,
    changeId,
  }: Extract<HandoffAsk, { kind: 'progress' | 'abort' }>): Promise<string | null> {
    const { changes } = this.#parts;
    const { running } = changes;
    if (kind === 'abort' && running?.changeId === changeId && running.abort('an operator aborted it')) {
      await running.over;
    }
    const progress = changes.progressOf(changeId);
    // One that has no outcome and is not carried out any more: whoever asks may end it.
    const isLost = progress?.outcome === undefined && running?.changeId !== changeId;
    return progress === undefined || isLost ? null : JSON.stringify(progress);
  }

  async #previewIn(ring: RingDocument, request: RingRequest): Promise<RingPreview> {
    const plan = planOf(ring, request);
    const refusals = this.#refusals(ring, request);
    const warnings: string[] = [];
    const preview = { request, epoch: ring.view.epoch, refusals, warnings };
    if (plan === undefined || refusals.some(({ code }) => code === 'last_node' || code === 'unknown_node')) {
      return { ...preview, movedShare: 0, flows: [], silentNodes: [] };
    }
    const flows: RingFlow[] = [];
    const silentNodes: string[] = [];
    await Promise.all(
      ring.view.members.map(async ({ nodeId }) => {
        const found = await this.#survey(nodeId, plan);
        if (found === undefined) silentNodes.push(nodeId);
        for (const { to, users, bytes } of found ?? []) {
          flows.push({ from: nodeId, to, activeUsers: users, bytes });
        }
      }),
    );
    if (silentNodes.length > 0) {
      warnings.push(`${silentNodes.join(', ')} did not answer: what moves from there is not sent ahead`);
    }
    const movedShare = movedShareOf(ring.view, plannedView(ring.view, plan));
    return { ...preview, movedShare, flows, silentNodes };
  }

  async #survey(nodeId: string, plan: WeightPlan): Promise<ReturnType<Handoff['survey']> | undefined> {
    const { handoff } = this.#parts;
    if (nodeId === this.#parts.nodeId) return handoff.survey(plan);
    const body = await handoff.ask(nodeId, { kind: 'survey', plan });
    return body === undefined ? undefined : unpackFlows(body);
  }

  /** @throws RingControlError */
  #check(ring: RingDocument, request: RingRequest, force: boolean): void {
    const refusal = this.#refusals(ring, request).find(({ risk }) => !force || risk === undefined);
    if (refusal !== undefined) throw new RingControlError(refusal);
  }

  #refusals(ring: RingDocument, request: RingRequest): readonly RingRefusal[] {
    const { nodeId } = request;
    const refusals: RingRefusal[] = [];
    const refuse = (code: RingControlCode, message: string, risk?: string): void => {
      refusals.push({ code, message, risk });
    };
    const member = ring.view.member(nodeId);
    const { service } = assignmentOf(ring, nodeId);
    if (member === undefined && !(request.kind === 'join' && service === 'removed')) {
      // One that died, or has not come yet, can be kept out; its name can't be checked.
      const canKeepOut = request.kind === 'remove' && service !== 'removed';
      const risk = canKeepOut ? 'a node with this name will not come in until it is told to join' : undefined;
      refuse('unknown_node', `${nodeId} is not in the ring: start its process, it comes in by itself`, risk);
    }
    const weight = planOf(ring, request)?.weight ?? ('weight' in request ? request.weight : undefined) ?? 0;
    if (!Number.isInteger(weight) || weight < 0 || weight > weightMax) {
      refuse('invalid_weight', `a weight is a whole number from 0 to ${weightMax}`);
    }
    const pending = pendingIn(ring);
    if (pending !== undefined) {
      const what = `${pending.kind} of ${pending.nodeId} (${pending.changeId})`;
      refuse('change_running', `${what} is under way: wait for it, or abort it`);
    }
    if (member === undefined) return refusals;
    if (request.kind !== 'remove' && member.weight === weight && service === serviceAfter(request)) {
      refuse('no_change', `${nodeId} has weight ${weight} already`);
    }
    const others = ring.view.members.filter((one) => one.nodeId !== nodeId && one.weight > 0);
    if (weight === 0 && others.length === 0) {
      refuse('last_node', 'nobody would be left to serve: let another node join first');
    }
    this.#refuseByLife(ring, request, refuse);
    return refusals;
  }

  #refuseByLife(
    ring: RingDocument,
    request: RingRequest,
    refuse: (code: RingControlCode, message: string, risk?: string) => void,
  ): void {
    const { membership } = this.#parts.changes;
    const isDead = (nodeId: string): boolean => {
      const member = ring.view.member(nodeId);
      return member !== undefined && membership.signsOf(member.incarnation).isDead;
    };
    const { nodeId } = request;
    const weight = ring.view.member(nodeId)?.weight ?? 0;
    if (request.kind === 'remove') {
      if (weight > 0 && !isDead(nodeId)) {
        const risk = 'its users move at once: what they had in memory is loaded from the store';
        refuse('node_alive', `${nodeId} serves users: drain it first`, risk);
      }
      return;
    }
    const takes = planOf(ring, request)?.weight ?? 0;
    const others = ring.view.members.filter((one) => one.nodeId !== nodeId && one.weight > 0);
    const takers = takes > weight ? [nodeId] : others.map((one) => one.nodeId);
    for (const taker of takers) {
      if (!isDead(taker)) continue;
      const risk = `users that move to ${taker} are not served until it comes back or is removed`;
      refuse('node_down', `${taker} shows no sign of life: start it, or remove it`, risk);
    }
  }

  /** What moves nobody who is served, or is not to wait for that: in one step. */
  async #atOnce(
    ring: RingDocument,
    request: RingRequest,
    force: boolean,
    deadline: number,
  ): Promise<RingProgress> {
    const { changes, nodeId: coordinator } = this.#parts;
    const { nodeId } = request;
    const startedAt = this.#now;
    await this.#tried(() =>
      changes.membership.propose((latest, viewId) => {
        if (latest === undefined) return undefined;
        const isPresent = latest.view.member(nodeId) !== undefined;
        const before = assignmentOf(latest, nodeId);
        const service = request.kind === 'join' ? 'in' : 'removed';
        // An earlier try of this came through after all, or somebody else did the same.
        if (before.service === service && (service === 'in' || !isPresent)) return undefined;
        this.#check(latest, request, force);
        if (request.kind === 'join') {
          const weight = request.weight ?? (before.weight || ordinaryWeight);
          return assigned(latest, { ...before, weight, service });
        }
        const rest = isPresent ? withoutNode(latest, nodeId, viewId) : latest;
        return assigned(rest, { ...before, service });
      }, deadline),
    );
    const remark = request.kind === 'join' ? `${nodeId} comes in by itself, if its process runs` : undefined;
    return {
      ...{ changeId: `${ring.view.viewId}-${nodeId}`, kind: request.kind, nodeId, coordinator },
      ...{ phase: 'finished', totalUsers: 0, movedUsers: 0, totalBytes: 0, movedBytes: 0, nodes: [] },
      ...{ startedAt, finishedAt: this.#now, outcome: { kind: 'done', remark } },
    };
  }

  /** Of who carries the change out; undefined: it doesn't answer, or knows nothing of it. */
  async #ask(
    kind: 'progress' | 'abort',
    changeId: string,
    ring: RingDocument,
  ): Promise<RingProgress | undefined> {
    const coordinator = ring.view.members.find((one) => one.incarnation === ring.pending?.coordinator);
    return coordinator && this.#askNode(coordinator.nodeId, { kind, changeId });
  }

  async #askNode(
    nodeId: string,
    ask: Extract<HandoffAsk, { kind: 'progress' | 'abort' }>,
  ): Promise<RingProgress | undefined> {
    if (nodeId !== this.#parts.nodeId) {
      const body = await this.#parts.handoff.ask(nodeId, ask);
      return body === undefined ? undefined : unpackProgress(body);
    }
    const own = await this.answer(ask);
    return own === null ? undefined : unpackProgress(own);
  }

  async #latest(deadline: number): Promise<RingDocument> {
    const ring = await this.#tried(() => this.#parts.changes.latest(deadline));
    if (ring === undefined) throw refused('not_member', 'there is no ring yet');
    return ring;
  }

  async #tried<Value>(act: () => Promise<Value>): Promise<Value> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      throw new RingControlError(
        { code: 'unavailable', message: 'the store is out of reach: try again', risk: undefined },
        { cause: error },
      );
    }
  }

  get #now(): number {
    return this.#parts.time.wallMs();
  }
}

function refused(code: RingControlCode, message: string): RingControlError {
  return new RingControlError({ code, message, risk: undefined });
}

/** Which weight the node gets; undefined: none, as it is not in the ring or leaves it. */
function planOf(ring: RingDocument, request: RingRequest): WeightPlan | undefined {
  const { nodeId } = request;
  if (ring.view.member(nodeId) === undefined || request.kind === 'remove') return undefined;
  if (request.kind === 'drain') return { nodeId, weight: 0 };
  if (request.kind === 'weight') return { nodeId, weight: request.weight };
  return { nodeId, weight: request.weight ?? (assignmentOf(ring, nodeId).weight || ordinaryWeight) };
}

function serviceAfter({ kind }: RingRequest): 'in' | 'drained' {
  return kind === 'drain' ? 'drained' : 'in';
}

/** Of a change that was taken out of the document, as its coordinator does not answer. */
function endedOutcome({ phase }: RingProgress): RingOutcome {
  if (phase === 'preparing') {
    return { kind: 'aborted', reason: 'an operator aborted it while its coordinator did not answer' };
  }
  return { kind: 'done', remark: 'its coordinator did not answer: nobody watched it settle' };
}

/** What the document alone tells of a change whose coordinator does not answer. */
function asRecorded(ring: RingDocument): RingProgress | undefined {
  const { pending, view } = ring;
  if (pending === undefined) return undefined;
  const { changeId, kind, nodeId, phase } = pending;
  const coordinator = view.members.find((one) => one.incarnation === pending.coordinator)?.nodeId ?? '';
  return {
    ...{ changeId, kind, nodeId, coordinator, phase },
    ...{ totalUsers: 0, movedUsers: 0, totalBytes: 0, movedBytes: 0, nodes: [] },
    ...{ startedAt: 0, finishedAt: undefined, outcome: undefined },
  };
}

/** What part of all users changes its node; sampled at even steps, as the exact one needs both rings side by side. */
function movedShareOf(before: RingView, after: RingView): number {
  let moved = 0;
  for (let index = 0; index < sampleCount; index++) {
    const id = `sample${index}`;
    if (before.ownerOf(id).nodeId !== after.ownerOf(id).nodeId) moved++;
  }
  return moved / sampleCount;
}

const sampleCount = 4_096;
