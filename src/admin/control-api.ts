import Type from 'typebox';
import type { RingControlCode } from '../handoff/ring-control.ts';

/*
 * What the control API takes and gives, on the operations port behind the operator token. Bodies are JSON; what is
 * given are the shapes of RingControl.
 *
 *   GET  /v1/ring                                RingReport
 *   POST /v1/ring/preview          RingRequest   RingPreview
 *   POST /v1/ring/changes          ChangeBody    202, RingProgress, Location: where to follow it
 *   GET  /v1/ring/changes/:id                    RingProgress, ETag; `:id` may be `latest`
 *        ?waitMs=20000, If-None-Match: <ETag>    waits until it is no longer that one; then 304 where it still is
 *   GET  /v1/ring/changes/:id/events             the same as server-sent events, until it is finished
 *   POST /v1/ring/changes/:id/abort              RingProgress
 */

export type { RingPreview, RingProgress, RingReport, RingRequest } from '../handoff/ring-control.ts';

const nodeId = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', description: 'as in `mailring ring show`' });
const weight = Type.Integer({ minimum: 0, maximum: 1000, description: '100 for an ordinary node' });
const closed = { additionalProperties: false };

/** What operators may ask, by its kind. */
export const ringRequestSchemas = {
  join: Type.Object({ kind: Type.Literal('join'), nodeId, weight: Type.Optional(weight) }, closed),
  drain: Type.Object({ kind: Type.Literal('drain'), nodeId }, closed),
  remove: Type.Object({ kind: Type.Literal('remove'), nodeId }, closed),
  weight: Type.Object({ kind: Type.Literal('weight'), nodeId, weight }, closed),
} as const;

/** Body of `POST /v1/ring/changes`, around a request of its kind. */
export const changeBodySchema = Type.Object(
  { request: Type.Object({ kind: Type.String() }), force: Type.Optional(Type.Boolean()) },
  closed,
);

export const followQuerySchema = Type.Object({
  waitMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 30_000 })),
});

/** `RingControlCode`, and what the way to it has to say. */
export type ControlErrorCode =
  RingControlCode | 'unauthenticated' | 'rate_limited' | 'too_large' | 'invalid' | 'not_found' | 'internal';

/** The body of every answer that is no success. */
export interface ControlErrorBody {
  readonly error: {
    readonly code: ControlErrorCode;
    /** What is wrong, and what to do about it. */
    readonly message: string;
    /** What `force` risks; absent: it can't be forced. */
    readonly risk?: string;
  };
}
