import { describe, expect, test } from 'vitest';
import { LoadGate } from '../../../src/actor/load-gate.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

function gateOf(time: VirtualTime, loadsAtOnceMax: number, loadsWaitingMax: number): LoadGate {
  return new LoadGate({ limits: { loadsAtOnceMax, loadsWaitingMax }, time, random: () => 0.5 });
}

describe('loads of a node that takes over', () => {
  test('G10: so many at once, in their turn; beyond a limit they are refused, and told when to come back', async () => {
    const time = new VirtualTime();
    const gate = gateOf(time, 2, 3);
    const begun: number[] = [];
    const load = (number: number): Promise<void> =>
      gate.run(async () => {
        begun.push(number);
        await new Promise<void>((resolve) => time.after(10, resolve));
      }, 1_000);
    const loads = [1, 2, 3, 4, 5].map(load);
    await expect(load(6)).rejects.toMatchObject({ kind: 'overloaded', details: { retryAfterMs: 1_100 } });
    expect([begun, gate.running, gate.waiting, gate.refused]).toEqual([[1, 2], 2, 3, 1]);
    await time.drive(Promise.all(loads));
    expect([begun, gate.running, gate.waiting]).toEqual([[1, 2, 3, 4, 5], 0, 0]);
  });

  test('a place is free again when a load has failed, and who gives up waiting takes none', async () => {
    const time = new VirtualTime();
    const gate = gateOf(time, 1, 3);
    const failing = gate.run(async () => {
      await new Promise<void>((resolve) => time.after(50, resolve));
      throw new Error('away');
    }, 1_000);
    const late = gate.run(() => Promise.resolve('late'), 20);
    const next = gate.run(() => Promise.resolve('next'), 1_000);
    const outcomes = Promise.allSettled([failing, late, next]);
    expect((await time.drive(outcomes)).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect([gate.running, gate.waiting]).toEqual([0, 0]);
  });

  test('G10: many cold mailboxes are asked of the store a few at a time, and all are answered', async () => {
    const rig = new MailboxRig({ cacheLimits: { loadsAtOnceMax: 3 } });
    const users = Array.from({ length: 20 }, (_, index) => `u${index}`);
    await rig.users(...users);
    let reads = 0;
    let most = 0;
    const other = rig.startNode();
    const { store } = other;
    const read = store.read.bind(store);
    store.read = async (...args) => {
      most = Math.max(most, ++reads);
      try {
        return await read(...args);
      } finally {
        reads--;
      }
    };
    const answers = users.map((userId) => other.registry.mailbox(userId).wake(rig.deadline()));
    await rig.time.drive(Promise.all(answers));
    expect([most, other.tally.activations]).toEqual([3, 20]);
  });
});
