import { expect, test } from 'vitest';
import { MailboxRig } from '../../support/mailbox-rig.ts';

const sweeperTiming = { everyMs: 600_000 };

async function annsCopies(rig: MailboxRig): Promise<number> {
  const range = { family: 'm', from: Buffer.alloc(0), to: undefined, limit: 1_000 } as const;
  const image = await rig.table.read('ann', [range], Infinity);
  return image.ranges[0]?.length ?? 0;
}

test('G5: what a former owner commits after the first turn has passed there is found within seconds', async () => {
  const rig = new MailboxRig({ sweeperTiming });
  await rig.users('ann', 'bob');
  const taker = rig.startNode();
  taker.sweeper.start();
  await rig.time.run(2_000);
  rig.faultOf = ({ kind, entityId }) => {
    if (kind !== 'compareAndPut' || entityId !== 'ann') return undefined;
    rig.node.process.kill();
    return { kind: 'lost' };
  };
  void rig.send('ann', 'bob', 'text 1');
  await rig.time.run(1_000);
  expect(rig.node.process.isDead).toBe(true);
  rig.faultOf = () => undefined;
  await rig.time.run(35_000);
  expect(await annsCopies(rig)).toBe(1);
});

test('G5: a row that cannot be activated is tried again within seconds, and not for ever as often', async () => {
  const rig = new MailboxRig({ sweeperTiming });
  await rig.users('ann', 'bob');
  let scans = 0;
  rig.faultOf = ({ kind, entityId }) => {
    if (kind === 'scanOutbox') scans++;
    return kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
  };
  await rig.sent('ann', 'bob', 'text 1');
  rig.node.process.kill();
  rig.node = rig.startNode();
  const { faultOf } = rig;
  rig.faultOf = (call) =>
    call.kind === 'read' && call.entityId === 'bob' ? { kind: 'unavailable' } : faultOf(call);
  rig.node.sweeper.start();
  await rig.time.run(600_000);
  expect(scans).toBeGreaterThan(3);
  expect(scans).toBeLessThan(9);
  rig.restart().sweeper.start();
  await rig.time.run(30_000);
  rig.faultOf = () => undefined;
  await rig.time.run(60_000);
  expect(await annsCopies(rig)).toBe(1);
});

test('after a take-over rows are activated a few at a time, with a pause in which others have their turn', async () => {
  const userIds = Array.from({ length: 20 }, (_, index) => `user${index}`);
  const rig = new MailboxRig({ sweeperTiming });
  await rig.users('ann', ...userIds);
  for (const userId of userIds) await rig.sent('ann', userId, 'hello');
  const readMs: number[] = [];
  rig.faultOf = ({ kind, entityId }) => {
    if (kind === 'read' && entityId?.startsWith('user') === true) readMs.push(rig.time.monotonicMs());
    return undefined;
  };
  rig.node.process.kill();
  const taker = rig.startNode();
  const sinceMs = rig.time.monotonicMs();
  // View after view: the turn that is about to begin passes by what each of them has brought.
  for (let views = 0; views < 3; views++) {
    taker.sweeper.start();
    await rig.time.run(450);
  }
  expect(readMs.length).toBeGreaterThan(0);
  expect(Math.min(...readMs) - sinceMs).toBeGreaterThanOrEqual(750);
  await rig.time.run(1_800);
  expect(new Set(readMs).size).toBeGreaterThanOrEqual(userIds.length / 4);
  for (const ms of readMs) expect(readMs.filter((other) => Math.abs(other - ms) < 5).length).toBeLessThan(5);
});
