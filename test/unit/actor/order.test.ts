import { describe, expect, test } from 'vitest';
import { dmIdOf } from '../../../src/protocol/conversation-id.ts';
import { allMessages } from '../../support/mailbox-audit.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';

const conversationId = dmIdOf('ann', 'bob');

async function bothCopies(rig: MailboxRig) {
  const [ann, bob] = await rig.time.drive(
    Promise.all(
      ['ann', 'bob'].map((user) => allMessages(rig.mailbox(user), conversationId, 7, rig.deadline())),
    ),
  );
  return { ann: ann ?? [], bob: bob ?? [] };
}

describe('order in a conversation', () => {
  test('G3: what is sent in one tick appears in that order, over several envelopes and commits', async () => {
    const rig = new MailboxRig({
      storeDelay: () => 1,
      sendingLimits: { envelopeMax: 4 },
      actorLimits: { commitInputsMax: 2 },
    });
    await rig.users('ann', 'bob');
    const texts = Array.from({ length: 50 }, (_, n) => `text ${n}`);
    const results = await rig.time.drive(Promise.all(texts.map((text) => rig.send('ann', 'bob', text))));
    const seqs = results.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    await rig.time.run(1_000);
    const { ann, bob } = await bothCopies(rig);
    expect(bob.map(({ text }) => text)).toEqual(texts);
    expect(ann).toEqual(bob);
  });

  test('G3: both sides at once: one order in both copies, and no seq twice', async () => {
    const random = new SeededRandom(3);
    const rig = new MailboxRig({ storeDelay: () => random.below(4) });
    await rig.users('ann', 'bob');
    const sends = [];
    for (let n = 0; n < 60; n++) {
      sends.push(rig.send('ann', 'bob', `a${n}`), rig.send('bob', 'ann', `b${n}`));
      await rig.time.run(random.below(3));
    }
    await rig.time.drive(Promise.all(sends));
    await rig.time.run(5_000);
    const { ann, bob } = await bothCopies(rig);
    expect(ann).toHaveLength(120);
    expect(ann).toEqual(bob);
    expect(new Set(ann.map(({ seq }) => seq)).size).toBe(120);
    const isOdd = ann.map(({ seq, from }) => [seq % 2, from]);
    expect(isOdd.every(([odd, from]) => odd === (from === 'ann' ? 0 : 1))).toBe(true);
  });

  test('G3: what is sent after a message was received is above it, though the own copies lag behind', async () => {
    const rig = new MailboxRig();
    await rig.users('ann', 'bob');
    // No copy of ann's gets into her row for now, nor of bob's into his.
    const first = await rig.sent('ann', 'bob', 'one');
    rig.faultOf = ({ kind }) => (kind === 'compareAndPut' ? { kind: 'slow', delayMs: 30 } : undefined);
    for (let n = 0, last = first.seq; n < 10; n++) {
      const [from, to] = n % 2 === 0 ? (['bob', 'ann'] as const) : (['ann', 'bob'] as const);
      const { seq } = await rig.sent(from, to, `text ${n}`);
      expect(seq).toBeGreaterThan(last);
      last = seq;
    }
  });

  test('G3: `after` insists on what has to be there first', async () => {
    const rig = new MailboxRig();
    await rig.users('ann', 'bob');
    const first = rig.params('ann', 'bob', 'first');
    const second = rig.params('ann', 'bob', 'second', { after: first.messageId });
    const send = (params: typeof first) =>
      rig.time.drive(rig.mailbox('ann').call('sendMessage', params, rig.deadline()));
    await expect(send(second)).rejects.toMatchObject({ kind: 'out_of_order' });
    const { seq } = await send(first);
    rig.restart();
    expect((await send(second)).seq).toBeGreaterThan(seq);
    // Both in one envelope.
    const [third, fourth] = ['third', 'fourth'].map((text) => rig.params('ann', 'bob', text));
    const results = await rig.time.drive(
      Promise.all([
        rig.mailbox('ann').call('sendMessage', third!, rig.deadline()),
        rig.mailbox('ann').call('sendMessage', { ...fourth!, after: third!.messageId }, rig.deadline()),
      ]),
    );
    expect(results[1].seq).toBeGreaterThan(results[0].seq);
    // Older than the window: counts as there.
    const old = `${rig.time.wallMs() - 25 * 3_600_000}.ann.d1`;
    expect(await send(rig.params('ann', 'bob', 'fifth', { after: old }))).toMatchObject({ duplicate: false });
  });
});
