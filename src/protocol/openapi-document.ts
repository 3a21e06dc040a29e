import { cursor, logInBody, registrationBody } from './call-schemas.ts';
import {
  errorReplySchema,
  errorsOf,
  errorTable,
  plainSchema,
  replySchema,
  requestSchema,
  schemaRef,
  sessionCalls,
  sharedSchemas,
} from './reference-schemas.ts';
import type { Json } from './reference-schemas.ts';
import { getChangesResult, logInResult, registrationResult } from './result-schemas.ts';

const json = (schema: Json): Json => ({ 'application/json': { schema } });
const answer = (description: string, schema: Json): Json => ({ description, content: json(schema) });
const refused = (description: string): Json => answer(description, schemaRef('Refused'));
const headerRef = (name: string): Json => ({ $ref: `#/components/headers/${name}` });

const retryAfter = { headers: { 'Retry-After': headerRef('RetryAfter') } };
const unauthenticated = { 401: refused('No valid token.') };
const limited = {
  429: { ...refused('Too many of this user or address.'), ...retryAfter },
  503: { ...refused('Not now: stopping, overloaded, or the store or owner is out of reach.'), ...retryAfter },
};
const badBody = {
  400: refused('The body is no JSON or does not fit.'),
  413: refused('The body is too large.'),
};

const asUser = { security: [{ token: [] }] };
const deviceHeader: Json = { $ref: '#/components/parameters/Device' };
const sinceQuery: Json = {
  name: 'since',
  in: 'query',
  description: 'A cursor; without it, from now on.',
  schema: plainSchema(cursor),
};

/** The HTTP side of the protocol as an OpenAPI 3.1 document. */
export function openApiDocument(): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Mailring over HTTP',
      version: '1',
      description:
        'All of it is served by any node. Fields that are not named here are to be ignored. The calls, their errors ' +
        `and pushes over WebSocket are in the AsyncAPI document.\n\n${errorTable()}`,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: 'http://127.0.0.1:7400', description: 'A development node.' }],
    paths: {
      '/v1/users': { post: registration() },
      '/v1/sessions': { post: logIn() },
      '/v1/rpc': { post: rpc() },
      '/v1/changes': { get: changes() },
      '/v1/events': { get: events() },
    },
    components: components(),
  };
}

function registration(): Json {
  return {
    operationId: 'register',
    summary: 'Makes an account. Off (404) where an external issuer vouches for users.',
    requestBody: { required: true, content: json(plainSchema(registrationBody)) },
    responses: {
      201: answer('The account is there.', plainSchema(registrationResult)),
      404: refused('Accounts are kept elsewhere.'),
      409: refused('The user exists.'),
      ...badBody,
      ...limited,
    },
  };
}

function logIn(): Json {
  return {
    operationId: 'logIn',
    summary: 'A token for user and password. Off (404) where an external issuer vouches for users.',
    requestBody: { required: true, content: json(plainSchema(logInBody)) },
    responses: {
      200: answer('A token.', plainSchema(logInResult)),
      401: refused('Unknown user or wrong password: the same answer, after the same time.'),
      404: refused('Accounts are kept elsewhere.'),
      ...badBody,
      ...limited,
    },
  };
}

function rpc(): Json {
  return {
    operationId: 'call',
    summary: 'One call, or a batch of them. 200 for whatever JSON-RPC answers, its errors included.',
    ...asUser,
    parameters: [deviceHeader],
    requestBody: {
      required: true,
      content: json({ anyOf: [schemaRef('Call'), { type: 'array', minItems: 1, items: schemaRef('Call') }] }),
    },
    responses: {
      200: answer('Answered.', {
        anyOf: [schemaRef('Reply'), { type: 'array', items: schemaRef('Reply') }],
      }),
      204: { description: 'There was nothing to answer: notifications only.' },
      ...unauthenticated,
      400: refused('X-Device-Id names no device.'),
      413: refused('The body is too large.'),
      ...limited,
    },
  };
}

function changes(): Json {
  const wholeNumber = (name: string, description: string, schema: Json): Json => ({
    name,
    in: 'query',
    description,
    schema: { type: 'integer', ...schema },
  });
  return {
    operationId: 'poll',
    summary: 'As getChanges; with `waitMs` it waits so long for a change.',
    ...asUser,
    parameters: [
      deviceHeader,
      sinceQuery,
      wholeNumber('limit', 'Changes at most.', { minimum: 1, maximum: 1000, default: 500 }),
      wholeNumber('waitMs', 'How long to wait.', { minimum: 0, maximum: 60_000, default: 0 }),
    ],
    responses: {
      200: answer('Changes, or `reset`.', plainSchema(getChangesResult)),
      400: refused('A parameter does not fit.'),
      ...unauthenticated,
      ...limited,
    },
  };
}

function events(): Json {
  const lastEventId: Json = {
    name: 'Last-Event-ID',
    in: 'header',
    description: 'A cursor; before `since`.',
    schema: plainSchema(cursor),
  };
  return {
    operationId: 'stream',
    summary: 'The change feed as server-sent events.',
    ...asUser,
    parameters: [deviceHeader, sinceQuery, lastEventId],
    responses: {
      200: {
        description:
          'Each event has the cursor as `id` and a Change as `data`. An event `reset` says that the cursor is too ' +
          'old or unknown; the stream goes on from the head. Without a cursor the stream begins at the head, and with ' +
          'an `id` of its own without `data`: no event, but the place to come back to.',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
      400: refused('A parameter does not fit.'),
      ...unauthenticated,
      ...limited,
    },
  };
}

function components(): Json {
  const requests = sessionCalls.map((call) => [`${call.title}Call`, requestSchema(call)] as const);
  const results = sessionCalls.map(({ title }) => schemaRef(`${title}Result`));
  return {
    securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    parameters: {
      Device: {
        name: 'X-Device-Id',
        in: 'header',
        required: true,
        description: 'Which device of the user this is.',
        schema: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' },
      },
    },
    headers: { RetryAfter: { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } } },
    schemas: {
      ...sharedSchemas(),
      ...Object.fromEntries(requests),
      Call: {
        description: 'A call of the protocol; without an id it gets no answer.',
        oneOf: requests.map(([name]) => schemaRef(name)),
        'x-errors': Object.fromEntries(sessionCalls.map(({ method, spec }) => [method, errorsOf(spec)])),
      },
      Reply: { anyOf: [replySchema({ anyOf: results }), errorReplySchema()] },
      Refused: {
        type: 'object',
        description: 'What is refused outside of JSON-RPC.',
        required: ['error'],
        properties: { error: schemaRef('Error') },
      },
    },
  };
}
