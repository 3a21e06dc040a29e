import { describe, expect, it } from 'vitest';
import { FairTurns } from '../../../src/std/fair-turns.ts';
import { ManualTime } from '../../support/manual-time.ts';

/** Turns of 2 ms, and jobs that take as long as they say. */
function setUp(share = 1) {
  const time = new ManualTime();
  const soon: (() => void)[] = [];
  time.soon = (run) => soon.push(run);
  const turns = new FairTurns(time, 2, share);
  const done: string[] = [];
  const ask = (lane: string, name: string, takesMs = 1): void => {
    turns.run(lane, () => {
      time.nowMs += takesMs;
      done.push(name);
    });
  };
  /** The next turn of the event loop. */
  const turn = (): void => soon.shift()?.();
  return { time, turn, turns, done, ask };
}

describe('FairTurns', () => {
  it('runs at once what the turn has time for, and the rest in later ones', () => {
    const { turn, done, ask } = setUp();
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) ask('a', name);
    expect(done).toEqual(['a1', 'a2']);
    turn();
    expect(done).toEqual(['a1', 'a2', 'a3', 'a4']);
    turn();
    expect(done).toHaveLength(5);
  });

  it('a turn in which nothing was asked gives no credit to the next', () => {
    const { turn, done, ask } = setUp();
    for (let count = 0; count < 5; count++) turn();
    for (const name of ['a1', 'a2', 'a3']) ask('a', name);
    expect(done).toEqual(['a1', 'a2']);
  });

  it('G10: who asks for little waits for one job of each other, not for all', () => {
    const { turn, done, ask } = setUp();
    for (let count = 0; count < 100; count++) ask('greedy', `g${count}`, 2);
    ask('modest', 'm', 1);
    turn();
    turn();
    expect(done.slice(0, 3)).toEqual(['g0', 'g1', 'm']);
  });

  it('G10: a lane with more than a turn of work rests, and has its share of the time', () => {
    const { time, turn, done, ask } = setUp(1 / 4);
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) ask('a', name);
    turn();
    time.advance(5);
    expect(done).toEqual(['a1', 'a2']);
    // After 2 ms of work, 6 of rest.
    time.advance(1);
    expect(done).toEqual(['a1', 'a2', 'a3', 'a4']);
    turn();
    time.advance(6);
    expect(done).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
  });

  it('G10: nobody waits for the rest of others: neither who comes meanwhile nor who came in the same turn', () => {
    const { time, turn, done, ask } = setUp(1 / 4);
    ask('greedy', 'g1', 20);
    ask('greedy', 'g2', 20);
    ask('b', 'b1');
    turn();
    expect(done).toEqual(['g1', 'b1']);
    turn();
    time.advance(30);
    ask('c', 'c1');
    expect(done).toEqual(['g1', 'b1', 'c1']);
    // What it asks for beyond a turn is its own, and waits like that of anybody.
    ask('c', 'c2');
    ask('c', 'c3');
    expect(done).toEqual(['g1', 'b1', 'c1', 'c2']);
    turn();
    time.advance(5);
    expect(done).toHaveLength(4);
    time.advance(1);
    expect(done).toEqual(['g1', 'b1', 'c1', 'c2', 'c3']);
    turn();
    time.advance(60);
    expect(done).toEqual(['g1', 'b1', 'c1', 'c2', 'c3', 'g2']);
  });

  it('G10: in a second of two greedy lanes each has its quarter, and who asks for little is served in the next turn', () => {
    const { time, turn, turns } = setUp(1 / 4);
    const spent = { a: 0, b: 0 };
    const greedy = (lane: 'a' | 'b'): void => {
      turns.run(lane, () => {
        time.nowMs += 3;
        spent[lane] += 3;
      });
    };
    for (let count = 0; count < 500; count++) ['a' as const, 'b' as const].forEach(greedy);
    let longestMs = 0;
    for (let loop = 0; time.nowMs < 1_000; loop++) {
      const askedMs = time.nowMs;
      if (loop % 10 === 0)
        turns.run(`modest ${loop}`, () => (longestMs = Math.max(longestMs, time.nowMs - askedMs)));
      time.advance(0.5);
      turn();
    }
    expect(longestMs).toBeLessThan(8);
    for (const ms of Object.values(spent)) {
      expect(ms).toBeGreaterThan(200);
      expect(ms).toBeLessThanOrEqual(255);
    }
  });

  it('what a job asks for comes after it, in its own turn', () => {
    const { turn, turns, done, ask } = setUp();
    turns.run('walk', () => {
      ask('walk', 'second');
      done.push('first');
    });
    expect(done).toEqual(['first']);
    turn();
    expect(done).toEqual(['first', 'second']);
  });

  it('a job that throws holds up nobody', () => {
    const { turn, turns, done, ask } = setUp();
    ask('a', 'slow', 5);
    turns.run('a', () => {
      throw new TypeError('a mistake');
    });
    ask('b', 'after');
    expect(() => {
      turn();
    }).toThrow('a mistake');
    turn();
    expect(done).toEqual(['slow', 'after']);
  });
});
