import { describe, expect, test } from 'vitest';
import { GroupRig } from '../../support/group-rig.ts';

const trio = ['ann', 'bob', 'cat'];
const impatient = { actorLimits: { commitDeadlineMs: 100 } };

describe('a group whose commit failed and may have been applied', () => {
  test.each([50, 300, 3_000, 30_000])(
    'G5, G8: what lands %d ms later is told, or comes too late',
    async (delayMs) => {
      const [rig, groupId] = await GroupRig.with(trio, impatient);
      await rig.settle(30_000);
      rig.faultOf = ({ kind, entityId }) =>
        kind === 'compareAndPut' && entityId === groupId ? { kind: 'late', delayMs } : undefined;
      await expect(rig.say('ann', groupId, 'late')).rejects.toMatchObject({ kind: 'unavailable' });
      rig.faultOf = () => undefined;
      await rig.settle(delayMs + 10_000);
      const lastSeq = (await rig.entry('bob', groupId))?.lastSeq;
      expect(lastSeq).toBe((await rig.texts('bob', groupId)).length);
      expect(rig.alarms).toEqual([]);
    },
  );

  test('is not tried without end nor pause while nothing can be written, also where memory is wanted', async () => {
    const cacheLimits = { budgetBytes: 1, recentMs: 0 };
    const [rig, groupId] = await GroupRig.with(trio, { ...impatient, cacheLimits });
    await rig.settle(60_000);
    let tries = 0;
    rig.faultOf = ({ kind, entityId }) => {
      if (kind !== 'compareAndPut' || entityId !== groupId) return undefined;
      tries++;
      return { kind: 'unavailable' };
    };
    await expect(rig.say('ann', groupId, 'lost')).rejects.toMatchObject({ kind: 'unavailable' });
    const isHeld = (): boolean => rig.node.registry.hottest().some(({ entityId }) => entityId === groupId);
    const others = async (ms: number): Promise<void> => {
      for (let index = 0; index < ms / 100; index++) {
        void rig.mailbox(`other${index}`).call('account', null, rig.deadline());
        await rig.settle(100);
      }
    };
    await others(20_000);
    tries = 0;
    await others(100_000);
    expect(isHeld()).toBe(true);
    expect(tries).toBeGreaterThan(0);
    expect(tries).toBeLessThan(100);
    await others(100_000);
    expect(isHeld()).toBe(false);
    expect(rig.alarms).toEqual([]);
  });

  test('is committed once as it is when the store is back, and may leave memory', async () => {
    const [rig, groupId] = await GroupRig.with(trio, impatient);
    await rig.settle(60_000);
    rig.faultOf = ({ entityId }) => (entityId === groupId ? { kind: 'lost' } : undefined);
    await expect(rig.say('ann', groupId, 'lost')).rejects.toMatchObject({ kind: 'unavailable' });
    await rig.settle(60_000);
    expect(rig.group(groupId).isIdle).toBe(false);
    rig.faultOf = () => undefined;
    const before = rig.node.tally.commits;
    await rig.settle(60_000);
    expect(rig.node.tally.commits).toBe(before + 1);
    expect(rig.group(groupId).isIdle).toBe(true);
  });
});
