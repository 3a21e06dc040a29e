import { describe, expect, test } from 'vitest';
import { NodeTime } from '../support/node-time.ts';
import { VirtualTime } from '../support/virtual-time.ts';

function pause(time: VirtualTime, ms: number): Promise<void> {
  return new Promise((resolve) => {
    time.after(ms, resolve);
  });
}

describe('virtual time', () => {
  test('goes from event to event, and what one sets off is done before the next', async () => {
    const time = new VirtualTime();
    const done: string[] = [];
    for (const ms of [2, 1]) {
      time.after(ms, () => {
        void (async () => {
          for (let hops = 0; hops < 100; hops++) await Promise.resolve();
          done.push(`${ms} at ${time.monotonicMs()}`);
        })();
      });
    }
    await time.run(10);
    expect(done).toEqual(['1 at 1', '2 at 2']);
    expect(time.monotonicMs()).toBe(10);
  });

  test('two who drive it at once both come to their end', async () => {
    const time = new VirtualTime();
    await Promise.all([time.run(20), time.drive(pause(time, 30))]);
    expect(time.monotonicMs()).toBe(30);
  });

  test('who drives it is told of what an event throws, and of what never comes', async () => {
    const time = new VirtualTime();
    time.after(5, () => {
      throw new Error('thrown');
    });
    await expect(time.run(10)).rejects.toThrow('thrown');
    await expect(time.drive(new Promise(() => undefined), 50)).rejects.toThrow('still waiting after 50 ms');
    await expect(time.drive(pause(time, 60), 50)).rejects.toThrow('still waiting after 50 ms');
  });

  test('a timer of a node that was cancelled takes no turn of the clock', async () => {
    const time = new VirtualTime();
    const cancel = new NodeTime(time).after(5, () => undefined);
    cancel();
    await expect(time.drive(new Promise(() => undefined))).rejects.toThrow('still waiting');
    expect(time.monotonicMs()).toBe(0);
  });
});
