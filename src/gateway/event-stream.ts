import type { ServerResponse } from 'node:http';
import type { Change } from '../protocol/message.ts';
import type { ChangeBatch } from '../router/mailbox-port.ts';
import type { FeedSink } from '../session/device-connection.ts';
import { FeedFollower } from '../session/feed-follower.ts';
import type { SessionHost } from '../session/session-host.ts';
import type { Cancel } from '../std/time.ts';
import type { HttpCaller } from './http-context.ts';

/** How often a stream looks after itself: its heartbeat, its token, a reader that stands still. */
const ticksPerHeartbeat = 4;

/** A user's change feed as server-sent events: `id` is the cursor, `data` the change. */
export class EventStream implements FeedSink {
  readonly #response: ServerResponse;
  readonly #host: SessionHost;
  readonly #caller: HttpCaller;
  readonly #feed: FeedFollower;
  #isStarved = false;
  #blockedSinceMs: number | undefined;
  #nextBeatMs = 0;
  #cancelTick: Cancel = () => undefined;

  constructor(response: ServerResponse, host: SessionHost, caller: HttpCaller) {
    this.#response = response;
    this.#host = host;
    this.#caller = caller;
    const { metrics, time, random, settings, logger } = host.options;
    this.#feed = new FeedFollower({
      mailbox: host.options.directory.mailbox(caller.userId),
      sink: this,
      events: {
        reset: (cursor) => this.#writeReset(cursor),
        failed: (err) => {
          logger.warn({ err }, 'the change feed of an event stream could not be read');
          this.end();
        },
        unanswered: () => host.feedUnanswered(caller.userId),
      },
      traffic: metrics.traffic,
      time,
      random,
      readTimeoutMs: settings.request.deadlineMs,
    });
  }

  /** Answers the request and streams until one of the two sides ends it. Rejects before that, as getChanges. */
  async run(since: string | undefined, deadline: number, closing: AbortSignal): Promise<void> {
    const opened = await this.#feed.open(since, deadline);
    const response = this.#response;
    if (response.destroyed) {
      this.#feed.stop();
      return;
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no', // a proxy that collects the stream would hold it back
    });
    // Something at once, so that the other side sees the stream open; from the head also where that is, as an id that
    // belongs to no event: one who loses the connection before the first change comes back with it.
    response.write(since === undefined ? `: open\nid: ${opened.cursor}\n\n` : ': open\n\n');
    response.on('drain', () => this.#drained());
    const ended = new Promise<void>((resolve) => response.once('close', resolve));
    const end = (): void => this.end();
    closing.addEventListener('abort', end, { once: true });
    if (opened.reset) this.#writeReset(opened.cursor);
    this.#scheduleTick();
    const tokenWatch = this.#host.watchToken(this.#caller, end);
    this.#feed.follow();
    await ended;
    tokenWatch.stop();
    closing.removeEventListener('abort', end);
    this.#cancelTick();
    this.#feed.stop();
  }

  end(): void {
    this.#cancelTick();
    this.#feed.stop();
    this.#response.end();
  }

  pushBatch({ changes }: ChangeBatch): boolean {
    const text = changes.map(eventOf).join('');
    return this.#push(text);
  }

  pushChange(change: Change): boolean {
    return this.#push(eventOf(change));
  }

  #push(text: string): boolean {
    // While the socket takes data, what it holds is as good as sent: no event would tell when it is.
    const waiting = this.#blockedSinceMs === undefined ? 0 : this.#response.writableLength;
    if (waiting > 0 && waiting + text.length > this.#host.options.settings.session.writeBufferBytesMax) {
      this.#isStarved = true;
      return false;
    }
    this.#write(text);
    return true;
  }

  #write(text: string): void {
    if (this.#response.write(text)) return;
    this.#blockedSinceMs ??= this.#host.options.time.monotonicMs();
  }

  #drained(): void {
    this.#blockedSinceMs = undefined;
    if (!this.#isStarved) return;
    this.#isStarved = false;
    this.#feed.resume();
  }

  #writeReset(cursor: string): void {
    this.#write(`event: reset\nid: ${cursor}\ndata: ${JSON.stringify({ reset: true, cursor })}\n\n`);
  }

  #scheduleTick(): void {
    const { time, settings } = this.#host.options;
    this.#cancelTick = time.after(settings.session.heartbeatMs / ticksPerHeartbeat, () => {
      this.#tick(time.monotonicMs(), time.wallMs());
    });
  }

  #tick(nowMs: number, wallMs: number): void {
    const { stalledMs, heartbeatMs } = this.#host.options.settings.session;
    if (wallMs >= this.#caller.token.expiresAtMs) {
      this.end();
    } else if (this.#blockedSinceMs !== undefined && nowMs - this.#blockedSinceMs >= stalledMs) {
      this.#response.destroy();
    } else {
      if (this.#blockedSinceMs === undefined && nowMs >= this.#nextBeatMs) {
        this.#nextBeatMs = nowMs + heartbeatMs;
        this.#write(': beat\n\n');
      }
      this.#scheduleTick();
    }
  }
}

function eventOf(change: Change): string {
  // JSON has no line breaks of its own, so one `data` line holds it.
  return `id: ${change.cursor}\ndata: ${JSON.stringify(change)}\n\n`;
}
