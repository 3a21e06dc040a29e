import { describe, expect, test } from 'vitest';
import type { PeerReply, PeerRequest } from '../../../src/peer/peer-request.ts';
import type { SendMessageParams } from '../../../src/protocol/calls.ts';
import type { RingView } from '../../../src/ring/ring-view.ts';
import { OrderedSends, type SendTarget } from '../../../src/router/ordered-sends.ts';
import { OwnerCalls } from '../../../src/router/owner-calls.ts';
import { OwnerFinder } from '../../../src/router/owner-finder.ts';
import type { RingPort } from '../../../src/router/ring-port.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';
import { memberOf, viewOf } from '../../support/ring-parts.ts';

interface Asked {
  readonly nodeId: string;
  readonly epoch: number;
  readonly text: string;
  readonly answer: (reply: PeerReply) => void;
}

const accepted: PeerReply = { kind: 'ok', body: {} };
const unavailable: PeerReply = { kind: 'refused', error: 'unavailable', message: 'out of reach' };

/** The sends of one connection of ann, who is served by other nodes. */
class SendsRig {
  readonly rig = new MailboxRig();
  readonly asked: Asked[] = [];
  readonly outcomes: string[] = [];
  view: RingView = viewOf(6, [memberOf(2)]);
  readonly #sends: OrderedSends;

  constructor() {
    const { time, node, random } = this.rig;
    const ring: RingPort = {
      self: memberOf(1),
      view: undefined,
      onView: () => () => undefined,
      keeps: () => true,
      heard: () => undefined,
    };
    Object.defineProperty(ring, 'view', { get: () => this.view });
    const links = {
      request: (nodeId: string, request: PeerRequest) =>
        new Promise<PeerReply>((answer) => {
          const { text } = (request.body as [number, string, SendMessageParams])[2];
          this.asked.push({ nodeId, epoch: request.epoch, text, answer });
        }),
      note: () => undefined,
      answering: () => undefined,
    };
    const finder = new OwnerFinder({ ring, time, random: random.next });
    const calls = new OwnerCalls(finder, node.registry, links, ring);
    const call: SendTarget['call'] = (owner, params, deadline) =>
      calls.call(owner, 'ann', 'sendMessage', { params, isCharged: true }, deadline);
    this.#sends = new OrderedSends({ entityId: 'ann', call }, finder);
  }

  send(...texts: readonly string[]): void {
    for (const text of texts) {
      this.#sends.send(this.rig.params('ann', 'bob', text), this.rig.deadline(5_000)).then(
        () => this.outcomes.push(text),
        (error: unknown) => this.outcomes.push(`${text}: ${(error as { kind: string }).kind}`),
      );
    }
  }

  /** Answers what was asked and not answered yet, in its order. @returns their texts */
  async answer(reply: PeerReply, count = Infinity): Promise<string[]> {
    await this.rig.time.run(500);
    const due = this.asked.splice(0, count);
    for (const { answer } of due) answer(reply);
    await this.rig.time.run(0);
    return due.map(({ text }) => text);
  }
}

describe('the sends of one connection', () => {
  test('G3: a node that refuses one before it has the view, and would then take the next, gets one at first', async () => {
    const sends = new SendsRig();
    sends.send('1', '2', '3');
    expect(await sends.answer({ kind: 'wrongOwner', epoch: 5 })).toEqual(['1']);
    sends.send('4');
    expect(await sends.answer(accepted)).toEqual(['1']);
    expect(await sends.answer(accepted)).toEqual(['2', '3', '4']);
    sends.send('5', '6');
    expect(await sends.answer(accepted)).toEqual(['5', '6']);
    expect(sends.outcomes.toSorted()).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  test('G3: a run keeps the epoch that it began with, and the next one has that of the view in force', async () => {
    const sends = new SendsRig();
    sends.send('1');
    await sends.answer(accepted);
    sends.view = viewOf(7, [memberOf(2)]);
    sends.send('2', '3');
    await sends.rig.time.run(0);
    expect(sends.asked.map(({ epoch }) => epoch)).toEqual([6, 6]);
    await sends.answer({ kind: 'wrongOwner', epoch: 7 });
    await sends.rig.time.run(500);
    expect(sends.asked).toMatchObject([{ text: '2', epoch: 7 }]);
  });

  test('G3: what went to the former owner is answered before the next one is asked, and goes there first', async () => {
    const sends = new SendsRig();
    sends.send('1');
    await sends.answer(accepted);
    sends.send('2', '3');
    await sends.rig.time.run(0);
    sends.view = viewOf(7, [memberOf(3)]);
    sends.send('4');
    await sends.rig.time.run(500);
    expect(sends.asked.map(({ text, nodeId }) => `${text} ${nodeId}`)).toEqual(['2 n2', '3 n2']);
    await sends.answer({ kind: 'wrongOwner', epoch: 7 });
    // Without a pause: the view that names it is in force.
    expect(sends.asked).toMatchObject([{ text: '2', nodeId: 'n3' }]);
    await sends.answer(accepted);
    expect(await sends.answer(accepted)).toEqual(['3', '4']);
  });

  test('G4: while the owner is out of reach each one is answered, by its deadline', async () => {
    const sends = new SendsRig();
    sends.send('1', '2');
    expect(await sends.answer(unavailable)).toEqual(['1']);
    expect(await sends.answer(unavailable)).toEqual(['2']);
    sends.send('3');
    for (let tries = 0; tries < 20; tries++) await sends.answer({ kind: 'wrongOwner', epoch: 6 });
    expect(sends.outcomes).toEqual(['1: unavailable', '2: unavailable', '3: unavailable']);
  });

  test('G4: when one fails those after it go on at once, however long the pauses were: they would add up', async () => {
    const sends = new SendsRig();
    const texts = Array.from({ length: 20 }, (_, index) => String(index));
    sends.send(...texts);
    for (let tries = 0; tries < 6; tries++) await sends.answer({ kind: 'wrongOwner', epoch: 6 });
    await sends.rig.time.run(500);
    for (const text of texts) {
      expect(sends.asked).toMatchObject([{ text }]);
      sends.asked.pop()?.answer(unavailable);
      await sends.rig.time.run(1);
    }
    expect(sends.outcomes).toEqual(texts.map((text) => `${text}: unavailable`));
  });
});
