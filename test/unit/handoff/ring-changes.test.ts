import { expect, test } from 'vitest';
import { defaultHandoffLimits } from '../../../src/handoff/handoff-limits.ts';
import { newHandoffTally } from '../../../src/handoff/handoff-tally.ts';
import type { Handoff } from '../../../src/handoff/handoff.ts';
import { RingChanges } from '../../../src/handoff/ring-changes.ts';
import type { Membership } from '../../../src/membership/membership.ts';
import type { RingProposer } from '../../../src/membership/ring-proposer.ts';
import type { RingDocument } from '../../../src/ring/ring-document.ts';
import { StoreError } from '../../../src/row/row-store.ts';
import { memberOf, viewIdOf, viewOf } from '../../support/ring-parts.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

test('a change that went in without this node being told does not keep its next one out', async () => {
  const time = new VirtualTime();
  let isReplyLost = true;
  let draws = 0;
  let document: RingDocument = {
    ...{ view: viewOf(1, [memberOf(1), memberOf(2)]), parentViewId: undefined },
    ...{ removals: { sinceEpoch: 0, memberCount: 0, removed: 0 }, departed: [], lingering: [] },
    ...{ pending: undefined, assignments: [] },
  };
  const propose = (change: Parameters<RingProposer['propose']>[0]): Promise<RingDocument> => {
    document = change(document, viewIdOf(document.view.epoch + 1)) ?? document;
    if (isReplyLost) return Promise.reject(new StoreError('unavailable', 'no reply'));
    return Promise.resolve(document);
  };
  const none = { totalUsers: 0, movedUsers: 0, totalBytes: 0, movedBytes: 0 };
  const statusOf = () =>
    Promise.resolve({ state: document.view.epoch === 1 ? 'ready' : 'switched', ...none });
  const changes = new RingChanges({
    ...{ self: memberOf(1), limits: defaultHandoffLimits, time, onProgress: () => undefined },
    handoff: { statusOf, tally: newHandoffTally() } as unknown as Handoff,
    random: () => (draws++ % 1_000) / 1_000,
    alarm: (error) => {
      throw error;
    },
  });
  const { view } = document;
  changes.take({ isMember: true, view, propose } as unknown as Membership);
  const plan = { nodeId: 'n2', weight: 50 };
  await expect(changes.begin('weight', plan, 1_000)).rejects.toBeInstanceOf(StoreError);
  expect(document.pending).toBeDefined();
  isReplyLost = false;
  const runner = await changes.begin('weight', plan, 1_000);
  await expect(changes.begin('weight', plan, 1_000)).rejects.toMatchObject({ code: 'change_running' });
  expect(await time.drive(runner.over)).toMatchObject({ outcome: { kind: 'done' } });
});
