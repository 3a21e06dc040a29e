import { describe, expect, it } from 'vitest';
import { MessageLedger } from '../../../scripts/bench-rebalance/message-ledger.ts';
import type { StoredMessage } from '../../../scripts/bench-rebalance/message-ledger.ts';
import {
  ackP99Ratio,
  pauses,
  spreadOf,
  takeoverMs,
  warmShare,
} from '../../../scripts/bench-rebalance/scenario-figures.ts';

/** Users 0 and 1 write to each other: four messages, all acknowledged and delivered. */
function chat() {
  const ledger = new MessageLedger();
  const stored: StoredMessage[] = [];
  for (let number = 1; number <= 4; number++) {
    const messageId = `m${number}`;
    const message = ledger.issue(messageId, number % 2, 1 - (number % 2), number * 100);
    message.ackedMs = number * 100 + 5;
    message.seq = number;
    ledger.pushed(messageId, message.to, number * 100 + 6);
    stored.push({ messageId, seq: number });
  }
  const copies = new Map<number, StoredMessage[]>([
    [0, [...stored]],
    [1, [...stored]],
  ]);
  return { ledger, copies };
}

describe('the account of messages', () => {
  it('finds nothing where all is well, also with a message that nobody acknowledged', () => {
    const { ledger, copies } = chat();
    ledger.issue('m5', 0, 1, 500);
    expect(ledger.verdict(copies)).toEqual({ lost: 0, doubled: 0, details: [] });
    for (const copy of copies.values()) copy.push({ messageId: 'm5', seq: 5 });
    expect(ledger.verdict(copies)).toMatchObject({ lost: 0, doubled: 0 });
  });

  it.each([0, 1])("G1, G5: finds a message that is gone from user %i's copy", (user) => {
    const { ledger, copies } = chat();
    copies.get(user)!.splice(1, 1);
    expect(ledger.verdict(copies)).toEqual({
      ...{ lost: 1, doubled: 0 },
      details: [`m2 is not there at user ${user}`],
    });
  });

  it('G1: a message that is gone from both copies is lost once; a copy that is missing lost all', () => {
    const { ledger, copies } = chat();
    for (const copy of copies.values()) copy.splice(0, 1);
    expect(ledger.verdict(copies).lost).toBe(1);
    copies.delete(1);
    expect(ledger.verdict(copies).lost).toBe(4);
  });

  it('G2: finds a message that is there twice, at another seq than acknowledged, or from nobody', () => {
    const plant = (stored: StoredMessage, instead?: number): number => {
      const { ledger, copies } = chat();
      copies.get(1)!.splice(instead ?? 4, instead === undefined ? 0 : 1, stored);
      const { lost, doubled } = ledger.verdict(copies);
      expect(lost).toBe(0);
      return doubled;
    };
    expect(plant({ messageId: 'm2', seq: 9 })).toBe(1);
    expect(plant({ messageId: 'm2', seq: 2 })).toBe(1);
    expect(plant({ messageId: 'm2', seq: 7 }, 1)).toBe(1);
    expect(plant({ messageId: 'other', seq: 9 })).toBe(1);
  });

  it("G8: finds a message that was pushed to its recipient twice; the sender's own copy is another push", () => {
    const { ledger, copies } = chat();
    ledger.pushed('m1', 1, 900); // user 1 sent it
    ledger.pushed('unknown', 0, 900);
    expect(ledger.verdict(copies).doubled).toBe(0);
    ledger.pushed('m1', 0, 900);
    ledger.pushed('m1', 0, 901);
    expect(ledger.verdict(copies)).toMatchObject({ doubled: 1, details: ['m1 was pushed twice'] });
  });

  it('ids are made once', () => {
    const { ledger } = chat();
    expect(() => ledger.issue('m1', 0, 1, 0)).toThrow('made twice');
  });
});

interface Sent {
  readonly from: number;
  readonly to: number;
  readonly dueMs: number;
  readonly ackAfterMs?: number;
  readonly deliverAfterMs?: number;
}

function sent({ from, to, dueMs, ackAfterMs, deliverAfterMs = ackAfterMs }: Sent) {
  const at = (afterMs: number | undefined) => (afterMs === undefined ? undefined : dueMs + afterMs);
  return { messageId: '', from, to, dueMs, ackedMs: at(ackAfterMs), seq: 1, deliveredMs: at(deliverAfterMs) };
}

const timeline = { beginMs: 1_000, disturbedMs: 2_000, endMs: 10_000 };

describe('the figures', () => {
  it('a spread has what a share of all values does not exceed', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(spreadOf(values)).toEqual({ p50: 50, p99: 99, max: 100 });
    expect(spreadOf([7])).toEqual({ p50: 7, p99: 7, max: 7 });
    expect(spreadOf([])).toEqual({ p50: 0, p99: 0, max: 0 });
  });

  it('a pause is the longest wait of a conversation, whichever side waited, once it was disturbed', () => {
    const messages = [
      sent({ from: 0, to: 1, dueMs: 1_500, ackAfterMs: 900 }), // before
      sent({ from: 0, to: 1, dueMs: 2_100, ackAfterMs: 5 }),
      sent({ from: 1, to: 0, dueMs: 2_200, ackAfterMs: 5, deliverAfterMs: 70 }),
      sent({ from: 2, to: 3, dueMs: 2_200, ackAfterMs: 20 }),
      sent({ from: 4, to: 5, dueMs: 9_000 }), // never answered
    ];
    expect(pauses(messages, 2_000, 10_000)).toEqual({ p50: 70, p99: 1_000, max: 1_000 });
    expect(pauses(messages, 1_000, 2_000)).toEqual({ p50: 900, p99: 900, max: 900 });
  });

  it('compares acknowledgements of those who stayed, after and before', () => {
    const before = Array.from({ length: 100 }, (_, at) =>
      sent({ from: 0, to: 1, dueMs: 1_000 + at, ackAfterMs: 10 }),
    );
    const after = Array.from({ length: 100 }, (_, at) =>
      sent({ from: 0, to: 1, dueMs: 2_000 + at, ackAfterMs: 15 }),
    );
    const warmUp = sent({ from: 0, to: 1, dueMs: 500, ackAfterMs: 5_000 });
    const moved = sent({ from: 2, to: 1, dueMs: 2_000, ackAfterMs: 5_000 });
    expect(ackP99Ratio([...before, ...after, warmUp, moved], timeline, new Set([2]))).toBe(1.5);
    expect(ackP99Ratio([...before, ...after], timeline, new Set([1]))).toBeUndefined();
  });

  it('warm are moves without a read of the store', () => {
    expect(warmShare({ userMoves: 200, activations: 10, moved: new Set() })).toBe(0.95);
    expect(warmShare({ userMoves: 10, activations: 25, moved: new Set() })).toBe(0);
    expect(warmShare({ userMoves: 0, activations: 3, moved: new Set() })).toBeUndefined();
  });

  it('a take-over is over when the last user was served, and is not while one was not', () => {
    const messages = [
      sent({ from: 0, to: 1, dueMs: 1_990, ackAfterMs: 3_000 }), // from before
      sent({ from: 0, to: 1, dueMs: 2_100, ackAfterMs: 700 }),
      sent({ from: 0, to: 1, dueMs: 2_200, ackAfterMs: 900 }),
      sent({ from: 2, to: 3, dueMs: 2_500, ackAfterMs: 1_000 }),
    ];
    expect(takeoverMs(messages, new Set([0]), 2_000)).toBe(800);
    expect(takeoverMs(messages, new Set([0, 2]), 2_000)).toBe(1_500);
    expect(takeoverMs(messages, new Set([0, 3]), 2_000)).toBeUndefined();
    expect(takeoverMs(messages, new Set(), 2_000)).toBe(0);
  });
});
