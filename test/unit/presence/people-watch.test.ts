import { describe, expect, test } from 'vitest';
import { PeopleWatch } from '../../../src/presence/people-watch.ts';

function watching(...userIds: readonly string[]): { watch: PeopleWatch; pushed: string[] } {
  const pushed: string[] = [];
  const watch = new PeopleWatch(1, 'ann', userIds, ({ userId, online, lastSeen }) => {
    pushed.push(`${userId} ${online ? 'on' : String(lastSeen)}`);
  });
  watch.limitTo(new Set(userIds));
  return { watch, pushed };
}

const on = (stamp: number) => ({ userId: 'bob', online: true, lastSeen: 100 + stamp, stamp });
const off = (stamp: number, lastSeen = 5) => ({ userId: 'bob', online: false, lastSeen, stamp });

describe('what a session is told of those it watches', () => {
  test('is its answer first, and then changes, each once', () => {
    const { watch, pushed } = watching('bob', 'cat');
    watch.learn(on(1), 'n1');
    expect(pushed).toEqual([]);
    expect(watch.begin()).toMatchObject([
      { userId: 'bob', online: true },
      { userId: 'cat', online: false, lastSeen: 0 },
    ]);
    watch.learn(on(2), 'n1');
    watch.learn(off(3), 'n1');
    watch.learn(off(4), 'n1');
    watch.limitTo(new Set(['cat']));
    expect(pushed).toEqual(['bob 5', 'bob 0']);
    // An owner that has not heard of it yet.
    watch.learn(on(5), 'n1');
    expect(pushed.length).toBe(2);
    watch.limitTo(new Set(['bob', 'cat']));
    watch.learn(on(6), 'n1');
    expect(pushed.slice(2)).toEqual(['bob on']);
    watch.isEnded = true;
    watch.learn(off(7), 'n1');
    expect(pushed.length).toBe(3);
  });

  test('an answer that a note has overtaken changes nothing', () => {
    const { watch, pushed } = watching('bob');
    watch.begin();
    watch.learn(on(7), 'n1');
    watch.learn(off(6), 'n1');
    expect(pushed).toEqual(['bob on']);
    // Numbers of another owner are its own.
    watch.learn(on(1), 'n2');
    watch.learn(off(2), 'n2');
    expect(pushed).toEqual(['bob on', 'bob 5']);
  });

  test('a new owner is believed at its second word that somebody is gone, and at its first that they are there', () => {
    const { watch, pushed } = watching('bob');
    watch.learn(on(1), 'n1');
    watch.begin();
    expect(watch.learn(off(1, 0), 'n2')).toBe(true);
    expect(pushed).toEqual([]);
    expect(watch.learn(off(2, 0), 'n2')).toBe(false);
    expect(pushed).toEqual(['bob 0']);
    expect(watch.learn(on(1), 'n3')).toBe(false);
    expect(watch.learn(off(1, 0), 'n4')).toBe(true);
    expect(watch.learn(on(2), 'n4')).toBe(false);
    expect(pushed).toEqual(['bob 0', 'bob on']);
  });
});
