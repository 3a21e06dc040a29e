import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { Logger } from '../telemetry/logger.ts';
import type { NodeMetrics } from '../telemetry/node-metrics.ts';

export interface OpsServerOptions {
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
  /** Why the node does not serve clients now; undefined while it does. */
  readonly unreadyReason: () => string | undefined;
}

const connectionsMax = 256;

/** Health, readiness and metrics, on a listener of its own that is not for the public. */
export class OpsServer {
  readonly #options: OpsServerOptions;
  #server: Server | undefined;

  constructor(options: OpsServerOptions) {
    this.#options = options;
  }

  /** Listens; resolves with the port, which is a free one where 0 was asked for. */
  async start({ host, port }: { readonly host: string; readonly port: number }): Promise<number> {
    const listener = getRequestListener(this.#app().fetch, { overrideGlobalObjects: false });
    const server = createServer((request, response) => void listener(request, response));
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

  #app(): Hono {
    const { metrics, logger, unreadyReason } = this.#options;
    const app = new Hono();
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
    app.onError((error, context) => {
      logger.error({ err: error }, 'a request of the operations port failed');
      return context.text('internal error\n', 500);
    });
    return app;
  }
}
