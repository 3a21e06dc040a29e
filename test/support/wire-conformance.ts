import Type from 'typebox';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Validator } from 'typebox/compile';
import { callList, sessionOpen } from '../../src/protocol/call-list.ts';
import { errorShape, pushList } from '../../src/protocol/shape-schemas.ts';

/** The schema with nothing allowed that it does not name: what the server sends today is all documented. */
function closed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(closed);
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]));
  return 'properties' in copy ? { ...copy, additionalProperties: false } : copy;
}

function validatorOf(schema: TSchema): Validator {
  return Compile(closed(JSON.parse(JSON.stringify(schema))) as TSchema);
}

const id = Type.Union([Type.String(), Type.Integer(), Type.Null()]);
const jsonrpc = Type.Literal('2.0');
const results = new Map(
  Object.entries({ ...callList, 'session.open': sessionOpen }).map(([method, { result }]) => [
    method,
    validatorOf(Type.Object({ jsonrpc, id, result })),
  ]),
);
const pushes = new Map(
  Object.entries(pushList).map(([method, { params }]) => [
    method,
    validatorOf(Type.Object({ jsonrpc, method: Type.Literal(method), params })),
  ]),
);
const anyError = validatorOf(Type.Object({ jsonrpc, id, error: errorShape }));

function check(what: string, validator: Validator | undefined, value: unknown): string | undefined {
  if (validator === undefined) return `${what} is in no document`;
  if (validator.Check(value)) return undefined;
  const [error] = validator.Errors(value);
  return `${what}${error?.instancePath ?? ''} ${error?.message ?? ''}: ${JSON.stringify(value)}`;
}

/**
 * What is wrong with a message of the server, by the schemas that the documents are made of; undefined: nothing.
 * `methodOf` tells what was asked under an id; an answer to what it does not know is not looked at.
 */
export function wireFault(
  message: unknown,
  methodOf: (id: unknown) => string | undefined,
): string | undefined {
  if (Array.isArray(message)) {
    for (const part of message) {
      const fault = wireFault(part, methodOf);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  const { id: replyTo, method, error } = message as { id?: unknown; method?: unknown; error?: unknown };
  if (typeof method === 'string') return check(`push ${method}`, pushes.get(method), message);
  if (error !== undefined) return check('error', anyError, message);
  const asked = methodOf(replyTo);
  return asked === undefined ? undefined : check(`result of ${asked}`, results.get(asked), message);
}
