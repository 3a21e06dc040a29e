import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { RingControlError } from '../handoff/ring-control.ts';
import type { RingControl } from '../handoff/ring-control.ts';
import type { Time } from '../std/time.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { NodeMetrics } from '../telemetry/node-metrics.ts';
import { ControlError, errorAnswer } from './control-error.ts';
import { controlRoutes } from './control-routes.ts';
import { OperatorGate } from './operator-gate.ts';
import type { OperatorToken } from './operator-token.ts';

export interface OpsServerOptions {
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
  readonly time: Time;
  /** Why the node does not serve clients now; undefined while it does. */
  readonly unreadyReason: () => string | undefined;
  /** Who may see more than health and metrics; undefined: nobody. */
  readonly operatorToken?: OperatorToken;
  /** undefined: the ring of this node cannot be changed. */
  readonly control?: RingControl;
}

type App = Hono<{ Bindings: HttpBindings }>;

const connectionsMax = 256;
/** To send a request: whoever takes longer holds a connection for nothing. */
const headersTimeoutMs = 5_000;
const requestTimeoutMs = 10_000;

/**
 * Health, readiness and metrics for everybody who reaches the operations port, which is not for the public; all else
 * there (the control API) only for operators.
 */
export class OpsServer {
  readonly #options: OpsServerOptions;
  readonly #gate: OperatorGate | undefined;
  #server: Server | undefined;

  constructor(options: OpsServerOptions) {
    this.#options = options;
    const { operatorToken, time } = options;
    this.#gate = operatorToken && new OperatorGate(operatorToken, time);
  }

  /** Listens; resolves with the port, which is a free one where 0 was asked for. */
  async start({ host, port }: { readonly host: string; readonly port: number }): Promise<number> {
    const listener = getRequestListener(this.#app().fetch, { overrideGlobalObjects: false });
    const timeouts = { headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs };
    const server = createServer(timeouts, (request, response) => void listener(request, response));
    server.maxConnections = connectionsMax;
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  #app(): App {
    const { metrics, logger, unreadyReason, control, time } = this.#options;
    const app: App = new Hono();
    // Alive: this answer is the proof. Whether clients should be sent here is readiness.
    app.get('/healthz', (context) => context.text('ok\n'));
    app.get('/readyz', (context) => {
      const reason = unreadyReason();
      return reason === undefined ? context.text('ready\n') : context.text(`not ready: ${reason}\n`, 503);
    });
    app.get('/metrics', async (context) => {
      const text = await metrics.registry.metrics();
      return context.body(text, 200, { 'content-type': metrics.registry.contentType });
    });
    // From here on for operators: also what is not there, which is nobody else's business.
    app.use(async (context, next) => {
      const { headers, socket } = context.env.incoming;
      const entry = this.#gate?.enter(headers.authorization, socket.remoteAddress) ?? closed;
      if (entry.kind === 'admitted') return next();
      return entry.kind === 'refused' ? errorAnswer(noToken) : errorAnswer(guessing, entry.retryAfterMs);
    });
    if (control !== undefined) app.route('/v1', controlRoutes({ control, time }));
    app.notFound(() => errorAnswer(nothingHere));
    app.onError((error) => {
      if (error instanceof RingControlError || error instanceof ControlError) return errorAnswer(error);
      logger.error({ err: error }, 'a request of the operations port failed');
      return errorAnswer(failed);
    });
    return app;
  }
}

const closed = { kind: 'refused' } as const;
const noToken = new ControlError(
  'unauthenticated',
  'the operator token is needed, as `Authorization: Bearer …`: the content of the file that the node was given with ' +
    '--operator-token-file, else of operator-token in its data folder',
);
const guessing = new ControlError(
  'rate_limited',
  'too many wrong operator tokens from this address; wait a moment',
);
const nothingHere = new ControlError('not_found', 'there is nothing here');
const failed = new ControlError('internal', 'the node failed; its log says why');
