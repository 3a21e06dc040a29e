import { describe, expect, test } from 'vitest';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import { rowHashCount } from '../../../src/row/row-key.ts';
import { allChanges, allMessages, audit } from '../../support/mailbox-audit.ts';
import { MailboxHistory } from '../../support/mailbox-history.ts';
import { MailboxRig, type RigOptions } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');
const hour = 3_600_000;

async function rigWithUsers(options: RigOptions = {}): Promise<MailboxRig> {
  const rig = new MailboxRig(options);
  await rig.users('ann', 'bob', 'cat');
  return rig;
}

let ids = 0;
const idOf = (rig: MailboxRig, userId: string, at = rig.time.wallMs()): string =>
  `${at}.${userId}.d1.op${++ids}`;

function edit(rig: MailboxRig, userId: string, seq: number, text: string, messageId = idOf(rig, userId)) {
  const params = { conversationId, seq, text, messageId };
  return rig.time.drive(rig.mailbox(userId).call('editMessage', params, rig.deadline()));
}

function remove(rig: MailboxRig, userId: string, seq: number, messageId = idOf(rig, userId)) {
  const params = { conversationId, seq, messageId };
  return rig.time.drive(rig.mailbox(userId).call('deleteMessage', params, rig.deadline()));
}

async function messagesOf(rig: MailboxRig, userId: string) {
  return rig.time.drive(allMessages(rig.mailbox(userId), conversationId, 50, rig.deadline()));
}

async function kindsOf(rig: MailboxRig, userId: string): Promise<string[]> {
  const changes = await rig.time.drive(allChanges(rig.mailbox(userId), '0', 50, rig.deadline()));
  return (changes ?? []).map((change) =>
    'message' in change ? `${change.kind} ${change.message.text}` : change.kind,
  );
}

async function entryOf(rig: MailboxRig, userId: string) {
  const params = { limit: 9, offset: 0 };
  const list = await rig.time.drive(rig.mailbox(userId).call('getConversations', params, rig.deadline()));
  return list.conversations[0];
}

async function owing(rig: MailboxRig): Promise<readonly string[]> {
  const slice = { fromHash: 0, toHash: rowHashCount };
  return (await rig.table.scanOutbox(slice, undefined, 100, Infinity)).entityIds;
}

const kindOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error as { kind: string }).kind,
  );

describe('edits', () => {
  test('G1: change both copies, the snippet and the feed, and keep the place, the count and the reply', async () => {
    const rig = await rigWithUsers();
    const { seq: first } = await rig.sent('ann', 'bob', 'first');
    const { seq } = await rig.sent('ann', 'bob', 'helo', { replyTo: first });
    await rig.time.run(100);
    const { editedAt } = await edit(rig, 'ann', seq, 'hello');
    await rig.time.run(100);
    for (const userId of ['ann', 'bob']) {
      expect((await messagesOf(rig, userId))[1]).toMatchObject({
        seq,
        text: 'hello',
        editedAt,
        replyTo: first,
      });
      expect(await entryOf(rig, userId)).toMatchObject({ snippet: 'hello', lastSeq: seq });
      // The message as it is by now, and then its change.
      expect(await kindsOf(rig, userId)).toEqual(['message first', 'message hello', 'edited hello']);
    }
    expect(await entryOf(rig, 'bob')).toMatchObject({ unread: 2 });
  });

  test('G2: an id has one effect and one answer, and another content is a conflict', async () => {
    const rig = await rigWithUsers();
    const { seq, messageId } = await rig.sent('ann', 'bob', 'one');
    const id = idOf(rig, 'ann');
    const first = await edit(rig, 'ann', seq, 'two', id);
    await rig.time.run(5_000);
    await edit(rig, 'ann', seq, 'three');
    expect(await edit(rig, 'ann', seq, 'two', id)).toEqual(first);
    expect((await messagesOf(rig, 'bob'))[0]?.text).toBe('three');
    expect(await kindOf(edit(rig, 'ann', seq, 'other', id))).toBe('conflict');
    expect(await kindOf(remove(rig, 'ann', seq, id))).toBe('conflict');
    // The id of the message itself is another scope.
    await edit(rig, 'ann', seq, 'four', messageId);
    rig.restart();
    expect(await edit(rig, 'ann', seq, 'two', id)).toEqual(first);
    expect((await messagesOf(rig, 'bob'))[0]?.text).toBe('four');
  });

  test('what may not be changed is refused and changes nothing', async () => {
    const rig = await rigWithUsers();
    const { seq } = await rig.sent('ann', 'bob', 'one');
    await rig.time.run(1_000);
    expect(await kindOf(edit(rig, 'bob', seq, 'forged'))).toBe('forbidden');
    expect(await kindOf(edit(rig, 'ann', seq + 2, 'none'))).toBe('not_found');
    expect(await kindOf(edit(rig, 'cat', seq, 'foreign'))).toBe('not_found');
    expect(await kindOf(edit(rig, 'ann', seq, ''))).toBe('invalid_params');
    const old = idOf(rig, 'ann', rig.time.wallMs() - 25 * hour);
    expect(await kindOf(edit(rig, 'ann', seq, 'late', old))).toBe('stale_message_id');
    for (const userId of ['ann', 'bob']) {
      const [message] = await messagesOf(rig, userId);
      expect(message).toMatchObject({ text: 'one' });
      expect(message).not.toHaveProperty('editedAt');
    }
  });

  test('one whose own copy is pending fetches that first, else it is unavailable', async () => {
    const rig = await rigWithUsers({
      actorLimits: { commitDeadlineMs: 100 },
      outboxTiming: { settleAfterMs: 1e9 },
    });
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
    const { seq } = await rig.sent('ann', 'bob', 'one');
    await rig.time.run(1_000);
    expect(await kindOf(edit(rig, 'ann', seq, 'two'))).toBe('unavailable');
    expect((await messagesOf(rig, 'bob'))[0]?.text).toBe('one');
    rig.faultOf = () => undefined;
    await edit(rig, 'ann', seq, 'two');
    await rig.time.run(100);
    expect(await messagesOf(rig, 'ann')).toMatchObject([{ seq, text: 'two' }]);
    expect(await messagesOf(rig, 'bob')).toEqual(await messagesOf(rig, 'ann'));
  });
});

describe('deletions', () => {
  test('text and mediaRef are gone for everyone; the message keeps its place and counts', async () => {
    const rig = await rigWithUsers();
    const mediaRef = { ref: 'secret-ref', type: 'image/png', size: 5 };
    const { seq: first } = await rig.sent('ann', 'bob', 'first');
    const { seq } = await rig.sent('ann', 'bob', 'secret text', { mediaRef, replyTo: first });
    await rig.time.run(100);
    await edit(rig, 'ann', seq, 'secret edit');
    const { deletedAt } = await remove(rig, 'ann', seq);
    await rig.time.run(100);
    for (const userId of ['ann', 'bob']) {
      const [, message] = await messagesOf(rig, userId);
      expect(message).toEqual({
        ...{ conversationId, seq, from: 'ann', text: '', deletedAt, replyTo: first },
        messageId: message?.messageId,
        timestamp: message?.timestamp,
      });
      expect(await entryOf(rig, userId)).toMatchObject({ snippet: '', lastSeq: seq });
      const everything = await rig.table.read(
        userId,
        (['h', 'm', 'o', 'l', 'd'] as const).map((family) => ({
          ...{ family, from: Buffer.alloc(0), to: undefined, limit: 1_000 },
        })),
        Infinity,
      );
      const bytes = everything.ranges.flat().map(({ value }) => value.toString('latin1'));
      // The id of the message is made of its first text here.
      for (const secret of ['secret text', 'secret edit', 'secret-ref']) {
        expect(bytes.join()).not.toContain(secret);
      }
    }
    expect(await entryOf(rig, 'bob')).toMatchObject({ unread: 2 });
    expect(await kindOf(edit(rig, 'ann', seq, 'back'))).toBe('not_found');
    expect(await kindOf(remove(rig, 'bob', seq))).toBe('forbidden');
    expect(await remove(rig, 'ann', seq)).toEqual({ seq, deletedAt });
  });

  test('G5: changes reach the own copy after a kill between the two commits, with nobody coming back', async () => {
    const rig = await rigWithUsers({ outboxTiming: { clearAfterMs: 100 } });
    const seqs: number[] = [];
    for (let n = 0; n < 4; n++) seqs.push((await rig.sent('ann', 'bob', `text ${n}`)).seq);
    const [s0 = 0, s1 = 0, s2 = 0] = seqs;
    await rig.time.run(30_000);
    expect(await owing(rig)).toEqual([]);
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
    await edit(rig, 'ann', s0, 'once');
    await edit(rig, 'ann', s1, 'other');
    await edit(rig, 'ann', s0, 'twice');
    await remove(rig, 'ann', s2);
    rig.node.process.kill();
    rig.faultOf = () => undefined;
    expect(await owing(rig)).toEqual(['bob']);
    rig.restart().sweeper.start();
    await rig.time.run(30_000);
    expect(await owing(rig)).toEqual([]);
    const own = await messagesOf(rig, 'ann');
    expect(own.map(({ text }) => text)).toEqual(['twice', 'other', '', 'text 3']);
    expect(await messagesOf(rig, 'bob')).toEqual(own);
    expect((await kindsOf(rig, 'ann')).slice(4)).toEqual(['edited other', 'edited twice', 'deleted ']);
  });

  test('G10: changes that wait for their copies are bounded', async () => {
    const rig = await rigWithUsers({
      mailboxLimits: { outboxPendingMax: 3 },
      actorLimits: { commitDeadlineMs: 100 },
    });
    const seqs: number[] = [];
    for (let n = 0; n < 5; n++) {
      seqs.push((await rig.sent('ann', 'bob', `text ${n}`)).seq);
      await rig.time.run(1_000);
    }
    rig.faultOf = ({ kind, entityId }) =>
      kind === 'compareAndPut' && entityId === 'ann' ? { kind: 'unavailable' } : undefined;
    const kinds: string[] = [];
    for (const seq of seqs) kinds.push(await kindOf(edit(rig, 'ann', seq, 'new')));
    expect(kinds).toEqual(['done', 'done', 'done', 'overloaded', 'overloaded']);
    rig.faultOf = () => undefined;
    await rig.time.run(60_000);
    expect(await kindOf(edit(rig, 'ann', seqs.at(-1) ?? 0, 'new'))).toBe('done');
    await rig.time.run(60_000);
    expect(await messagesOf(rig, 'ann')).toEqual(await messagesOf(rig, 'bob'));
    expect(rig.alarms).toEqual([]);
  });

  test('messages that are not in memory are changed in the store', async () => {
    const rig = await rigWithUsers({ cacheLimits: { budgetBytes: 1, recentMs: 0 } });
    const history = new MailboxHistory();
    const seqs: number[] = [];
    for (let n = 0; n < 6; n++) {
      const params = rig.params('ann', 'bob', `text ${n}`);
      const attempt = history.attempt('ann', 'bob', params);
      const result = await rig.time.drive(rig.mailbox('ann').call('sendMessage', params, rig.deadline()));
      history.acknowledged(attempt, params.text, result);
      seqs.push(result.seq);
      await rig.time.run(30_000);
    }
    for (const seq of seqs.slice(0, 4)) {
      const text = `edited ${seq}`;
      const messageId = idOf(rig, 'ann');
      const change = history.changes.attempt({ kind: 'edit', messageId, conversationId, seq, text });
      history.changes.acknowledged(change, 'bob', (await edit(rig, 'ann', seq, text, messageId)).editedAt);
      await rig.time.run(30_000);
    }
    const views = await audit(rig, rig.node, ['ann', 'bob'], history, 3);
    expect(
      views
        .get('ann')
        ?.messages.get(conversationId)
        ?.map(({ text }) => text),
    ).toEqual([...seqs.slice(0, 4).map((seq) => `edited ${seq}`), ...['text 4', 'text 5']]);
  });
});
