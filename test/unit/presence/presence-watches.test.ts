import { expect, test } from 'vitest';
import { PresenceWatches } from '../../../src/presence/presence-watches.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';
import { memberOf, viewOf } from '../../support/ring-parts.ts';

test('a block, and its end, counts for who watches also in a commit that has changes for clients', async () => {
  const rig = new MailboxRig();
  await rig.users('ann', 'bob', 'cat', 'dan');
  const { time, random } = rig;
  let stamp = 0;
  const watches = new PresenceWatches({
    ...{ time, random: random.next },
    view: () => viewOf(1, [memberOf(1)]),
    mailbox: (userId) => rig.mailbox(userId),
    ask: (_nodeId, { userIds }) =>
      Promise.resolve(userIds.map((userId) => ({ userId, online: true, lastSeen: 1, stamp: ++stamp }))),
    dismiss: () => undefined,
    alarm: (error, what) => rig.alarms.push({ error, what }),
  });
  const pushed: string[] = [];
  const push = ({ userId, online }: { userId: string; online: boolean }): void => {
    pushed.push(`${userId} ${online ? 'on' : 'unknown'}`);
  };
  await time.drive(watches.watch('ann', ['bob'], push, rig.deadline()));
  const together = async (name: 'blockUser' | 'unblockUser', contact: string): Promise<void> => {
    const heard: string[] = [];
    const unsubscribe = rig.mailbox('ann').subscribe(({ changes }) => {
      heard.push(changes.map(({ kind }) => kind).join());
    });
    const calls = [
      rig.mailbox('ann').call('addContact', { userId: contact }, rig.deadline()),
      rig.mailbox('ann').call(name, { userId: 'bob' }, rig.deadline()),
    ];
    await time.drive(Promise.all(calls));
    unsubscribe();
    expect(heard).toEqual(['contact']);
    await time.run(1_000);
  };
  await together('blockUser', 'cat');
  expect(pushed).toEqual(['bob unknown']);
  await together('unblockUser', 'dan');
  expect(pushed).toEqual(['bob unknown', 'bob on']);
  expect(rig.alarms).toEqual([]);
  watches.stop();
});
