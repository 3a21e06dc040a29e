import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Cell } from '../../../src/hbase/cell.ts';
import { GetRequest } from '../../../src/hbase/get-request.ts';
import { defaultHBaseLimits } from '../../../src/hbase/hbase-options.ts';
import { readMetaRow } from '../../../src/hbase/meta-row.ts';
import { MultiRequest } from '../../../src/hbase/multi-request.ts';
import { MutateRequest } from '../../../src/hbase/mutate-request.ts';
import { ProtoError } from '../../../src/hbase/proto-reader.ts';
import { protoBytes } from '../../../src/hbase/proto-writer.ts';
import { regionLocation } from '../../../src/hbase/region.ts';
import type { RpcRequest } from '../../../src/hbase/rpc-call.ts';
import { CallError } from '../../../src/hbase/rpc-call.ts';
import { RpcChannel } from '../../../src/hbase/rpc-channel.ts';
import { OpenScanRequest } from '../../../src/hbase/scan-request.ts';
import { serverName } from '../../../src/hbase/server-name.ts';
import type { WireEvents } from '../../../src/hbase/wire.ts';
import { systemTime } from '../../../src/std/time.ts';
import { getAnswer, keyValue, mutateAnswer, responseFrame } from '../../support/fake-hbase-server.ts';

const nothing = Buffer.alloc(0);
const info = {
  table: 't',
  regionId: 1n,
  startKey: nothing,
  endKey: nothing,
  offline: false,
  split: false,
  replicaId: 0,
};
const region = regionLocation(info, Buffer.from('t,,1'), serverName('h', 1, 1n), 1n);
const row = Buffer.from('r');
const cells = [keyValue('r', 'f', 'a', Buffer.from('1')), keyValue('r', 'f', 'b', Buffer.alloc(300))];

/** Touches all of a cell: views that reach beyond their buffer would throw. */
function use(found: readonly Cell[]): void {
  for (const cell of found)
    expect([cell.row, cell.family, cell.qualifier, cell.value, cell.timestamp, cell.bytes]).toHaveLength(6);
}

const scanAnswer = {
  body: protoBytes((out) => {
    out.uint(1, 1);
    out.uint(1, 1);
    out.long(2, 77n);
    out.bool(3, true);
    out.bool(7, false);
    out.bool(7, true);
  }),
  cells: Buffer.concat(cells),
};
const multiAnswer = {
  body: protoBytes((out) => {
    const open = out.open(1);
    const outcome = out.open(1);
    out.uint(1, 0);
    const result = out.open(2);
    out.uint(2, cells.length);
    out.close(result);
    out.close(outcome);
    out.close(open);
  }),
  cells: Buffer.concat(cells),
};

const kinds: readonly { name: string; request: RpcRequest<unknown>; good: Buffer }[] = [
  { name: 'Get', request: new GetRequest(region, { row }), good: responseFrame(1, getAnswer(...cells)) },
  {
    name: 'Mutate',
    request: new MutateRequest(
      region,
      { row, cells: [{ family: 'f', qualifier: row, value: row }] },
      undefined,
    ),
    good: responseFrame(1, mutateAnswer(true)),
  },
  {
    name: 'Scan',
    request: new OpenScanRequest({
      region: region.specifier,
      startRow: row,
      includeStartRow: true,
      stopRow: nothing,
      reversed: false,
      rowsMax: 2,
      bytesMax: 100,
      once: true,
    }),
    good: responseFrame(1, scanAnswer),
  },
  {
    name: 'Multi',
    request: new MultiRequest([{ region, actions: [{ kind: 'get', get: { row } }] }]),
    good: responseFrame(1, multiAnswer),
  },
  {
    name: 'an exception',
    request: new GetRequest(region, { row }),
    good: responseFrame(1, { exception: { className: 'x.Y', trace: 'x\ny' } }),
  },
];

/** Makes one call over a wire that answers with these bytes and then breaks. */
async function answered(request: RpcRequest<unknown>, answer: Buffer): Promise<unknown> {
  const wires: WireEvents[] = [];
  const channel = new RpcChannel({
    server: serverName('h', 1, 1n),
    service: 'ClientService',
    user: 'u',
    limits: { ...defaultHBaseLimits, responseBytesMax: 10_000 },
    time: { ...systemTime, soon: (run) => run() },
    random: Math.random,
    dial: (_host, _port, events) => {
      wires.push(events);
      return { write: () => undefined, destroy: () => undefined };
    },
  });
  const call = channel.call(request, performance.now() + 60_000);
  wires[0]?.connected();
  wires[0]?.data(Buffer.from(answer), answer.length);
  wires[0]?.closed(new Error('the wire broke'));
  try {
    return await call;
  } finally {
    channel.close();
  }
}

async function settles(request: RpcRequest<unknown>, answer: Buffer): Promise<void> {
  try {
    const result = await answered(request, answer);
    if (Array.isArray(result) && 'family' in Object(result[0])) use(result as Cell[]);
  } catch (error) {
    expect(error).toBeInstanceOf(CallError);
  }
}

describe.each(kinds)('the answer to $name', ({ request, good }) => {
  it('is understood', async () => {
    const outcome = answered(request, good);
    if (good.includes('x.Y'))
      await expect(outcome).rejects.toMatchObject({ failure: { exception: { className: 'x.Y' } } });
    else await expect(outcome).resolves.toBeDefined();
  });

  it('cut anywhere: an error', async () => {
    for (let length = 0; length < good.length; length++) {
      await expect(answered(request, good.subarray(0, length))).rejects.toBeInstanceOf(CallError);
    }
  });

  it('cut anywhere with its length mended: a result or an error', async () => {
    for (let length = 4; length < good.length; length++) {
      const cut = Buffer.from(good.subarray(0, length));
      cut.writeInt32BE(length - 4);
      await settles(request, cut);
    }
  });

  it('with any bytes changed: a result or an error', async () => {
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        await settles(request, bytes);
      }),
      { numRuns: 1500 },
    );
  });

  it('made of any bytes: a result or an error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (body, framed) => {
        const length = Buffer.alloc(4);
        length.writeInt32BE(body.length);
        await settles(request, Buffer.concat(framed ? [length, body] : [body]));
      }),
      { numRuns: 700 },
    );
  });
});

describe('a row of hbase:meta', () => {
  it('with any values: a region, nothing, or an error', async () => {
    const value = fc.uint8Array({ maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(value, value, fc.boolean(), async (regioninfo, server, marked) => {
        const mark = Buffer.from(marked ? 'PBUF' : '');
        const rowCells = [
          keyValue('t,,1', 'info', 'regioninfo', Buffer.concat([mark, regioninfo])),
          keyValue('t,,1', 'info', 'server', Buffer.from(server)),
        ];
        const found = (await answered(
          new GetRequest(region, { row }),
          responseFrame(1, getAnswer(...rowCells)),
        )) as Cell[];
        try {
          readMetaRow(found);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtoError);
        }
      }),
    );
  });
});
