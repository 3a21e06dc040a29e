import { describe, expect, it } from 'vitest';

import { headText, historyText } from '../../../scripts/chaos-hbase/chain-writer.ts';
import { checkHistory } from '../../../scripts/chaos-hbase/history-checker.ts';
import type { TableImage } from '../../../scripts/chaos-hbase/table-image.ts';
import { WriteLedger } from '../../../scripts/chaos-hbase/write-ledger.ts';
import type { ChainAttempt, PutRecord } from '../../../scripts/chaos-hbase/write-ledger.ts';
import { ViolationList } from '../../../scripts/replay/violation-list.ts';

const putKey = '0/p/w00/0000001';
const chainKey = '1/c/shared';

function emptyImage(): TableImage {
  return { puts: new Map(), chains: new Map(), strange: [] };
}

function violationsOf(ledger: WriteLedger, image: TableImage): string[] {
  const violations = new ViolationList();
  checkHistory(ledger, image, violations);
  return violations.shown.map((text) => text.slice(0, 2));
}

function onePut(
  fate: PutRecord['fate'],
  found?: { value?: string; times?: number; written?: number },
): string[] {
  const ledger = new WriteLedger();
  ledger.put(putKey, 'value', true).fate = fate;
  const image = emptyImage();
  if (found) image.puts.set(putKey, { value: 'value', times: 1, written: 1, ...found });
  return violationsOf(ledger, image);
}

/** Two writers, a and b, both tried version 1; the table says that `winner` wrote it. */
function oneRace(fates: { a: ChainAttempt['fate']; b: ChainAttempt['fate'] }, winner?: string): string[] {
  const ledger = new WriteLedger();
  const attempt = (nonce: string): ChainAttempt =>
    ledger.attempt({ row: chainKey, version: 1, base: '', nonce });
  attempt('a').fate = fates.a;
  attempt('b').fate = fates.b;
  const image = emptyImage();
  if (winner !== undefined) {
    const head = headText({ version: 1, nonce: winner });
    image.chains.set(chainKey, { head, history: new Map([[1, historyText('', winner)]]) });
  }
  return violationsOf(ledger, image);
}

describe('checkHistory of puts', () => {
  it('accepts what was said truly', () => {
    expect(onePut('acked', {})).toEqual([]);
    expect(onePut('failed')).toEqual([]);
    expect(onePut('unknown')).toEqual([]);
    expect(onePut('unknown', {})).toEqual([]);
  });

  it('W1: an acknowledged put that is not there, is there twice, or has another value', () => {
    expect(onePut('acked')).toEqual(['W1']);
    expect(onePut('acked', { times: 2 })).toEqual(['W1']);
    expect(onePut('acked', { value: 'other' })).toEqual(['W1']);
  });

  it('W2: a put that failed and is there', () => {
    expect(onePut('failed', {})).toEqual(['W2']);
  });

  it('W3: what nobody wrote', () => {
    const image = emptyImage();
    image.puts.set(putKey, { value: 'value', times: 1 });
    image.strange.push('strange');
    expect(violationsOf(new WriteLedger(), image)).toEqual(['W3', 'W3']);
    expect(oneRace({ a: 'lost', b: 'lost' }, 'c')).toEqual(['W3']);
  });

  it('W4: a put that was applied twice, whatever was said of it', () => {
    expect(onePut('acked', { written: 2 })).toEqual(['W4']);
    expect(onePut('unknown', { written: 2 })).toEqual(['W4']);
  });
});

describe('checkHistory of chains', () => {
  it('accepts one winner, and any outcome of what stayed in doubt', () => {
    expect(oneRace({ a: 'won', b: 'lost' }, 'a')).toEqual([]);
    expect(oneRace({ a: 'resolvedWon', b: 'lost' }, 'a')).toEqual([]);
    expect(oneRace({ a: 'unknown', b: 'lost' }, 'a')).toEqual([]);
    expect(oneRace({ a: 'unknown', b: 'failed' })).toEqual([]);
  });

  it('C1: a missing version, a wrong base, a wrong head', () => {
    const chain = (head: string, history: [number, string][]): string[] => {
      const ledger = new WriteLedger();
      for (const [version, text] of history) {
        const [base = '', nonce = ''] = text.split('>');
        ledger.attempt({ row: chainKey, version, base, nonce });
      }
      const image = emptyImage();
      image.chains.set(chainKey, { head, history: new Map(history) });
      return violationsOf(ledger, image);
    };
    const first: [number, string] = [1, '>a'];
    expect(chain('2:b', [first, [2, 'a>b']])).toEqual([]);
    expect(chain('3:c', [first, [3, 'b>c']])).toEqual(['C1']);
    expect(chain('2:b', [first, [2, 'x>b']])).toEqual(['C1']);
    expect(chain('1:a', [first, [2, 'a>b']])).toEqual(['C1']);
  });

  it('C2: a version that was won twice, or by one that is not there', () => {
    expect(oneRace({ a: 'won', b: 'won' }, 'a')).toEqual(['C2', 'C2']);
    expect(oneRace({ a: 'won', b: 'failed' })).toEqual(['C2']);
  });

  it('C3: a loser that took effect, a failure that did, a refusal where the base still stands', () => {
    expect(oneRace({ a: 'lost', b: 'lost' }, 'a')).toEqual(['C3']);
    expect(oneRace({ a: 'failed', b: 'lost' }, 'a')).toEqual(['C3']);
    expect(oneRace({ a: 'lost', b: 'failed' })).toEqual(['C3']);
  });

  it('C4: what was in doubt and was settled wrongly', () => {
    expect(oneRace({ a: 'resolvedWon', b: 'lost' }, 'b')).toEqual(['C4', 'C3']);
    expect(oneRace({ a: 'resolvedLost', b: 'lost' }, 'a')).toEqual(['C4']);
  });
});
