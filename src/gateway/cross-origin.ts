import type { MiddlewareHandler } from 'hono';
import type { HttpBindings } from '@hono/node-server';

const day = '86400';

/**
 * Lets web pages of these origins (`*`: of all) use the HTTP interface (CORS). Nothing here rests on cookies, so a
 * page gets no more than what its own token gives. A WebSocket needs no leave.
 */
export function crossOrigin(origins: readonly string[]): MiddlewareHandler<{ Bindings: HttpBindings }> {
  const all = origins.includes('*');
  return async (context, next) => {
    const origin = context.req.header('origin');
    if (origin === undefined || !(all || origins.includes(origin))) return next();
    // On the response of Node beneath, where event streams are written as well.
    const { outgoing } = context.env;
    outgoing.setHeader('access-control-allow-origin', all ? '*' : origin);
    if (!all) outgoing.setHeader('vary', 'Origin');
    outgoing.setHeader('access-control-expose-headers', 'Retry-After');
    const isPreflight =
      context.req.method === 'OPTIONS' && context.req.header('access-control-request-method') !== undefined;
    if (!isPreflight) return next();
    return new Response(null, {
      status: 204,
      headers: {
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'Authorization, Content-Type, X-Device-Id, Last-Event-ID',
        'access-control-max-age': day,
      },
    });
  };
}
