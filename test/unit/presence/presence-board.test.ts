import { describe, expect, test, vi } from 'vitest';
import { lingerMs } from '../../../src/presence/attendance.ts';
import { PresenceBoard, watchersMax } from '../../../src/presence/presence-board.ts';
import type { Sighting } from '../../../src/presence/presence-wire.ts';
import type { Fault } from '../../support/faulty-table.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';

const peer = { nodeId: 'n2', incarnation: 'i2' };
const asked = { watchId: 1, watcher: 'ann', groupIds: [], userIds: ['bob'] };

class Stand {
  readonly rig = new MailboxRig();
  readonly board: PresenceBoard;
  readonly sent: string[] = [];
  /** Of what was sent last. */
  stamp = 0;
  isFull = false;
  /** This node owns all users but these. */
  readonly moved = new Set<string>();
  readonly #listening: (() => void)[] = [];

  private constructor() {
    this.board = new PresenceBoard({
      ...{ registry: this.rig.node.registry, time: this.rig.time, epoch: () => 1, keeps: () => true },
      isOwn: (userId) => !this.moved.has(userId),
      send: ({ nodeId }, sighting, watchIds) => {
        if (this.isFull) return false;
        this.sent.push(`${nodeId} ${textOf(sighting)} ${watchIds.join()}`);
        this.stamp = sighting.stamp;
        return true;
      },
      alarm: (error, what) => this.rig.alarms.push({ error, what }),
    });
  }

  /** ann and bob have written to each other; eve is a stranger. */
  static async open(): Promise<Stand> {
    const stand = new Stand();
    await stand.rig.users('ann', 'bob', 'eve');
    await stand.rig.sent('ann', 'bob', 'hello');
    await stand.rig.time.run(1_000);
    return stand;
  }

  come(userId = 'bob'): void {
    this.#listening.push(this.rig.node.registry.subscribe(userId, () => undefined));
  }

  /** Reads of the user's row from now on. */
  disturb(userId: string, fault: Fault): void {
    const { rig } = this;
    rig.faultOf = ({ kind, entityId }) => (kind === 'read' && entityId === userId ? fault : undefined);
    rig.node.registry.release((id) => id !== userId);
  }

  go(): void {
    for (const leave of this.#listening.splice(0)) leave();
  }

  ask(ask: Partial<typeof asked> = {}): Promise<readonly Sighting[]> {
    return this.board.attend(peer, { ...asked, ...ask }, this.rig.deadline());
  }

  async attend(ask: Partial<typeof asked> = {}): Promise<string[]> {
    return (await this.rig.time.drive(this.ask(ask))).map(textOf);
  }

  async call(name: 'blockUser' | 'unblockUser', userId: string): Promise<void> {
    await this.rig.time.drive(this.rig.mailbox('bob').call(name, { userId }, this.rig.deadline()));
    await this.rig.time.run(1_000);
  }

  async told(): Promise<string[]> {
    await this.rig.time.run(lingerMs + 1_000);
    return this.sent.splice(0);
  }
}

function textOf({ userId, online, lastSeen }: Sighting): string {
  return `${userId} ${online ? 'on' : lastSeen > 0 ? 'left' : 'unknown'}`;
}

describe('who is there, at the owner', () => {
  test('is told to those who share a conversation, once for each coming and going', async () => {
    const stand = await Stand.open();
    expect(await stand.attend()).toEqual(['bob unknown']);
    expect(await stand.attend({ watchId: 2, watcher: 'eve' })).toEqual(['bob unknown']);
    stand.come();
    expect(await stand.told()).toEqual(['n2 bob on 1']);
    expect(await stand.attend({ watchId: 3 })).toEqual(['bob on']);
    stand.go();
    await stand.rig.time.run(lingerMs / 2);
    stand.come();
    expect(await stand.told()).toEqual([]);
    stand.go();
    expect(await stand.told()).toEqual(['n2 bob left 1,3']);
    expect(await stand.attend({ watchId: 4 })).toEqual(['bob left']);
    expect(await stand.attend({ watchId: 5, watcher: 'eve' })).toEqual(['bob unknown']);
    expect(stand.rig.alarms).toEqual([]);
  });

  test('is hidden by a block, and shown again after it; a first message shows it too', async () => {
    const stand = await Stand.open();
    stand.come();
    expect(await stand.attend()).toEqual(['bob on']);
    expect(await stand.attend({ watchId: 2, watcher: 'eve' })).toEqual(['bob unknown']);
    await stand.call('blockUser', 'ann');
    await stand.call('unblockUser', 'ann');
    expect(await stand.told()).toEqual(['n2 bob unknown 1', 'n2 bob on 1']);
    await stand.rig.sent('eve', 'bob', 'hello');
    expect(await stand.told()).toEqual(['n2 bob on 2']);
  });

  test('a block counts also while no device is connected', async () => {
    const stand = await Stand.open();
    stand.come();
    expect(await stand.attend()).toEqual(['bob on']);
    stand.go();
    await stand.call('blockUser', 'ann');
    expect(stand.sent.splice(0)).toEqual(['n2 bob unknown 1']);
    await stand.call('unblockUser', 'ann');
    expect(await stand.told()).toEqual(['n2 bob on 1', 'n2 bob left 1']);
    await stand.call('blockUser', 'ann');
    expect(await stand.told()).toEqual(['n2 bob unknown 1']);
  });

  test('a conversation that began while no device was connected counts for who is back at once', async () => {
    const stand = await Stand.open();
    stand.come();
    expect(await stand.attend({ watchId: 2, watcher: 'eve' })).toEqual(['bob unknown']);
    stand.go();
    await stand.rig.sent('eve', 'bob', 'hello');
    stand.come();
    expect(await stand.told()).toEqual(['n2 bob on 2']);
  });

  test('nobody is looked at for a device that is back at once, where nothing was committed meanwhile', async () => {
    const stand = await Stand.open();
    await stand.attend();
    stand.come();
    expect(await stand.told()).toEqual(['n2 bob on 1']);
    const query = vi.spyOn(stand.rig.node.registry.mailbox('bob'), 'query');
    for (let polls = 0; polls < 10; polls++) {
      await stand.rig.sent('ann', 'bob', 'hello');
      stand.go();
      stand.come();
    }
    expect(await stand.told()).toEqual([]);
    expect(query).not.toHaveBeenCalled();
    stand.go();
    await stand.rig.sent('ann', 'bob', 'hello');
    stand.come();
    expect(await stand.told()).toEqual([]);
    expect(query).toHaveBeenCalledOnce();
  });

  test('a block counts also in a commit that has changes for clients', async () => {
    const stand = await Stand.open();
    const { rig } = stand;
    const { seq } = await rig.sent('bob', 'ann', 'well?');
    // Nothing is left to be cleared.
    await rig.time.run(60_000);
    stand.come();
    expect(await stand.attend()).toEqual(['bob on']);
    await stand.call('blockUser', 'ann');
    expect(await stand.told()).toEqual(['n2 bob unknown 1']);
    // With its end bob is shown how far ann has read meanwhile.
    const mark = { conversationId: 'dm:ann:bob', seq };
    await rig.time.drive(rig.mailbox('ann').call('markRead', mark, rig.deadline()));
    await rig.time.run(60_000);
    await stand.call('unblockUser', 'ann');
    expect(await stand.told()).toEqual(['n2 bob on 1']);
  });

  test('what is told of somebody while another one of the same asking is looked at is later than the answer', async () => {
    const stand = await Stand.open();
    stand.come();
    stand.come('eve');
    stand.disturb('eve', { kind: 'slow', delayMs: 3_000 });
    const answer = stand.ask({ userIds: ['bob', 'eve'] });
    await stand.call('blockUser', 'ann');
    expect(stand.sent).toEqual(['n2 bob unknown 1']);
    const [bob] = await stand.rig.time.drive(answer);
    expect(bob?.stamp).toBeLessThan(stand.stamp);
  });

  test('who cannot be looked at is left out of the answer, and told of later', async () => {
    const stand = await Stand.open();
    await stand.rig.sent('eve', 'ann', 'hello');
    stand.come();
    stand.come('eve');
    stand.disturb('eve', { kind: 'unavailable' });
    expect(await stand.attend({ userIds: ['bob', 'eve'] })).toEqual(['bob on']);
    stand.rig.faultOf = () => undefined;
    expect(await stand.told()).toEqual(['n2 eve on 1']);
  });

  test('what found no room is told later, as it is by then', async () => {
    const stand = await Stand.open();
    await stand.attend();
    stand.isFull = true;
    stand.come();
    expect(await stand.told()).toEqual([]);
    stand.isFull = false;
    expect(await stand.told()).toEqual(['n2 bob on 1']);
  });

  test('G10: watches are replaced, ended, bounded, and gone with their node or with the user', async () => {
    const stand = await Stand.open();
    for (let watchId = 1; watchId <= watchersMax; watchId++) await stand.attend({ watchId });
    await stand.attend();
    expect(stand.board.entries).toBe(watchersMax);
    stand.come();
    expect(await stand.attend({ watchId: watchersMax + 1 })).toEqual(['bob unknown']);
    stand.board.unattend(peer, 7);
    expect(stand.board.entries).toBe(watchersMax - 1);
    stand.moved.add('bob');
    stand.board.adopted(() => true);
    expect(stand.board.entries).toBe(0);
    expect(await stand.attend()).toEqual([]);
    stand.moved.clear();
    await stand.attend();
    stand.board.adopted(() => false);
    expect(stand.board.entries).toBe(0);
    stand.sent.length = 0;
    stand.go();
    expect(await stand.told()).toEqual([]);
  });
});
