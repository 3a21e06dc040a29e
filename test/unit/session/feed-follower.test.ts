import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GetChangesParams, GetChangesResult } from '../../../src/protocol/calls.ts';
import type { Change } from '../../../src/protocol/message.ts';
import { ProtocolError } from '../../../src/protocol/protocol-error.ts';
import type { ChangeBatch, ChangeListener, MailboxPort } from '../../../src/router/mailbox-port.ts';
import type { FeedSink } from '../../../src/session/device-connection.ts';
import { FeedFollower } from '../../../src/session/feed-follower.ts';
import { FakeMailboxes } from '../../support/fake-mailboxes.ts';
import { ManualTime } from '../../support/manual-time.ts';

interface Read {
  readonly since: string | undefined;
  readonly limit: number;
  readonly resolve: (result: GetChangesResult) => void;
  readonly reject: (error: Error) => void;
}

/** A feed whose reads are answered when the test says so, from what the feed holds at that moment. */
class SlowFeed {
  readonly cursors: Change[] = [];
  kept = 0;
  reads: Read[] = [];
  listener: ChangeListener | undefined;
  readonly port: MailboxPort;

  constructor() {
    const base = new FakeMailboxes().mailbox('ann');
    this.port = Object.assign(Object.create(base) as MailboxPort, {
      call: (_name: 'getChanges', { since, limit }: GetChangesParams) =>
        new Promise<GetChangesResult>((resolve, reject) =>
          this.reads.push({ since, limit, resolve, reject }),
        ),
      subscribe: (listener: ChangeListener) => {
        this.listener = listener;
        return () => {
          this.listener = undefined;
        };
      },
    });
  }

  get head(): string {
    return String(this.cursors.length);
  }

  /** `loses`: the listener does not hear of it, as after a mailbox was loaded anew. */
  commit(count: number, loses = false): void {
    const previous = this.head;
    const changes: Change[] = [];
    for (let index = 0; index < count; index++) {
      const change: Change = {
        cursor: String(this.cursors.length + 1),
        kind: 'read',
        conversationId: 'dm:ann:bob',
        readSeq: this.cursors.length + 1,
        unread: 0,
      };
      this.cursors.push(change);
      changes.push(change);
    }
    const batch: ChangeBatch = { previous, head: this.head, changes, hasUnlisted: false };
    if (!loses) this.listener?.(batch);
  }

  /** What the oldest read gives if the store looks now; hand it to `resolve` now or later. */
  look(read: Read, pageMax: number): GetChangesResult {
    const from = read.since === undefined ? this.cursors.length : Number(read.since);
    if (from < this.kept) return { reset: true, cursor: this.head };
    const changes = this.cursors.slice(from, from + Math.min(read.limit, pageMax));
    const cursor = changes.at(-1)?.cursor ?? String(from);
    return { changes, cursor, hasMore: Number(cursor) < this.cursors.length };
  }
}

class RoomySink implements FeedSink {
  room = Infinity;
  readonly written: string[] = [];

  pushBatch({ changes }: ChangeBatch): boolean {
    if (changes.length > this.room) return false;
    this.room -= changes.length;
    this.written.push(...changes.map(({ cursor }) => cursor));
    return true;
  }

  pushChange(change: Change): boolean {
    if (this.room < 1) return false;
    this.room -= 1;
    this.written.push(change.cursor);
    return true;
  }
}

function setUp(readTimeoutMs = 1_000_000) {
  const feed = new SlowFeed();
  const sink = new RoomySink();
  const time = new ManualTime();
  const events: string[] = [];
  const follower = new FeedFollower({
    mailbox: feed.port,
    sink,
    events: {
      reset: (cursor) => events.push(`reset ${cursor}`),
      failed: () => events.push('failed'),
      unanswered: () => events.push('unanswered'),
    },
    traffic: { framesReceived: 0, bytesReceived: 0, bytesSent: 0, changesPushed: 0, changesCaughtUp: 0 },
    time,
    random: () => 0.5,
    readTimeoutMs,
  });
  return { feed, sink, time, events, follower };
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

type Step =
  | { kind: 'commit'; count: number; loses: boolean }
  | { kind: 'look'; pageMax: number }
  | { kind: 'deliver' }
  | { kind: 'fail' }
  | { kind: 'room'; count: number };

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('commit' as const),
        count: fc.integer({ min: 1, max: 4 }),
        loses: fc.boolean().map((b) => b),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('look' as const), pageMax: fc.integer({ min: 1, max: 5 }) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('deliver' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const) }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('room' as const), count: fc.integer({ min: 0, max: 6 }) }),
    },
  ),
  { maxLength: 60 },
);

/** Runs the steps; a read's answer is made at `look` and arrives at `deliver`, so commits fall in between. */
async function run(script: readonly Step[], since: number, before: number) {
  const { feed, sink, time, events, follower } = setUp();
  feed.commit(before);
  const opened = follower.open(String(since), 1000);
  const page = feed.look(feed.reads[0]!, 3);
  feed.reads.shift()!.resolve(page);
  await opened;
  const looked: { read: Read; result: GetChangesResult }[] = [];
  follower.follow();
  for (const step of script) {
    if (step.kind === 'commit') feed.commit(step.count, step.loses);
    else if (step.kind === 'room') {
      sink.room = step.count;
      follower.resume();
    } else if (step.kind === 'look') {
      const read = feed.reads.shift();
      if (read !== undefined) looked.push({ read, result: feed.look(read, step.pageMax) });
    } else if (step.kind === 'deliver') {
      const next = looked.shift();
      next?.read.resolve(next.result);
    } else feed.reads.shift()?.reject(new ProtocolError('unavailable', 'no store'));
    await settle();
    time.advance(10);
  }
  return { feed, sink, time, events, follower, looked };
}

describe('FeedFollower', () => {
  it('G8: whatever the interleaving, changes go out in cursor order, each once, and none is left out', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 0, max: 8 }), async (script, before) => {
        const since = Math.floor(before / 2);
        const { feed, sink, time, events, follower, looked } = await run(script, since, before);
        const soFar = sink.written.map(Number);
        expect(soFar).toEqual(Array.from({ length: soFar.length }, (_, index) => since + index + 1));
        // Everything works again, and one more commit is heard of: all is there.
        sink.room = Infinity;
        follower.resume();
        feed.commit(1);
        for (let round = 0; round < 200 && sink.written.at(-1) !== feed.head; round++) {
          const next = looked.shift();
          next?.read.resolve(next.result);
          const read = feed.reads.shift();
          read?.resolve(feed.look(read, 5));
          await settle();
          time.advance(10_000);
        }
        const written = sink.written.map(Number);
        expect(written).toEqual(
          Array.from({ length: feed.cursors.length - since }, (_, index) => since + index + 1),
        );
        expect(events).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('G8: what a copy sent ahead says late does not hide a commit that was heard of before it', async () => {
    const { feed, sink, follower } = setUp();
    feed.commit(10);
    const opening = follower.open('10', 1000);
    const read = feed.reads.shift()!;
    const page = feed.look(read, 10); // made at 10, and under way
    feed.commit(1); // the owner's note, over its own link
    // The reply to `watch`, made before that, over the other link: FeedRelay's missed('10').
    feed.listener?.({ previous: '10', head: '10', changes: [], hasUnlisted: true });
    read.resolve(page);
    await opening;
    follower.follow();
    await settle();
    const again = feed.reads.shift();
    again?.resolve(feed.look(again, 10));
    await settle();
    expect(sink.written).toEqual(['11']);
  });

  it('without since it begins at the head, and writes nothing before follow', async () => {
    const { feed, sink, follower } = setUp();
    feed.commit(3);
    const opening = follower.open(undefined, 1000);
    const read = feed.reads.shift()!;
    read.resolve(feed.look(read, 10));
    expect(await opening).toEqual({ cursor: '3', reset: false });
    feed.commit(2);
    expect(sink.written).toEqual([]);
    follower.follow();
    expect(sink.written).toEqual(['4', '5']);
    expect(feed.reads).toEqual([]);
  });

  it('says reset at opening, and starts from the head', async () => {
    const { feed, sink, follower, events } = setUp();
    feed.commit(5);
    feed.kept = 3;
    const opening = follower.open('1', 1000);
    const read = feed.reads.shift()!;
    read.resolve(feed.look(read, 10));
    expect(await opening).toEqual({ cursor: '5', reset: true });
    follower.follow();
    feed.commit(1);
    expect([sink.written, events]).toEqual([['6'], []]);
  });

  it('says reset later where its position is no longer kept', async () => {
    const { feed, sink, follower, events } = setUp();
    const opening = follower.open(undefined, 1000);
    feed.reads.shift()!.resolve({ changes: [], cursor: '0', hasMore: false });
    await opening;
    follower.follow();
    sink.room = 0;
    feed.commit(4);
    feed.kept = 2;
    sink.room = Infinity;
    follower.resume();
    const read = feed.reads.shift()!;
    read.resolve(feed.look(read, 10));
    await settle();
    expect(events).toEqual(['reset 4']);
    feed.commit(1);
    expect(sink.written).toEqual(['5']);
  });

  it('tries a failed read again with growing pauses, and gives up in the end', async () => {
    const { feed, time, follower, events } = setUp();
    const opening = follower.open('0', 1000);
    feed.reads.shift()!.resolve({ changes: [], cursor: '0', hasMore: false });
    await opening;
    follower.follow();
    feed.commit(1, true);
    feed.commit(1);
    const pausesMs = [];
    for (let failure = 1; failure <= 10; failure++) {
      feed.reads.shift()!.reject(new ProtocolError('unavailable', 'no store'));
      await settle();
      const startedMs = time.nowMs;
      while (feed.reads.length === 0 && time.nowMs - startedMs < 10_000) time.advance(50);
      pausesMs.push(time.nowMs - startedMs);
    }
    expect(pausesMs.slice(0, 4)).toEqual([150, 300, 600, 1200]);
    expect(events).toEqual(['failed']);
    expect([feed.listener, time.timerCount]).toEqual([undefined, 0]);
  });

  it('G8: a read that never ends is read anew, and its late answer is of no use', async () => {
    const { feed, sink, time, follower, events } = setUp(1000);
    const opening = follower.open('0', 1000);
    feed.reads.shift()!.resolve({ changes: [], cursor: '0', hasMore: false });
    await opening;
    follower.follow();
    feed.commit(1, true);
    feed.commit(1);
    const never = feed.reads.shift()!;
    const late = feed.look(never, 10);
    // Twice its time, and the pause after a failure.
    time.advance(2_000);
    await settle();
    time.advance(200);
    const again = feed.reads.shift()!;
    again.resolve(feed.look(again, 10));
    await settle();
    never.resolve(late);
    await settle();
    expect(sink.written).toEqual(['1', '2']);
    expect([events, time.timerCount]).toEqual([['unanswered'], 0]);
  });

  it('an opening that is never answered fails', async () => {
    const { feed, time, follower, events } = setUp(1000);
    const opening = follower.open('0', 1000);
    const failing = expect(opening).rejects.toMatchObject({ kind: 'unavailable' });
    time.advance(2_000);
    await failing;
    expect([events, feed.listener, time.timerCount]).toEqual([['unanswered'], undefined, 0]);
  });

  it('after stop nothing is written, whatever still comes', async () => {
    const { feed, sink, follower } = setUp();
    const opening = follower.open('0', 1000);
    feed.commit(2);
    const read = feed.reads.shift()!;
    read.resolve(feed.look(read, 10));
    await opening;
    follower.stop();
    follower.follow();
    follower.resume();
    expect([sink.written, feed.reads, feed.listener]).toEqual([[], [], undefined]);
  });

  it('G8: what cannot be read on does not keep a session from opening, and comes when it can be read', async () => {
    const { feed, sink, time, events, follower } = setUp();
    feed.commit(3);
    const stalled: GetChangesResult = { changes: [], cursor: '1', hasMore: true };
    const opened = follower.open('1', 1000);
    feed.reads.shift()!.resolve(stalled);
    expect(await opened).toEqual({ cursor: '1', reset: false });
    follower.follow();
    for (let reads = 0; reads < 20; reads++) {
      time.advance(6_000);
      await settle();
      feed.commit(1);
      expect(feed.reads).toHaveLength(1);
      feed.reads.shift()!.resolve(stalled);
      await settle();
    }
    time.advance(6_000);
    const read = feed.reads.shift()!;
    read.resolve(feed.look(read, 100));
    await settle();
    feed.commit(1);
    expect(sink.written).toEqual(Array.from({ length: 23 }, (_, index) => String(index + 2)));
    expect(events).toEqual([]);
  });
});
