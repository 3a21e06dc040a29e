import { describe, expect, it } from 'vitest';
import { checkHistory } from '../../../scripts/torture/checker/check-history.ts';
import { describeViolation } from '../../../scripts/torture/checker/describe-violation.ts';
import type { RuleName } from '../../../scripts/torture/checker/violation.ts';
import type { FinalView } from '../../../scripts/torture/history.ts';
import { plantedLosses } from '../../support/planted-losses.ts';
import { plantedRefusals } from '../../support/planted-refusals.ts';
import { plantedSocial, watchBlocked } from '../../support/planted-social.ts';
import { planted } from '../../support/planted-violations.ts';
import { edit, page, viewsWithFirst } from '../../support/planting-steps.ts';
import { chat, SmallHistory } from '../../support/small-history.ts';

/** Two messages, one read: nothing wrong with it. */
function quiet(): SmallHistory {
  const small = new SmallHistory();
  small.send('ann', 'm1', 1);
  small.send('bob', 'm2', 2);
  small.read('bob', 1, 0);
  return small;
}

const refusal = { kind: 'error', error: 'forbidden', retryable: false } as const;

function rulesBroken(small: SmallHistory, views: FinalView[] = small.views()): RuleName[] {
  return [...new Set(checkHistory(small.history, views).map(({ rule }) => rule))];
}

describe('the checker of the torture', () => {
  it('finds nothing wrong where nothing is', () => {
    expect(rulesBroken(quiet())).toEqual([]);
  });

  it('G4: accepts what an unanswered send may have done, whether it did or not', () => {
    for (const hasArrived of [true, false]) {
      const small = quiet();
      const params = { conversationId: chat, text: 'text of m3', messageId: 'm3' };
      small.call('sendMessage', 'ann', params, { kind: 'unknown' });
      if (hasArrived) small.arrive('ann', 'm3', 3);
      expect(rulesBroken(small)).toEqual([]);
    }
  });

  it('accepts edits and deletions that are there', () => {
    const small = quiet();
    edit(small, 'better');
    page(small, 'ann', {}); // Her own copy may come a moment later.
    const [first] = small.views()[0]?.messages.get(chat) ?? [];
    const message = { ...first!, text: 'better', editedAt: 11 };
    for (const userId of ['ann', 'bob'])
      small.tell(userId, { kind: 'edited', message, cursor: small.nextCursor() });
    expect(rulesBroken(small, viewsWithFirst(small, { text: 'better', editedAt: 11 }))).toEqual([]);
  });

  it('accepts what is taken while a block is on its way, and what is refused under one', () => {
    const small = quiet();
    const message = { conversationId: chat, text: 'text of m3', messageId: 'm3' };
    const during = { startMs: small.nowMs + 1, endMs: small.nowMs + 10 };
    small.call('blockUser', 'bob', { userId: 'ann' }, { kind: 'ok', result: {} }, during);
    small.send('ann', 'm3', 3);
    for (let wait = 0; wait < 10; wait++)
      small.call('typing', 'ann', { conversationId: chat, on: true }, refusal);
    small.call('sendMessage', 'ann', { ...message, messageId: 'm4' }, refusal);
    const views = small.views().map((view) => ({ ...view, blocked: view.userId === 'bob' ? ['ann'] : [] }));
    expect(rulesBroken(small, views)).toEqual([]);
  });

  it('accepts what is taken when the end of a block was asked for, and perhaps came', () => {
    const small = quiet();
    small.call('blockUser', 'bob', { userId: 'ann' }, { kind: 'ok', result: {} });
    small.call('unblockUser', 'bob', { userId: 'ann' }, { kind: 'unknown' });
    small.send('ann', 'm3', 3);
    expect(rulesBroken(small)).toEqual([]);
  });

  it('accepts that somebody is shown whose block ended while that was asked', () => {
    const small = quiet();
    watchBlocked(small);
    const during = { startMs: 100_500, endMs: 100_900 };
    small.call('unblockUser', 'ann', { userId: 'bob' }, { kind: 'ok', result: {} }, during);
    expect(rulesBroken(small)).toEqual([]);
  });

  it.each([...planted, ...plantedSocial, ...plantedLosses, ...plantedRefusals])(
    '$rule: finds that $what',
    ({ rule, plant, views }) => {
      const small = quiet();
      plant?.(small);
      expect(rulesBroken(small, views?.(small))).toContain(rule);
    },
  );

  it('shows the part of the history that a violation is made of', () => {
    const small = quiet();
    small.acknowledge('ann', 'lost', 3);
    const [violation] = checkHistory(small.history, small.views()).filter(({ rule }) => rule === 'G1');
    const text = describeViolation(violation!);
    expect(text).toMatch(/^VIOLATION G1: bob lacks acknowledged message lost/);
    expect(text.split('\n')).toHaveLength(2);
    expect(text).toContain('ann/d1#1 sendMessage');
  });
});
