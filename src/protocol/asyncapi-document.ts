import { closeCodes } from './close-code.ts';
import { closeMeanings } from './reference-texts.ts';
import {
  errorReplySchema,
  errorsOf,
  errorTable,
  openingCall,
  plainSchema,
  replySchema,
  requestSchema,
  schemaRef,
  schemasOf,
  sessionCalls,
  sharedSchemas,
} from './reference-schemas.ts';
import type { Json, NamedCall } from './reference-schemas.ts';
import { pushList } from './shape-schemas.ts';

const calls: readonly NamedCall[] = [openingCall, ...sessionCalls];
const channel = { $ref: '#/channels/socket' };

const messageRef = (key: string): Json => ({ $ref: `#/components/messages/${key}` });
const channelMessage = (key: string): Json => ({ $ref: `#/channels/socket/messages/${key}` });

/** The WebSocket side of the protocol as an AsyncAPI 3 document, as the server sees it: it receives calls. */
export function asyncApiDocument(): Json {
  const messages = Object.fromEntries([
    ...calls.flatMap(messagesOf),
    ['error', { name: 'error', summary: 'A refused call.', payload: errorReplySchema() }] as const,
    ...Object.entries(pushList).map(
      ([method, { about }]) => [`${method}Push`, pushMessage(method, about)] as const,
    ),
  ]);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Mailring over WebSocket',
      version: '1',
      description:
        'JSON-RPC 2.0, one object or a batch in a frame. Subprotocol `mailring.v1.json` (text frames; also where ' +
        'none is asked for) or `mailring.v1.msgpack` (the same objects in MessagePack, binary frames). ' +
        `Fields that are not named here are to be ignored.\n\n${errorTable()}`,
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: { development: { host: '127.0.0.1:7400', protocol: 'ws', description: 'Any node.' } },
    channels: { socket: socketChannel(Object.keys(messages)) },
    operations: Object.fromEntries([
      ...calls.map((call) => [call.key, operationOf(call)] as const),
      ...Object.entries(pushList).map(([method, { about }]) => [
        `${method}Push`,
        { action: 'send', channel, summary: about, messages: [channelMessage(`${method}Push`)] },
      ]),
    ]),
    components: {
      messages,
      schemas: {
        ...sharedSchemas(),
        ...Object.fromEntries(schemasOf(openingCall)),
        ...Object.fromEntries(
          Object.entries(pushList).map(([method, { params }]) => [
            pushSchemaName(method),
            plainSchema(params),
          ]),
        ),
      },
    },
  };
}

function socketChannel(messages: readonly string[]): Json {
  return {
    address: '/v1/ws',
    description: 'The first call is `session.open`; before it every other one is refused.',
    messages: Object.fromEntries(messages.map((key) => [key, messageRef(key)])),
    bindings: {
      ws: {
        method: 'GET',
        headers: {
          type: 'object',
          properties: {
            'Sec-WebSocket-Protocol': {
              type: 'string',
              enum: ['mailring.v1.json', 'mailring.v1.msgpack'],
            },
          },
        },
        bindingVersion: '0.1.0',
      },
    },
    'x-close-codes': Object.entries(closeCodes).map(([name, code]) => ({
      code,
      name,
      comeBack: code < 4500,
      meaning: closeMeanings[name as keyof typeof closeCodes],
    })),
  };
}

function messagesOf(call: NamedCall): (readonly [string, Json])[] {
  const { key, title, method, spec } = call;
  const correlationId = { location: '$message.payload#/id' };
  return [
    [`${key}Call`, { name: method, summary: spec.about, correlationId, payload: requestSchema(call) }],
    [
      `${key}Reply`,
      { name: `${method} reply`, correlationId, payload: replySchema(schemaRef(`${title}Result`)) },
    ],
  ];
}

function operationOf(call: NamedCall): Json {
  return {
    action: 'receive',
    channel,
    summary: call.spec.about,
    messages: [channelMessage(`${call.key}Call`)],
    reply: { channel, messages: [channelMessage(`${call.key}Reply`), channelMessage('error')] },
    'x-errors': errorsOf(call.spec),
  };
}

function pushSchemaName(method: string): string {
  return `${method.charAt(0).toUpperCase()}${method.slice(1)}Push`;
}

function pushMessage(method: string, about: string): Json {
  return {
    name: method,
    summary: `${about} A push: it has no id and gets no answer.`,
    payload: {
      type: 'object',
      required: ['jsonrpc', 'method', 'params'],
      properties: {
        jsonrpc: { const: '2.0' },
        method: { const: method },
        params: schemaRef(pushSchemaName(method)),
      },
    },
  };
}
