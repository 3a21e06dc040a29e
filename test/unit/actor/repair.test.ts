import { expect, test } from 'vitest';
import { nothing } from '../../../src/mailbox/standing.ts';
import { dmIdOf, sideOf } from '../../../src/protocol/conversation-id.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';

const copies = 60;

test('G5: a repair brings more copies than a step may ask for counts one by one', async () => {
  const rig = new MailboxRig();
  await rig.users('ann', 'bob');
  const conversationId = dmIdOf('ann', 'bob');
  const from = { from: 'bob', fromName: 'BOB', conversationId };
  const messages = [{ messageId: `${rig.time.wallMs()}.bob.d1.1`, text: 'late', fingerprint: 1 }];
  // Received above everything that ann has still to copy.
  const deliver = { kind: 'deliver', ...from, floor: 1_000, confirmed: nothing, messages } as const;
  await rig.time.drive(rig.node.registry.mailbox('ann').accept(deliver, rig.deadline()));

  // Nothing of the conversation is in memory: each count is in the store.
  const node = rig.restart();
  const missing = Array.from({ length: copies }, (_, index) => ({
    messageId: `${rig.time.wallMs()}.ann.d1.${index}`,
    seq: 2 * (index + 1) + sideOf('ann', 'bob'),
    timestamp: 1,
    text: `copy ${index}`,
  }));
  const owed = {
    ...{ previousSeq: 0, messages: missing, previousOp: 0, operations: [] },
    marks: { delivered: 0, read: 0 },
  };
  const copy = { kind: 'copy', ...from, owed } as const;
  const reply = await rig.time.drive(node.registry.mailbox('ann').accept(copy, rig.deadline()));

  expect(reply).toEqual({ kind: 'copied', confirmed: { ...nothing, seq: missing.at(-1)?.seq } });
  expect(rig.alarms).toEqual([]);
});
