import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packRequest, unpackFrame } from '../../../src/peer/frame-codec.ts';
import { FrameReader } from '../../../src/peer/frame-reader.ts';
import { FrameWriter, frameOverheadBytes } from '../../../src/peer/frame-writer.ts';
import { PeerFault } from '../../../src/peer/peer-fault.ts';
import { ReceiveWindow } from '../../../src/peer/receive-window.ts';
import { SendWindow } from '../../../src/peer/send-window.ts';
import type { OutgoingFrame } from '../../../src/peer/send-window.ts';

const queue = { queueFramesMax: 20, queueBytesMax: 2000 };
const terms = { frameBytesMax: 500, windowFramesMax: 4, windowBytesMax: 1000 };

function frameOf(id: number, { deadline = 1_000_000, bytes = 1 } = {}): OutgoingFrame {
  return { ...packRequest(id, { epoch: 1, to: 'u', body: 'x'.repeat(bytes) }), id, deadline };
}

interface Sent {
  readonly seq: number;
  readonly id: number;
  readonly remainingMs: number;
  readonly bytes: number;
}

function send(window: SendWindow, nowMs = 0, unsendable: number[] = []): Sent[] {
  const out = new FrameWriter();
  window.write(out, nowMs, (id) => unsendable.push(id));
  const sent: Sent[] = [];
  const reader = new FrameReader(100_000, (bytes, start, end) => {
    const frame = unpackFrame(bytes, start, end);
    if (frame.kind !== 'request') throw new Error('not a request');
    sent.push({ seq: frame.seq, id: frame.id, remainingMs: frame.remainingMs, bytes: end - start });
  });
  const written = out.take();
  reader.push(written, written.length);
  return sent;
}

function windowOf(frames: number): SendWindow {
  const window = new SendWindow(queue);
  for (let id = 1; id <= frames; id++) window.push(frameOf(id));
  window.restart(terms);
  return window;
}

const ids = (sent: readonly Sent[]): number[] => sent.map(({ id }) => id);
const seqs = (sent: readonly Sent[]): number[] => sent.map(({ seq }) => seq);

describe('send window', () => {
  it('sends no more than the peer takes ahead, and goes on when that is acknowledged', () => {
    const window = windowOf(6);
    expect(seqs(send(window))).toEqual([1, 2, 3, 4]);
    expect(send(window)).toEqual([]);
    window.acknowledge(3);
    expect(seqs(send(window))).toEqual([5, 6]);
    expect(window.frames).toBe(3);
  });

  it('counts bytes against the window, but lets one frame through that is larger than all of it', () => {
    const window = new SendWindow(queue);
    window.restart({ ...terms, windowBytesMax: 100 });
    for (const id of [1, 2, 3]) window.push(frameOf(id, { bytes: 200 }));
    expect(ids(send(window))).toEqual([1]);
    window.acknowledge(1);
    expect(ids(send(window))).toEqual([2]);
  });

  it('sends again after a break what the peer lacks, under the same numbers', () => {
    const window = windowOf(6);
    send(window);
    expect(window.canResume(2)).toBe(true);
    window.resume(2, terms);
    expect(send(window)).toMatchObject([
      { seq: 3, id: 3 },
      { seq: 4, id: 4 },
      { seq: 5, id: 5 },
      { seq: 6, id: 6 },
    ]);
  });

  it('cannot resume where the peer knows less than it acknowledged, or more than was sent', () => {
    const window = windowOf(6);
    send(window);
    window.acknowledge(2);
    expect([1, 2, 3, 4, 5].map((received) => window.canResume(received))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
  });

  it('tells what is left until the deadline when it sends, also when it sends again', () => {
    const window = new SendWindow(queue);
    window.restart(terms);
    window.push(frameOf(1, { deadline: 500 }));
    expect(send(window, 100)).toMatchObject([{ remainingMs: 400 }]);
    window.resume(0, terms);
    expect(send(window, 450)).toMatchObject([{ remainingMs: 50 }]);
    window.resume(0, terms);
    expect(send(window, 600)).toMatchObject([{ seq: 1, remainingMs: 0 }]);
  });

  it('does not send a first time what is late already', () => {
    const window = new SendWindow(queue);
    window.restart(terms);
    window.push(frameOf(1, { deadline: 10 }));
    window.push(frameOf(2));
    expect(send(window, 20)).toMatchObject([{ seq: 1, id: 2 }]);
    window.acknowledge(1);
    expect([window.frames, window.bytes]).toEqual([0, 0]);
  });

  it('drops and tells what is larger than the peer accepts', () => {
    const window = new SendWindow({ ...queue, queueBytesMax: 10_000 });
    window.restart(terms);
    window.push(frameOf(1, { bytes: 600 }));
    window.push(frameOf(2));
    const unsendable: number[] = [];
    expect(ids(send(window, 0, unsendable))).toEqual([2]);
    expect(unsendable).toEqual([1]);
  });

  it('G10: is bounded in frames and in bytes', () => {
    const window = new SendWindow(queue);
    let frames = 0;
    while (window.push(frameOf(frames))) frames += 1;
    expect(frames).toBe(queue.queueFramesMax);
    const heavy = new SendWindow(queue);
    frames = 0;
    while (heavy.push(frameOf(frames, { bytes: 300 }))) frames += 1;
    expect(frames).toBe(6);
    expect(heavy.bytes).toBeLessThanOrEqual(queue.queueBytesMax);
  });

  it('takes no acknowledgement of what was not sent on this connection', () => {
    const window = windowOf(6);
    send(window);
    expect(() => window.acknowledge(5)).toThrow(PeerFault);
  });

  it('a new channel forgets what was sent and starts to count anew', () => {
    const window = windowOf(6);
    send(window);
    expect(window.firstWaitingId).toBe(5);
    window.restart(terms);
    expect(send(window)).toMatchObject([
      { seq: 1, id: 5 },
      { seq: 2, id: 6 },
    ]);
  });

  it('with any pushes, losses, acknowledgements and breaks, all arrive once and in order', () => {
    const act = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('push' as const), bytes: fc.nat(250) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('send' as const), arrive: fc.nat(6) }) },
      { weight: 2, arbitrary: fc.constant({ kind: 'acknowledge' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'break' as const }) },
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
        const window = new SendWindow(queue);
        window.restart(terms);
        const receiver = new ReceiveWindow(terms);
        const pushed: number[] = [];
        const arrived: number[] = [];
        const arrive = (frames: readonly Sent[]): void => {
          for (const { seq, id, bytes } of frames) if (receiver.take(seq, bytes)) arrived.push(id);
        };
        for (const each of acts) {
          if (each.kind === 'push' && window.push(frameOf(pushed.length + 1, each)))
            pushed.push(pushed.length + 1);
          if (each.kind === 'send') {
            const frames = send(window);
            arrive(frames.slice(0, each.arrive));
            // A stream loses its end only, and then it breaks.
            if (each.arrive < frames.length) window.resume(receiver.received, terms);
          }
          if (each.kind === 'acknowledge') window.acknowledge(receiver.received);
          if (each.kind === 'break') window.resume(receiver.received, terms);
        }
        while (arrived.length < pushed.length) {
          arrive(send(window));
          window.acknowledge(receiver.received);
        }
        window.acknowledge(receiver.received);
        expect(arrived).toEqual(pushed);
        expect([window.frames, window.bytes]).toEqual([0, 0]);
      }),
    );
  });
});

describe('receive window', () => {
  it('takes each frame once and leaves none out', () => {
    const window = new ReceiveWindow(terms);
    expect([window.take(1, 10), window.take(1, 10), window.take(2, 10)]).toEqual([true, false, true]);
    expect(() => window.take(4, 10)).toThrow('frame 4 after frame 2');
  });

  it('asks for an acknowledgement of its own before the window is used up, in frames or bytes', () => {
    const window = new ReceiveWindow({ ...terms, windowFramesMax: 40 });
    for (let seq = 1; seq < 10; seq++) window.take(seq, frameOverheadBytes);
    expect(window.isDue).toBe(false);
    window.take(10, frameOverheadBytes);
    expect(window.isDue).toBe(true);
    expect(window.tell()).toBe(10);
    window.take(11, 250);
    expect(window.isDue).toBe(true);
  });
});
