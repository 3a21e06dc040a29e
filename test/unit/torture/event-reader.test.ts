import { describe, expect, it } from 'vitest';
import { readEvents, type StreamEvent } from '../../../scripts/torture/client/event-reader.ts';

function streamOf(...parts: readonly string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    },
  });
}

async function eventsOf(stream: ReadableStream<Uint8Array>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of readEvents(stream, 10_000)) events.push(event);
  return events;
}

describe('readEvents', () => {
  it('puts events together from whatever pieces they come in, and passes over comments', async () => {
    const stream = streamOf(
      ': open\n',
      '\nid: 1\nda',
      'ta: {"a":"b: c"}\n\nevent: reset\nid: 2\ndata: {}\n\n: beat\n\n',
    );
    expect(await eventsOf(stream)).toEqual([
      { name: 'message', id: '1', data: '{"a":"b: c"}' },
      { name: 'reset', id: '2', data: '{}' },
    ]);
  });

  it('leaves out an event that was cut off', async () => {
    expect(await eventsOf(streamOf('id: 1\ndata: {}\n\n', 'id: 2\ndata: {}'))).toHaveLength(1);
  });

  it('gives up a stream that says nothing', async () => {
    const silent = new ReadableStream<Uint8Array>();
    await expect(readEvents(silent, 1).next()).rejects.toThrow('silent for 1 ms');
  });
});
