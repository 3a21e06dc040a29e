import { createHash } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { streamSSE } from 'hono/streaming';
import { RingControlError } from '../handoff/ring-control.ts';
import type { RingControl, RingProgress, RingRequest } from '../handoff/ring-control.ts';
import { shapeCheck } from '../protocol/shape-check.ts';
import type { ShapeCheck } from '../protocol/shape-check.ts';
import type { Time } from '../std/time.ts';
import { changeBodySchema, followQuerySchema, ringRequestSchemas } from './control-api.ts';
import { ControlError, errorAnswer } from './control-error.ts';

export interface ControlParts {
  readonly control: RingControl;
  readonly time: Time;
}

type App = Hono<{ Bindings: HttpBindings }>;
type Request = Context<{ Bindings: HttpBindings }>;

const bodyBytesMax = 16 * 1024;
/** For one question to the ring. */
const askMs = 10_000;
/** How often a change is looked at on behalf of who waits for news of it. */
const lookEveryMs = 200;
/** Streams end then; who follows comes back. */
const streamMaxMs = 10 * 60_000;
/** Who waits for news at once: each of them asks the ring again and again. */
const followersMax = 64;

const bodyCheck = shapeCheck(changeBodySchema);
const queryCheck = shapeCheck(followQuerySchema);
const requestChecks: Readonly<Record<string, ShapeCheck<RingRequest>>> = {
  join: shapeCheck(ringRequestSchemas.join),
  drain: shapeCheck(ringRequestSchemas.drain),
  remove: shapeCheck(ringRequestSchemas.remove),
  weight: shapeCheck(ringRequestSchemas.weight),
};

/** The control API of `control-api.ts`, for who has been let in. */
export function controlRoutes({ control, time }: ControlParts): App {
  const app: App = new Hono();
  const follower = new Follower(control, time);
  const deadline = (): number => time.monotonicMs() + askMs;
  app.use(
    bodyLimit({
      maxSize: bodyBytesMax,
      onError: () => errorAnswer(new ControlError('too_large', `a body has at most ${bodyBytesMax} bytes`)),
    }),
  );
  app.get('/ring', async (context) => context.json(await control.show(deadline())));
  app.post('/ring/preview', async (context) => {
    const request = requestOf(await jsonOf(context));
    return context.json(await control.preview(request, deadline()));
  });
  app.post('/ring/changes', async (context) => {
    const body = checked(bodyCheck, await jsonOf(context));
    const progress = await control.start(requestOf(body.request), { force: body.force ?? false }, deadline());
    return context.json(progress, 202, { location: `/v1/ring/changes/${progress.changeId}` });
  });
  app.get('/ring/changes/:id', (context) => follower.answer(context));
  app.get('/ring/changes/:id/events', (context) => follower.stream(context));
  app.post('/ring/changes/:id/abort', async (context) =>
    context.json(await control.abort(context.req.param('id'), deadline())),
  );
  return app;
}

/** Tells who follows a change what becomes of it. */
class Follower {
  readonly #control: RingControl;
  readonly #time: Time;
  #followers = 0;

  constructor(control: RingControl, time: Time) {
    this.#control = control;
    this.#time = time;
  }

  /** The change as it is, or as soon as it is no longer as the client knows it. */
  async answer(context: Request): Promise<Response> {
    const waitText = context.req.query('waitMs');
    const { waitMs = 0 } = checked(queryCheck, waitText === undefined ? {} : { waitMs: Number(waitText) });
    const known = context.req.header('if-none-match');
    const progress = await this.#following(() =>
      this.#news(idOf(context), known, waitMs, context.req.raw.signal),
    );
    const etag = etagOf(progress);
    if (etag === known) return new Response(undefined, { status: 304, headers: { etag } });
    return context.json(progress, 200, { etag });
  }

  /** Each state of the change as an event, the last one when it is finished. */
  async stream(context: Request): Promise<Response> {
    const changeId = idOf(context);
    const first = await this.#look(changeId);
    return streamSSE(context, (stream) =>
      this.#following(async () => {
        const gone = new AbortController();
        stream.onAbort(() => {
          gone.abort();
        });
        const endMs = this.#time.monotonicMs() + streamMaxMs;
        for (let progress = first; !gone.signal.aborted;) {
          const id = etagOf(progress);
          await stream.writeSSE({ event: 'progress', id, data: JSON.stringify(progress) });
          const leftMs = endMs - this.#time.monotonicMs();
          if (progress.phase === 'finished' || leftMs <= 0) return;
          progress = await this.#news(progress.changeId, id, leftMs, gone.signal);
        }
      }),
    );
  }

  async #following<T>(work: () => Promise<T>): Promise<T> {
    if (this.#followers >= followersMax) {
      throw new ControlError(
        'rate_limited',
        `${followersMax} others follow changes here; ask again in a moment`,
      );
    }
    this.#followers += 1;
    try {
      return await work();
    } finally {
      this.#followers -= 1;
    }
  }

  async #news(
    changeId: string | undefined,
    known: string | undefined,
    waitMs: number,
    gone: AbortSignal,
  ): Promise<RingProgress> {
    const endMs = this.#time.monotonicMs() + waitMs;
    for (;;) {
      const progress = await this.#look(changeId);
      const isKnown = etagOf(progress) === known;
      const hasEnded = progress.phase === 'finished' || this.#time.monotonicMs() >= endMs || gone.aborted;
      if (!isKnown || hasEnded) return progress;
      await new Promise<void>((resolve) => {
        this.#time.after(lookEveryMs, resolve);
      });
    }
  }

  async #look(changeId: string | undefined): Promise<RingProgress> {
    const progress = await this.#control.progress(changeId, this.#time.monotonicMs() + askMs);
    if (progress !== undefined) return progress;
    throw new RingControlError({
      code: 'no_such_change',
      message: 'there is no such change; `mailring ring show` has the one that runs and the last one',
      risk: undefined,
    });
  }
}

/** `latest`: the change that runs, else the last one. */
function idOf(context: Request): string | undefined {
  const id = context.req.param('id');
  return id === 'latest' ? undefined : id;
}

function etagOf(progress: RingProgress): string {
  return `"${createHash('sha256').update(JSON.stringify(progress)).digest('base64url').slice(0, 22)}"`;
}

async function jsonOf(context: Request): Promise<unknown> {
  try {
    return await context.req.json<unknown>();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ControlError('invalid', 'the body is not JSON');
  }
}

function requestOf(body: unknown): RingRequest {
  const kind = typeof body === 'object' && body !== null && 'kind' in body ? body.kind : undefined;
  const check =
    typeof kind === 'string' && Object.hasOwn(requestChecks, kind) ? requestChecks[kind] : undefined;
  if (check === undefined) {
    throw new ControlError('invalid', `kind: one of ${Object.keys(requestChecks).join(', ')} is expected`);
  }
  return checked(check, body);
}

function checked<T>(check: ShapeCheck<T>, value: unknown): T {
  if (check.fits(value)) return value;
  const { message } = check.explain(value);
  throw new ControlError('invalid', message.replace(/ schema is false$/, ' does not belong there'));
}
