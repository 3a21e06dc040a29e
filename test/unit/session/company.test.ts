import { describe, expect, test } from 'vitest';
import type { Presence, Typing } from '../../../src/protocol/calls.ts';
import type { PresencePort } from '../../../src/presence/presence-port.ts';
import { Company, typingMs } from '../../../src/session/company.ts';
import { KeyedBuckets } from '../../../src/std/keyed-buckets.ts';
import { FakeMailboxes } from '../../support/fake-mailboxes.ts';
import { nobodyThere } from '../../support/nobody-there.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

const conversationId = 'dm:ann:bob';

class Stand {
  readonly time = new VirtualTime();
  readonly typed: string[] = [];
  readonly pushed: string[] = [];
  readonly pushes: ((presence: Presence) => void)[] = [];
  ended = 0;
  audiences = 0;
  hasRoom = true;
  readonly company: Company;

  constructor() {
    const presence: PresencePort = {
      ...nobodyThere,
      watch: (_watcher, _userIds, push) => {
        this.pushes.push(push);
        return Promise.resolve({ presence: [], end: () => this.ended++ });
      },
      reachable: (_userId, others) => {
        this.audiences++;
        return Promise.resolve(others);
      },
      type: ({ on }: Typing, userIds) => this.typed.push(`${on ? 'on' : 'off'} ${userIds.join()}`),
    };
    const buckets = new KeyedBuckets({ tokensPerSecond: 5, burst: 100, keysMax: 10 });
    this.company = new Company({
      ...{ mailbox: new FakeMailboxes().mailbox('ann'), presence, time: this.time },
      ...{ typingBuckets: buckets, watchBuckets: buckets },
      push: ({ userId, online }) => {
        if (this.hasRoom) this.pushed.push(`${userId} ${String(online)}`);
        return this.hasRoom;
      },
    });
  }

  async watch(userIds: readonly string[]): Promise<void> {
    this.company.answered(await this.time.drive(this.company.watchPresence(userIds, 1e9)));
  }

  type(on: boolean): Promise<object> {
    return this.time.drive(this.company.type({ conversationId, on }, 1e9));
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1_000) {
      await this.time.run(1_000);
      this.company.tick(this.time.monotonicMs());
    }
    await this.time.run(1);
  }
}

describe('the company of a session', () => {
  test('is told that its user writes, not at each key, and that it has stopped: said, silent, or gone', async () => {
    const stand = new Stand();
    for (let key = 0; key < 10; key++) await stand.type(true);
    expect(stand.typed).toEqual(['on bob']);
    await stand.type(false);
    await stand.type(false);
    expect(stand.typed.splice(0)).toEqual(['on bob', 'off bob']);
    await stand.type(true);
    await stand.pass(typingMs + 1_000);
    expect(stand.typed.splice(0)).toEqual(['on bob', 'off bob']);
    expect(stand.audiences).toBe(1);
    await stand.type(true);
    stand.company.end();
    await stand.time.run(1);
    expect(stand.typed).toEqual(['on bob', 'off bob']);
  });

  test('refuses who says so too often', async () => {
    const stand = new Stand();
    const say = async (): Promise<void> => {
      for (let key = 0; key < 200; key++) await stand.type(key % 2 === 0);
    };
    await expect(say()).rejects.toMatchObject({ kind: 'rate_limited' });
  });

  test('is watched by the last call; what found no room is pushed when there is some, as it is by then', async () => {
    const stand = new Stand();
    await stand.watch(['bob']);
    await stand.watch(['bob', 'cat']);
    expect(stand.ended).toBe(1);
    stand.hasRoom = false;
    const push = stand.pushes[1]!;
    for (const online of [true, false]) push({ userId: 'bob', online, lastSeen: 1 });
    push({ userId: 'cat', online: true, lastSeen: 1 });
    stand.hasRoom = true;
    stand.company.resume();
    expect(stand.pushed).toEqual(['bob false', 'cat true']);
    stand.company.end();
    expect(stand.ended).toBe(2);
  });

  test('is told what changes after an answer was made only when that is on its way', async () => {
    const stand = new Stand();
    const answers = [];
    for (const userIds of [['bob'], ['bob', 'cat']]) {
      answers.push(await stand.time.drive(stand.company.watchPresence(userIds, 1e9)));
      stand.pushes.at(-1)!({ userId: 'bob', online: true, lastSeen: 1 });
    }
    stand.company.resume();
    stand.company.answered(answers[0]!);
    expect(stand.pushed).toEqual([]);
    stand.company.answered(answers[1]!);
    expect(stand.pushed).toEqual(['bob true']);
    stand.pushes[1]!({ userId: 'bob', online: false, lastSeen: 2 });
    expect(stand.pushed).toEqual(['bob true', 'bob false']);
  });
});
