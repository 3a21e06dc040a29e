import { describe, expect, it } from 'vitest';
import type { CallRequest } from '../../../src/protocol/json-rpc.ts';
import { Company } from '../../../src/session/company.ts';
import { KeyedBuckets } from '../../../src/std/keyed-buckets.ts';
import { nobodyThere } from '../../support/nobody-there.ts';
import { CallDesk } from '../../../src/session/call-desk.ts';
import type { CallLimits } from '../../../src/session/call-service.ts';
import type { Call } from '../../../src/session/call-table.ts';
import type { ReplyOutlet } from '../../../src/session/device-connection.ts';
import { Intake } from '../../../src/session/intake.ts';
import { ReplyBatch } from '../../../src/session/reply-batch.ts';
import { FairTurns } from '../../../src/std/fair-turns.ts';
import { TokenBucket } from '../../../src/std/token-bucket.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { NodeMetrics } from '../../../src/telemetry/node-metrics.ts';
import { FakeMailboxes } from '../../support/fake-mailboxes.ts';
import { ManualTime } from '../../support/manual-time.ts';

/** Time for replies in a turn, and how long who asks too fast is not read. */
const [replyTurnMs, restMs] = [2, 50];

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Where replies go: what was written, and what else was asked for. */
function recorder(time: ManualTime) {
  const replies: string[] = [];
  const events: string[] = [];
  let hasRoom = true;
  let encodingMs = 0;
  let replyText = 'ok';
  const outlet: ReplyOutlet = {
    encoding: {
      result: (id) => {
        time.nowMs += encodingMs;
        return `${id}: ${replyText}`;
      },
      error: (id, { error }) => `${id}: ${error}`,
      push: () => '',
      batch: (parts) => parts.join(),
    },
    send: (payload) => replies.push(String(payload)),
    hasRoom: () => hasRoom,
    setBusy: (busy) => events.push(`busy ${busy}`),
    close: (code) => events.push(`close ${code}`),
  };
  return {
    ...{ outlet, replies, events },
    room: (value: boolean) => (hasRoom = value),
    replyWith: (text: string, takesMs: number) => ([replyText, encodingMs] = [text, takesMs]),
  };
}

function setUp(limits: Partial<CallLimits> = {}, bucket = new TokenBucket(1e6, 1e6, 0)) {
  const time = new ManualTime();
  const soon: (() => void)[] = [];
  time.soon = (run) => soon.push(run);
  const metrics = new NodeMetrics();
  const answers: (() => void)[] = [];
  const { outlet, ...seen } = recorder(time);
  const { replies } = seen;
  const slow = (kind: Call['kind']): Call => ({
    name: kind,
    kind,
    start: () => new Promise((resolve) => answers.push(() => resolve({}))),
  });
  const broken: Call = {
    name: 'broken',
    kind: 'write',
    start: () => {
      throw new TypeError('a mistake');
    },
  };
  const costly: Call = { ...slow('write'), name: 'costly', surcharge: () => 50 };
  const followed: Call = { ...slow('write'), name: 'followed', answered: () => replies.push('what follows') };
  const calls = [slow('read'), slow('write'), broken, costly, followed].map(
    (call) => [call.name, { call, tally: metrics.call(call.name) }] as const,
  );
  const mailboxes = new FakeMailboxes();
  const mailboxOf = (userId: string) => mailboxes.mailbox(userId);
  const buckets = new KeyedBuckets({ tokensPerSecond: 1, burst: 1, keysMax: 1 });
  const company = new Company({
    ...{ mailbox: mailboxOf('ann'), presence: nobodyThere, typingBuckets: buckets, watchBuckets: buckets },
    ...{ time, push: undefined },
  });
  const desk = new CallDesk(
    {
      calls: new Map(calls),
      unknownTally: metrics.call('unknown'),
      limits: { inFlightMax: 8, inFlightBusy: 6, readsMax: 2, deadlineMs: 1000, ...limits },
      refusals: new KeyedBuckets({ tokensPerSecond: 1, burst: 3, keysMax: 10 }),
      replyTurns: new FairTurns(time, replyTurnMs, 1),
      time,
      logger: createLogger('silent', 'n1'),
    },
    { userId: 'ann', deviceId: 'd1', mailbox: mailboxOf('ann'), mailboxOf, company },
    bucket,
    outlet,
    new Intake(outlet, time),
  );
  const submit = (method: string, id: number, batch?: ReplyBatch): void => {
    const request: CallRequest = { kind: 'call', id, method, params: {} };
    desk.submit(request, batch);
  };
  return {
    ...{ time, desk, submit, outlet, answers, ...seen },
    /** The next turn of the event loop. */
    turn: () => soon.shift()?.(),
  };
}

describe('CallDesk', () => {
  it('runs few reads at once and all writes', async () => {
    const { submit, answers, replies } = setUp();
    for (let id = 1; id <= 4; id++) submit('read', id);
    submit('write', 5);
    expect(answers).toHaveLength(3); // two reads and the write
    for (let index = 0; index < 5; index++) {
      answers[index]!();
      await settle();
    }
    expect(replies.toSorted()).toEqual(['1: ok', '2: ok', '3: ok', '4: ok', '5: ok']);
  });

  it('what follows an answer comes after it, and after its batch', async () => {
    const { submit, outlet, answers, replies } = setUp();
    submit('followed', 1);
    const batch = new ReplyBatch(outlet, 2, 1e6);
    submit('followed', 2, batch);
    submit('write', 3, batch);
    answers[0]!();
    await settle();
    expect(replies.splice(0)).toEqual(['1: ok', 'what follows']);
    answers[1]!();
    await settle();
    expect(replies).toEqual([]);
    answers[2]!();
    await settle();
    expect(replies).toEqual(['2: ok,3: ok', 'what follows']);
  });

  it('an answer that comes too late lets go what follows it', async () => {
    const { desk, submit, time, answers, replies } = setUp({ deadlineMs: 1000 });
    submit('followed', 1);
    time.advance(5_000);
    desk.expire(time.monotonicMs());
    answers[0]!();
    await settle();
    expect(replies).toEqual(['1: unavailable', 'what follows']);
  });

  it('G10: a call that costs more is served, and others wait for what it took', () => {
    const { submit, time, answers, replies } = setUp({}, new TokenBucket(10, 20, 0));
    submit('costly', 1);
    submit('write', 2);
    expect(answers).toHaveLength(1);
    expect(replies).toEqual(['2: rate_limited']);
    time.advance(3_300);
    submit('write', 3);
    expect(answers).toHaveLength(2);
  });

  it('G10: a long reply costs as many calls as it has 64 KiB', async () => {
    const { submit, time, answers, replies, replyWith } = setUp({}, new TokenBucket(1, 4, 0));
    replyWith('x'.repeat(8 * 65_536), 0);
    submit('read', 1);
    answers[0]!();
    await settle();
    submit('write', 2);
    time.advance(5_000);
    submit('write', 3);
    time.advance(2_000);
    submit('write', 4);
    expect(replies.slice(1)).toEqual(['2: rate_limited', '3: rate_limited']);
    expect(answers).toHaveLength(2);
  });

  it('G10: reads that were let in wait until the replies to others are paid for', async () => {
    const { submit, time, answers, replies, replyWith } = setUp({ readsMax: 1 }, new TokenBucket(1, 4, 0));
    replyWith('x'.repeat(8 * 65_536), 0);
    for (let id = 1; id <= 3; id++) submit('read', id);
    answers[0]!();
    await settle();
    expect([replies.length, answers.length]).toEqual([1, 1]);
    time.advance(6_000);
    expect(answers).toHaveLength(1);
    time.advance(2_000);
    expect(answers).toHaveLength(2);
  });

  it('G10: replies to reads that take long are made one a turn, and writes do not wait for them', async () => {
    const { submit, turn, answers, replies, replyWith } = setUp({ readsMax: 4 });
    replyWith('ok', replyTurnMs);
    for (let id = 1; id <= 3; id++) submit('read', id);
    submit('write', 4);
    for (const answer of answers) answer();
    await settle();
    expect(replies).toEqual(['1: ok', '4: ok']);
    turn();
    expect(replies).toHaveLength(3);
    turn();
    expect(replies).toHaveLength(4);
  });

  it('G10: reads no more for a while from who asks too fast', () => {
    const { submit, time, events } = setUp({ inFlightBusy: 2 }, new TokenBucket(1, 1, 0));
    for (let id = 1; id <= 3; id++) submit('write', id);
    expect(events).toEqual(['busy true']);
    time.advance(restMs);
    expect(events).toEqual(['busy true', 'busy false']);
    time.advance(1_000);
    submit('write', 4); // two are under way
    submit('write', 5);
    time.advance(restMs);
    expect(events.slice(2)).toEqual(['busy true']);
  });

  it('starts no read while the socket is full, and goes on when it is not', () => {
    const { desk, submit, answers, room } = setUp();
    room(false);
    submit('read', 1);
    submit('write', 2);
    expect(answers).toHaveLength(1);
    room(true);
    desk.resume();
    expect(answers).toHaveLength(2);
  });

  it('G10: asks for a pause when much is under way, and refuses what is too much', async () => {
    const { submit, answers, replies, events } = setUp();
    for (let id = 1; id <= 9; id++) submit('write', id);
    expect(events).toEqual(['busy true']);
    expect(replies).toEqual(['9: overloaded']);
    for (const answer of answers) answer();
    await settle();
    expect(events).toEqual(['busy true', 'busy false']);
  });

  it('answers once: by itself after the deadline, and not again when the answer comes', async () => {
    const { time, desk, submit, answers, replies } = setUp();
    submit('read', 1);
    submit('read', 2);
    submit('read', 3); // waits for its turn
    time.advance(1500);
    submit('write', 4);
    desk.expire(time.nowMs + 500);
    expect(replies).toEqual(['1: unavailable', '2: unavailable', '3: unavailable']);
    for (const answer of [...answers]) answer();
    await settle();
    expect(replies.slice(3)).toEqual(['4: ok']);
    expect([answers.length, desk.inFlight]).toEqual([3, 0]);
  });

  it('closes a connection that is refused for its rate again and again', () => {
    const { submit, replies, events } = setUp({}, new TokenBucket(1, 1, 0));
    for (let id = 1; id <= 5; id++) submit('noSuchCall', id);
    expect(replies).toEqual(['1: method_not_found', ...[2, 3, 4, 5].map((id) => `${id}: rate_limited`)]);
    expect(events).toEqual(['busy true', 'close 4004']);
  });

  it('G10: does so too where one of many calls is served now and then', () => {
    const { submit, events, time } = setUp({}, new TokenBucket(1, 1, 0));
    for (let second = 0; second < 5 && !events.includes('close 4004'); second++) {
      for (let id = 1; id <= 3; id++) submit('noSuchCall', id);
      time.advance(1_000);
    }
    expect(events).toContain('close 4004');
  });

  it('a call that throws is internal, and costs no other', async () => {
    const { desk, submit, answers, replies } = setUp();
    submit('broken', 1);
    submit('write', 2);
    answers[0]!();
    await settle();
    expect([replies, desk.inFlight]).toEqual([['1: internal', '2: ok'], 0]);
  });

  it('says nothing after its end', async () => {
    const { desk, submit, answers, replies } = setUp();
    submit('write', 1);
    desk.end();
    answers[0]!();
    await settle();
    expect(replies).toEqual([]);
  });
});
