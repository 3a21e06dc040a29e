import type { TSchema } from 'typebox';
import type { CallSpec } from './call-list.ts';
import { callList, everyCallErrors, sessionOpen } from './call-list.ts';
import { mediaRef } from './call-schemas.ts';
import { errorKinds } from './protocol-error.ts';
import { errorMeanings } from './reference-texts.ts';
import { changeShape, conversationShape, errorShape, messageShape } from './shape-schemas.ts';

/** Plain JSON: parts of a document. */
export type Json = { readonly [key: string]: unknown };

/** Shapes that other shapes refer to by name. */
const sharedShapes: ReadonlyMap<string, TSchema> = new Map<string, TSchema>([
  ['MediaRef', mediaRef],
  ['Message', messageShape],
  ['Conversation', conversationShape],
  ['Change', changeShape],
  ['Error', errorShape],
]);
const nameOf = new Map([...sharedShapes].map(([name, schema]) => [JSON.stringify(schema), name]));

export function schemaRef(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

/** The schema as plain JSON, with references where it has one of the shared shapes in it. */
export function plainSchema(schema: TSchema): Json {
  return withRefs(schema) as Json;
}

function withRefs(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const shared = nameOf.get(JSON.stringify(value));
  return shared === undefined ? withRefsInside(value) : schemaRef(shared);
}

function withRefsInside(value: object): unknown {
  if (Array.isArray(value)) return value.map(withRefs);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withRefs(inner)]));
}

/** A call with the names that it goes by in the documents. */
export interface NamedCall {
  readonly method: string;
  /** `sendMessage`, also where the method has a dot. */
  readonly key: string;
  /** `SendMessage`, the beginning of the names of its schemas. */
  readonly title: string;
  readonly spec: CallSpec;
}

function named(method: string, spec: CallSpec): NamedCall {
  const key = method.replace(/\.(.)/, (_dot, letter: string) => letter.toUpperCase());
  return { method, key, title: key.charAt(0).toUpperCase() + key.slice(1), spec };
}

export const sessionCalls: readonly NamedCall[] = Object.entries(callList).map(([method, spec]) =>
  named(method, spec),
);
export const openingCall: NamedCall = named('session.open', sessionOpen);

/** What the schemas of both documents have in common. */
export function sharedSchemas(): Json {
  const shapes = [...sharedShapes].map(([name, schema]) => [name, withRefsInside(schema)] as const);
  return Object.fromEntries([...shapes, ...sessionCalls.flatMap(schemasOf)]);
}

export function schemasOf({ title, spec }: NamedCall): (readonly [string, Json])[] {
  return [
    [`${title}Params`, plainSchema(spec.params)],
    [`${title}Result`, plainSchema(spec.result)],
  ];
}

const requestId: Json = { type: ['string', 'integer'] };

export function requestSchema({ method, title, spec }: NamedCall): Json {
  const { required } = spec.params as { readonly required?: readonly string[] };
  return {
    type: 'object',
    description: spec.about,
    required: ['jsonrpc', 'method', ...(required === undefined ? [] : ['params'])],
    properties: {
      jsonrpc: { const: '2.0' },
      id: requestId,
      method: { const: method },
      params: schemaRef(`${title}Params`),
    },
  };
}

export function replySchema(result: Json): Json {
  return {
    type: 'object',
    required: ['jsonrpc', 'id', 'result'],
    properties: { jsonrpc: { const: '2.0' }, id: requestId, result },
  };
}

export function errorReplySchema(): Json {
  return {
    type: 'object',
    description: 'Instead of a result.',
    required: ['jsonrpc', 'id', 'error'],
    properties: {
      jsonrpc: { const: '2.0' },
      id: { type: ['string', 'integer', 'null'] },
      error: schemaRef('Error'),
    },
  };
}

/** What a call may fail with, in the order of the table of errors. */
export function errorsOf({ errors }: CallSpec): readonly string[] {
  return Object.keys(errorKinds).filter((kind) =>
    [...errors, ...everyCallErrors].some((possible) => possible === kind),
  );
}

/** The table of errors, for the description of a document. */
export function errorTable(): string {
  const rows = Object.entries(errorKinds).map(([kind, { code, retryable }]) => {
    const meaning = errorMeanings[kind as keyof typeof errorKinds];
    return `| ${code} | \`${kind}\` | ${retryable ? 'yes' : 'no'} | ${meaning} |`;
  });
  return ['| code | kind | retryable | |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
