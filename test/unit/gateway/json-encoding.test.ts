import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonEncoding } from '../../../src/gateway/json-encoding.ts';
import { msgpackEncoding } from '../../../src/gateway/msgpack-encoding.ts';
import type { RequestId } from '../../../src/protocol/json-rpc.ts';
import { refusal } from '../../../src/protocol/protocol-error.ts';

const ids = fc.oneof(fc.string({ unit: 'binary' }), fc.maxSafeInteger(), fc.constant(null));
const result = {
  conversationId: 'dm:a:b',
  messageId: '1.a.d.x-_',
  seq: 2 ** 40,
  timestamp: 1e12,
  duplicate: true,
};
const parse = (payload: string | Uint8Array): unknown => JSON.parse(String(payload));

describe('replies', () => {
  it('the one put together by hand is what JSON.stringify makes', () => {
    fc.assert(
      fc.property(ids, (id: RequestId) => {
        expect(parse(jsonEncoding.result(id, 'sendMessage', result))).toEqual(
          parse(JSON.stringify({ jsonrpc: '2.0', id, result })),
        );
      }),
    );
  });

  it('errors carry code, kind and details in both encodings', () => {
    const why = refusal('rate_limited', 'slower', { retryAfterMs: 7 });
    const expected = {
      jsonrpc: '2.0',
      id: 'x',
      error: {
        code: -32007,
        message: 'slower',
        data: { kind: 'rate_limited', retryable: true, retryAfterMs: 7 },
      },
    };
    expect(parse(jsonEncoding.error('x', why))).toEqual(expected);
    expect(msgpackEncoding.decode(Buffer.from(msgpackEncoding.error('x', why) as Uint8Array), true)).toEqual(
      expected,
    );
  });

  it('batches of any size are one message in both encodings', () => {
    for (const size of [1, 15, 16, 300]) {
      const each = Array.from({ length: size }, (_, id) => ({ jsonrpc: '2.0', id, result: { a: id } }));
      const json = each.map(({ id, result: r }) => jsonEncoding.result(id, 'x', r));
      const bytes = each.map(({ id, result: r }) => msgpackEncoding.result(id, 'x', r));
      expect(parse(jsonEncoding.batch(json))).toEqual(each);
      expect(msgpackEncoding.decode(Buffer.from(msgpackEncoding.batch(bytes) as Uint8Array), true)).toEqual(
        each,
      );
    }
  });
});
