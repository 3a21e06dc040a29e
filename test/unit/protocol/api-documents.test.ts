import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import specs from '@asyncapi/specs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import type { AnySchema } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Static, TSchema } from 'typebox';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { apiFiles } from '../../../scripts/write-api.ts';
import type { CallMap } from '../../../src/client/call-map.ts';
import { asyncApiDocument } from '../../../src/protocol/asyncapi-document.ts';
import { callList } from '../../../src/protocol/call-list.ts';
import type { CallName } from '../../../src/protocol/call-list.ts';
import type { Change, Conversation, Message } from '../../../src/protocol/message.ts';
import { openApiDocument } from '../../../src/protocol/openapi-document.ts';
import { mailboxCalls } from '../../../src/session/mailbox-calls.ts';
import { systemTime } from '../../../src/std/time.ts';
import type { changeShape, conversationShape, messageShape } from '../../../src/protocol/shape-schemas.ts';

const files = await apiFiles();

/** Every `$ref` of a document that leads nowhere in it. */
function danglingRefs(document: object): readonly string[] {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g)].map((match) => match[1] ?? '');
  return refs.filter((ref) => {
    let at: unknown = document;
    for (const part of ref.split('/').slice(1)) at = (at as Record<string, unknown> | undefined)?.[part];
    return at === undefined;
  });
}

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;
type Shape<Schema extends TSchema> = DeepReadonly<Static<Schema>>;
type Documented = { readonly [Name in CallName]: Shape<(typeof callList)[Name]['result']> };
type Answered = { readonly [Name in keyof CallMap]: CallMap[Name]['result'] };

describe('what clients can ask, as documents', () => {
  it.each([...files.keys()])('docs/api/%s has not drifted; `npm run api` writes it', (name) => {
    const path = join(import.meta.dirname, '../../../docs/api', name);
    expect(readFileSync(path, 'utf8')).toBe(files.get(name));
  });

  it('the one for HTTP is OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(openApiDocument()));
    expect(errors).toBeUndefined();
    expect([valid, validator.version]).toEqual([true, '3.1']);
    expect(danglingRefs(openApiDocument())).toEqual([]);
  });

  it('the one for WebSocket is AsyncAPI 3', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false });
    const validate = ajv.compile(specs.schemas['3.0.0'] as AnySchema);
    void validate(asyncApiDocument());
    expect(validate.errors).toBeNull();
    expect(danglingRefs(asyncApiDocument())).toEqual([]);
  });

  it('their schemas are JSON Schema, as the OpenAPI document says', () => {
    const ajv = new Ajv2020({ strictSchema: true, strictTypes: false, strictRequired: false });
    ajv.addVocabulary(['components', 'x-errors']);
    for (const document of [openApiDocument(), asyncApiDocument()]) {
      const { schemas } = document['components'] as { schemas: Record<string, object> };
      for (const name of Object.keys(schemas)) {
        const root = { components: { schemas }, $ref: `#/components/schemas/${name}` };
        expect(() => ajv.compile(root), name).not.toThrow();
      }
    }
  });

  it('have every call that is served, and none that is not', () => {
    const served = mailboxCalls({ textBytesMax: 1, aheadMs: 1 }, systemTime);
    expect([...served.keys()].sort()).toEqual(Object.keys(callList).sort());
  });

  it('say of results what the code that makes and reads them says', () => {
    expectTypeOf<Documented>().toExtend<Answered>();
    expectTypeOf<Answered>().toExtend<Documented>();
    expectTypeOf<Shape<typeof messageShape>>().toEqualTypeOf<Message>();
    expectTypeOf<Shape<typeof conversationShape>>().toEqualTypeOf<Conversation>();
    expectTypeOf<Shape<typeof changeShape>>().toExtend<Change>();
    expectTypeOf<Change>().toExtend<Shape<typeof changeShape>>();
  });
});
