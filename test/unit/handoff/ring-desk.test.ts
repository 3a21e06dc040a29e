import { describe, expect, test } from 'vitest';
import type { Handoff } from '../../../src/handoff/handoff.ts';
import type { RingChanges } from '../../../src/handoff/ring-changes.ts';
import { RingDesk } from '../../../src/handoff/ring-desk.ts';
import type { RingProposer } from '../../../src/membership/ring-proposer.ts';
import { assignmentOf, type PendingChange, type RingDocument } from '../../../src/ring/ring-document.ts';
import { memberOf, viewIdOf, viewOf } from '../../support/ring-parts.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

type Change = Parameters<RingProposer['propose']>[0];

/** The desk of n1 in a ring of three, and what is in the store. */
class DeskRig {
  document: RingDocument = {
    ...{ view: viewOf(1, [memberOf(1), memberOf(2), memberOf(3, { weight: 0 })]), parentViewId: undefined },
    ...{ removals: { sinceEpoch: 0, memberCount: 0, used: 0, removed: [] }, departed: [], lingering: [] },
    ...{ pending: undefined, assignments: [] },
  };
  /** Runs once, between what the operator's request was judged by and the proposal. */
  meanwhile: () => void = () => undefined;
  readonly dead = new Set<string>();
  readonly desk: RingDesk;

  constructor() {
    const membership = {
      propose: (change: Change): Promise<RingDocument> => {
        this.meanwhile();
        this.document = change(this.document, viewIdOf(this.document.view.epoch + 1)) ?? this.document;
        return Promise.resolve(this.document);
      },
      signsOf: (incarnation: string) => ({ isDead: this.dead.has(incarnation), adoptedEpoch: 1 }),
    };
    // Only what a change in one step asks for.
    const changes = { membership, latest: () => Promise.resolve(this.document) } as unknown as RingChanges;
    const handoff = {
      ...{ survey: () => [], ask: () => Promise.resolve(undefined), cancel: () => undefined },
    } as unknown as Handoff;
    const parts = { nodeId: 'n1', changes, handoff };
    this.desk = new RingDesk({ ...parts, time: new VirtualTime() });
  }

  start(request: Parameters<RingDesk['start']>[0], force = false): ReturnType<RingDesk['start']> {
    return this.desk.start(request, { force }, 1_000);
  }
}

const other: PendingChange = {
  ...{ changeId: 'c', kind: 'weight', nodeId: 'n2', weight: 50, coordinator: memberOf(2).incarnation },
  ...{ epoch: 1, phase: 'preparing' },
};

describe('a change of the ring in one step', () => {
  test('is refused where another one came in between', async () => {
    const rig = new DeskRig();
    rig.meanwhile = () => {
      rig.document = { ...rig.document, pending: other };
    };
    await expect(rig.start({ kind: 'remove', nodeId: 'n3' })).rejects.toMatchObject({
      code: 'change_running',
    });
    expect(rig.document.view.member('n3')).toBeDefined();
  });

  test('keeps out for good what is in the ring, and by force what has died before', async () => {
    const rig = new DeskRig();
    await rig.start({ kind: 'remove', nodeId: 'n3' });
    await expect(rig.start({ kind: 'remove', nodeId: 'n4' })).rejects.toMatchObject({ code: 'unknown_node' });
    await rig.start({ kind: 'remove', nodeId: 'n4' }, true);
    expect(rig.document.view.member('n3')).toBeUndefined();
    expect(['n3', 'n4'].map((id) => assignmentOf(rig.document, id).service)).toEqual(['removed', 'removed']);
  });

  test('lets a removed node come back with the weight that is asked for', async () => {
    const rig = new DeskRig();
    await rig.start({ kind: 'remove', nodeId: 'n3' });
    await rig.start({ kind: 'join', nodeId: 'n3', weight: 50 });
    expect(assignmentOf(rig.document, 'n3')).toEqual({ nodeId: 'n3', service: 'in', weight: 50 });
  });

  test('waits for no dead node that takes nobody', async () => {
    const rig = new DeskRig();
    rig.dead.add(memberOf(3).incarnation);
    const { refusals } = await rig.desk.preview({ kind: 'drain', nodeId: 'n2' }, 1_000);
    expect(refusals).toEqual([]);
  });
});

test.each([
  ['preparing', 'aborted'],
  ['settling', 'done'],
] as const)('a change that was %s, ended as its coordinator does not answer, is %s', async (phase, kind) => {
  const rig = new DeskRig();
  rig.document = { ...rig.document, pending: { ...other, phase } };
  const progress = await rig.desk.abort('c', 1_000);
  expect(progress).toMatchObject({ phase: 'finished', outcome: { kind } });
  expect(rig.document.pending).toBeUndefined();
});

test('a change that was made while an operator aborted it without its coordinator is not told to be aborted', async () => {
  const rig = new DeskRig();
  rig.document = { ...rig.document, pending: other };
  rig.meanwhile = () => {
    rig.document = { ...rig.document, pending: { ...other, phase: 'settling' } };
  };
  expect(await rig.desk.abort('c', 1_000)).toMatchObject({ outcome: { kind: 'done' } });
  rig.document = { ...rig.document, pending: other };
  rig.meanwhile = () => {
    rig.document = { ...rig.document, pending: undefined };
  };
  await expect(rig.desk.abort('c', 1_000)).rejects.toMatchObject({ code: 'no_such_change' });
});
