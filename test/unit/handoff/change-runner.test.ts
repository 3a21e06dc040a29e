import { describe, expect, test } from 'vitest';
import { ChangeRunner } from '../../../src/handoff/change-runner.ts';
import { defaultHandoffLimits } from '../../../src/handoff/handoff-limits.ts';
import type { NodeStatus } from '../../../src/handoff/handoff-wire.ts';
import type { PendingChange, RingDocument } from '../../../src/ring/ring-document.ts';
import { memberOf, viewIdOf, viewOf } from '../../support/ring-parts.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

type Answer = NodeStatus['state'] | undefined;

/** A change of a ring of three nodes, carried out by n1, and what the nodes answer. */
class RunnerRig {
  readonly time = new VirtualTime();
  readonly phases: string[] = [];
  readonly alarms: unknown[] = [];
  /** What a node says when it is asked; undefined: nothing. May throw. */
  answer: (nodeId: string) => Answer = () => (this.document.view.epoch > 1 ? 'switched' : 'ready');
  document: RingDocument;
  readonly runner: ChangeRunner;

  constructor(weight: number) {
    const view = viewOf(1, [memberOf(1), memberOf(2), memberOf(3)]);
    const coordinator = memberOf(1).incarnation;
    const change: PendingChange = {
      ...{ changeId: 'c', kind: 'weight', nodeId: 'n3', weight, coordinator, epoch: 1, phase: 'preparing' },
    };
    this.document = {
      ...{ view, parentViewId: undefined, removals: { sinceEpoch: 0, memberCount: 0, used: 0, removed: [] } },
      ...{ departed: [], lingering: [], pending: change, assignments: [] },
    };
    this.runner = new ChangeRunner({
      ...{ change, view, coordinator: 'n1', limits: defaultHandoffLimits, time: this.time },
      propose: (next) => {
        this.document = next(this.document, viewIdOf(2)) ?? this.document;
        return Promise.resolve(this.document);
      },
      epoch: () => this.document.view.epoch,
      ask: (nodeId) => Promise.resolve().then(() => this.#statusOf(nodeId)),
      cancel: () => this.phases.push('cancelled'),
      changed: ({ phase }) => this.phases.push(phase),
      alarm: (error) => this.alarms.push(error),
    });
  }

  #statusOf(nodeId: string): NodeStatus | undefined {
    const state = this.answer(nodeId);
    return state && { state, totalUsers: 1, movedUsers: 1, totalBytes: 1, movedBytes: 1 };
  }
}

describe('a change of the ring', () => {
  test('goes through its phases, and out of the document', async () => {
    const rig = new RunnerRig(200);
    expect(await rig.time.drive(rig.runner.over)).toMatchObject({ outcome: { kind: 'done' } });
    expect(rig.phases).toEqual(['preparing', 'switching', 'settling', 'finished']);
    expect([rig.document.view.epoch, rig.document.pending]).toEqual([2, undefined]);
  });

  test('G10: gives no users to a node that answered and then died', async () => {
    const rig = new RunnerRig(200);
    let isGivingYet = true;
    rig.answer = (nodeId) => {
      if (nodeId === 'n3') return rig.time.monotonicMs() < 1_000 ? 'ready' : undefined;
      return isGivingYet ? 'sending' : 'ready';
    };
    await rig.time.run(2_000);
    isGivingYet = false;
    const { outcome } = await rig.time.drive(rig.runner.over);
    const reason = 'n3 did not answer: users that move there would not be served';
    expect(outcome).toEqual({ kind: 'failed', reason });
    expect([rig.document.view.epoch, rig.document.pending]).toEqual([1, undefined]);
  });

  test('gives no users to a node that never answered; takes them from one that does not', async () => {
    const given = new RunnerRig(50);
    given.answer = (nodeId) => (nodeId === 'n2' ? undefined : 'ready');
    expect(await given.time.drive(given.runner.over)).toMatchObject({ outcome: { kind: 'failed' } });

    const taken = new RunnerRig(50);
    const { answer } = taken;
    taken.answer = (nodeId) => (nodeId === 'n3' ? undefined : answer(nodeId));
    const { outcome } = await taken.time.drive(taken.runner.over);
    const remark = 'n3 did not answer: users moved from there were not sent ahead';
    expect(outcome).toEqual({ kind: 'done', remark });
  });

  test('goes on without what could not be sent ahead in time: it would be as much the next time', async () => {
    const rig = new RunnerRig(200);
    const { answer } = rig;
    rig.answer = (nodeId) => {
      const isOver = rig.document.view.epoch > 1;
      return nodeId === 'n2' && !isOver ? 'sending' : answer(nodeId);
    };
    const { outcome } = await rig.time.drive(rig.runner.over);
    const remark = 'n2 did not send all ahead in time: the rest is loaded from the store';
    expect(outcome).toEqual({ kind: 'done', remark });
    expect(rig.time.monotonicMs()).toBeGreaterThanOrEqual(defaultHandoffLimits.prepareMs - 1_000);
  });

  test('gives no users to a node that has not begun to take part', async () => {
    const rig = new RunnerRig(200);
    rig.answer = (nodeId) => (nodeId === 'n3' ? 'waiting' : 'ready');
    const { outcome } = await rig.time.drive(rig.runner.over);
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect(rig.document.view.epoch).toBe(1);
  });

  test('fails where a node that took part has given it up', async () => {
    const rig = new RunnerRig(200);
    rig.answer = (nodeId) => {
      if (nodeId === 'n1') return 'sending';
      return nodeId === 'n2' && rig.time.monotonicMs() > 500 ? 'waiting' : 'ready';
    };
    const { outcome } = await rig.time.drive(rig.runner.over);
    expect(outcome).toEqual({ kind: 'failed', reason: 'n2 gave it up' });
    expect(rig.document.view.epoch).toBe(1);
  });

  test('ends where it was taken out of the document', async () => {
    const rig = new RunnerRig(200);
    rig.answer = () => 'sending';
    await rig.time.run(1_500);
    rig.document = { ...rig.document, pending: undefined };
    await rig.time.run(2_000);
    expect(rig.phases).toEqual(['preparing', 'cancelled', 'finished']);
  });

  test('leaves nothing in the document where an answer makes no sense', async () => {
    const rig = new RunnerRig(200);
    rig.answer = () => {
      throw new Error('nonsense');
    };
    expect(await rig.time.drive(rig.runner.over)).toMatchObject({ outcome: { kind: 'failed' } });
    expect([rig.alarms.length, rig.document.pending]).toEqual([1, undefined]);
  });
});
