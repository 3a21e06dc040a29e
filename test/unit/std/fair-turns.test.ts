import { describe, expect, it } from 'vitest';
import { FairTurns } from '../../../src/std/fair-turns.ts';
import { ManualTime } from '../../support/manual-time.ts';

/** Turns of 2 ms, and jobs that take as long as they say. */
function setUp(shareOf: (lanes: number) => number = () => 1) {
  const time = new ManualTime();
  const soon: (() => void)[] = [];
  time.soon = (run) => soon.push(run);
  const turns = new FairTurns(time, 2, shareOf);
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
    const { turn, turns, done, ask } = setUp();
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) ask('a', name);
    expect(done).toEqual(['a1', 'a2']);
    turn();
    expect(done).toEqual(['a1', 'a2', 'a3', 'a4']);
    turn();
    expect(turns.waiting).toBe(0);
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

  it('G10: a lane with more than a turn of work has its share of the time, and others of the rest', () => {
    const { time, turn, done, ask } = setUp((lanes) => Math.min(1, lanes / 4));
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) ask('a', name);
    turn();
    time.advance(5);
    expect(done).toEqual(['a1', 'a2']);
    // After 2 ms of work, 6 of rest.
    time.advance(1);
    expect(done).toEqual(['a1', 'a2', 'a3', 'a4']);
    ask('b', 'b1');
    turn();
    time.advance(1);
    expect(done).toHaveLength(4);
    time.advance(1);
    expect(done).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'b1']);
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
