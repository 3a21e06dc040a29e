import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Cancel, Time } from '../std/time.ts';

/** Requests of one connection that wait for their answers. Nobody needs that many, and each answer may be large. */
const pipelinedMax = 16;
/** What is left of an answer has so much longer than `stalledMs` to be taken. */
const bytesPerSecondLeast = 128 * 1024;
const lookMostMs = 1_000;

/**
 * The HTTP requests under way, each until its answer has been taken or its connection is gone. Who asks and does not
 * take the answer is given up: Node itself has a limit for requests to come in, and none for answers to go out.
 */
export class OpenRequests {
  readonly #time: Time;
  readonly #stalledMs: number;
  /** With when its answer has to be taken, monotonic ms; undefined until all of it is given to the socket. */
  readonly #open = new Map<ServerResponse, number | undefined>();
  readonly #ofConnection = new WeakMap<Socket, number>();
  #cancelLook: Cancel = () => undefined;

  constructor(time: Time, stalledMs: number) {
    this.#time = time;
    this.#stalledMs = stalledMs;
  }

  get count(): number {
    return this.#open.size;
  }

  isBusy(connection: Socket): boolean {
    return this.#countOf(connection) > 0;
  }

  /** False where too many of its connection are open already: then it is not counted, and is not to be answered. */
  enter(response: ServerResponse): boolean {
    const connection = response.req.socket;
    const ofConnection = this.#countOf(connection);
    if (ofConnection >= pipelinedMax) return false;
    this.#ofConnection.set(connection, ofConnection + 1);
    this.#open.set(response, undefined);
    response.once('close', () => {
      this.#open.delete(response);
      this.#ofConnection.set(connection, this.#countOf(connection) - 1);
    });
    return true;
  }

  /** Looks after the answers from now on, until `stop`. */
  watch(): void {
    this.#cancelLook = this.#time.after(Math.min(lookMostMs, this.#stalledMs / 4), () => {
      this.#look(this.#time.monotonicMs());
      this.watch();
    });
  }

  stop(): void {
    this.#cancelLook();
  }

  #look(nowMs: number): void {
    for (const [response, untilMs] of this.#open) {
      if (!response.writableEnded) continue;
      if (untilMs === undefined) {
        const takingMs = (response.writableLength / bytesPerSecondLeast) * 1_000;
        this.#open.set(response, nowMs + this.#stalledMs + takingMs);
      } else if (nowMs >= untilMs) {
        response.req.socket.destroy();
      }
    }
  }

  #countOf(connection: Socket): number {
    return this.#ofConnection.get(connection) ?? 0;
  }
}
