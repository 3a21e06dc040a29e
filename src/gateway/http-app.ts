import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { asyncApiDocument } from '../protocol/asyncapi-document.ts';
import { openApiDocument } from '../protocol/openapi-document.ts';
import { refusal } from '../protocol/protocol-error.ts';
import { logIn, register } from './account-routes.ts';
import { longPoll, sinceOf } from './changes-route.ts';
import { crossOrigin } from './cross-origin.ts';
import { EventStream } from './event-stream.ts';
import { foreseen, refusedAnswer } from './http-answer.ts';
import { httpCaller, requestDeadline } from './http-context.ts';
import type { HttpContext, HttpParts } from './http-context.ts';
import { RpcRoute } from './rpc-route.ts';
import type { StaticFiles } from './static-files.ts';

export interface HttpAppOptions extends HttpParts {
  /** The web client; undefined where none is served. */
  readonly files: StaticFiles | undefined;
  /** Origins of other web pages that may ask. */
  readonly origins: readonly string[];
}

type App = Hono<{ Bindings: HttpBindings }>;

/** Everything that clients can ask over plain HTTP. */
export function httpApp(options: HttpAppOptions): App {
  const { host, files } = options;
  const { logger, metrics, settings } = host.options;
  const app: App = new Hono();
  app.use(async (context, next) => {
    await next();
    metrics.httpAnswered(routeLabel(context.req.path), context.res.status);
  });
  app.use(crossOrigin(options.origins));
  app.use(async (_context, next) => {
    if (!options.admission.isStopping) return next();
    return refusedAnswer(refusal('unavailable', 'this node is stopping', { retryAfterMs: 1_000 }));
  });
  app.use(
    bodyLimit({
      maxSize: settings.limits.frameBytesMax,
      onError: () => refusedAnswer(refusal('too_large', 'the body is too large')),
    }),
  );
  app.onError((error, context) => {
    const why = foreseen(error);
    if (why !== undefined) return refusedAnswer(why);
    // Its client went away while it was read: there is nobody to answer.
    if (context.req.raw.signal.aborted) return refusedAnswer(refusal('invalid_request', 'aborted'));
    logger.error({ err: error }, 'a request failed in an unforeseen way');
    return refusedAnswer(refusal('internal', 'internal error'));
  });
  addRoutes(app, options);
  app.get('*', (context) => {
    const found = files?.answer(context.req.path, context.req.header('if-none-match'));
    return found ?? refusedAnswer(refusal('not_found', 'there is nothing here'));
  });
  app.notFound(() => refusedAnswer(refusal('not_found', 'there is nothing here')));
  return app;
}

function addRoutes(app: App, parts: HttpParts): void {
  const rpc = new RpcRoute(parts);
  app.get('/v1/ws', () => {
    const headers = { connection: 'upgrade', upgrade: 'websocket' };
    return new Response('This is a WebSocket endpoint.\n', { status: 426, headers });
  });
  app.post('/v1/users', (context) => register(context, parts));
  app.post('/v1/sessions', (context) => logIn(context, parts));
  app.post('/v1/rpc', (context) => rpc.answer(context));
  app.get('/v1/changes', (context) => longPoll(context, parts));
  app.get('/v1/events', (context) => streamEvents(context, parts));
  app.get('/v1/openapi.json', documentRoute(openApiDocument));
  app.get('/v1/asyncapi.json', documentRoute(asyncApiDocument));
}

/** A document that is made when it is first asked for, and kept. */
function documentRoute(make: () => object): () => Response {
  let text: string | undefined;
  const headers = { 'content-type': 'application/json', 'cache-control': 'max-age=300' };
  return () => new Response((text ??= JSON.stringify(make())), { headers });
}

async function streamEvents(context: HttpContext, { host, waiting }: HttpParts): Promise<Response> {
  const deadline = requestDeadline(host);
  const caller = await httpCaller(context, host, deadline);
  const since = sinceOf(context.req.header('last-event-id') ?? context.req.query('since'));
  const { outgoing } = context.env;
  waiting.enter(caller.userId, outgoing);
  await new EventStream(outgoing, host, caller).run(since, deadline, waiting.closing);
  return RESPONSE_ALREADY_SENT;
}

/** A bounded set: foreign paths must not become labels. */
function routeLabel(path: string): string {
  return /^\/v1\/(users|sessions|rpc|changes|events|ws|openapi\.json|asyncapi\.json)$/.test(path)
    ? path
    : 'other';
}
