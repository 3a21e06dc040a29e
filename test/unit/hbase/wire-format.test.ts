import { describe, expect, it } from 'vitest';

import { CellBlock } from '../../../src/hbase/cell.ts';
import { GetRequest } from '../../../src/hbase/get-request.ts';
import { MultiRequest } from '../../../src/hbase/multi-request.ts';
import { MutateRequest } from '../../../src/hbase/mutate-request.ts';
import { ProtoError } from '../../../src/hbase/proto-reader.ts';
import { protoBytes } from '../../../src/hbase/proto-writer.ts';
import type { ProtoWriter } from '../../../src/hbase/proto-writer.ts';
import { encodedRegionName, regionLocation } from '../../../src/hbase/region.ts';
import { writeRequestHeader } from '../../../src/hbase/rpc-header.ts';
import { writePreamble } from '../../../src/hbase/rpc-link.ts';
import { CloseScanRequest, NextScanRequest, OpenScanRequest } from '../../../src/hbase/scan-request.ts';
import { parseServerAddress, serverName } from '../../../src/hbase/server-name.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
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
const region = regionLocation(info, bytes('t,,1'), serverName('h', 1, 1n), 1n);
const row = bytes('r');
const cell = (family: string, qualifier: string, value: string) => ({
  family,
  qualifier: bytes(qualifier),
  value: bytes(value),
});
const isNine = { family: 'f', qualifier: bytes('n'), expected: bytes('9') };

/** These bytes were accepted by HBase 2.6.4; a change here has to be tried against a real one. */
const golden: readonly [string, (out: ProtoWriter) => void, string][] = [
  [
    'the preamble and the connection header',
    (out) => writePreamble(out, 'u', 'ClientService'),
    'HBas\x00P\x00\x00\x00X\x0a\x03\x0a\x01u\x12\x0dClientService\x1a+org.apache.hadoop.hbase.codec.KeyValueCodec*\x15\x0a\x052.6.0\x12\x00\x1a\x00"\x00*\x002\x008\x02@\x06',
  ],
  [
    'a request header',
    (out) => writeRequestHeader(out, 7, 'Get', 1500.7),
    '\x0c\x08\x07\x1a\x03Get \x018\xdc\x0b',
  ],
  [
    'a get of columns, a range and a limit',
    (out) =>
      new GetRequest(region, {
        row,
        columns: [{ family: 'f', qualifiers: [bytes('q')] }, { family: 'g' }],
        columnRange: { from: bytes('a'), to: bytes('c') },
        cellsPerFamilyMax: 50,
      }).encode(out),
    '\x0a\x08\x08\x01\x12\x04t,,1\x12R\x0a\x01r\x12\x06\x0a\x01f\x12\x01q\x12\x03\x0a\x01g">\x0a0org.apache.hadoop.hbase.filter.ColumnRangeFilter\x12\x0a\x0a\x01a\x10\x01\x1a\x01c \x00@2',
  ],
  [
    'a put over two families',
    (out) =>
      new MutateRequest(
        region,
        { row, cells: [cell('f', 'a', '1'), cell('f', 'b', ''), cell('g', 'a', '2')] },
        undefined,
      ).encode(out),
    '\x0a\x08\x08\x01\x12\x04t,,1\x12&\x0a\x01r\x10\x02\x1a\x12\x0a\x01f\x12\x06\x0a\x01a\x12\x011\x12\x05\x0a\x01b\x12\x00\x1a\x0b\x0a\x01g\x12\x06\x0a\x01a\x12\x012',
  ],
  [
    'a put if a cell is as expected',
    (out) => new MutateRequest(region, { row, cells: [cell('f', 'a', '1')] }, isNine).encode(out),
    '\x0a\x08\x08\x01\x12\x04t,,1\x12\x12\x0a\x01r\x10\x02\x1a\x0b\x0a\x01f\x12\x06\x0a\x01a\x12\x011\x1aE\x0a\x01r\x12\x01f\x1a\x01n \x02*8\x0a/org.apache.hadoop.hbase.filter.BinaryComparator\x12\x05\x0a\x03\x0a\x019',
  ],
  [
    'a put if a cell is absent',
    (out) =>
      new MutateRequest(
        region,
        { row, cells: [cell('f', 'a', '1')] },
        { ...isNine, expected: undefined },
      ).encode(out),
    '\x0a\x08\x08\x01\x12\x04t,,1\x12\x12\x0a\x01r\x10\x02\x1a\x0b\x0a\x01f\x12\x06\x0a\x01a\x12\x011\x1aD\x0a\x01r\x12\x01f\x1a\x01n \x02*7\x0a/org.apache.hadoop.hbase.filter.BinaryComparator\x12\x04\x0a\x02\x0a\x00',
  ],
  [
    'a multi: a get, and a put and deletes on a condition',
    (out) =>
      new MultiRequest([
        { region, actions: [{ kind: 'get', get: { row } }] },
        {
          region,
          actions: [
            { kind: 'put', put: { row, cells: [cell('f', 'a', '1')] } },
            { kind: 'delete', row, columns: [{ family: 'f', qualifier: bytes('d') }, { family: 'g' }] },
          ],
          condition: { row, is: isNine },
        },
      ]).encode(out),
    '\x0a\x13\x0a\x08\x08\x01\x12\x04t,,1\x1a\x07\x08\x00\x1a\x03\x0a\x01r\x0a\x8b\x01\x0a\x08\x08\x01\x12\x04t,,1\x10\x01\x1a\x16\x08\x00\x12\x12\x0a\x01r\x10\x02\x1a\x0b\x0a\x01f\x12\x06\x0a\x01a\x12\x011\x1a\x1e\x08\x01\x12\x1a\x0a\x01r\x10\x03\x1a\x0a\x0a\x01f\x12\x05\x0a\x01d \x01\x1a\x07\x0a\x01g\x12\x02 \x02"E\x0a\x01r\x12\x01f\x1a\x01n \x02*8\x0a/org.apache.hadoop.hbase.filter.BinaryComparator\x12\x05\x0a\x03\x0a\x019',
  ],
  [
    'opening a scan with filters',
    (out) =>
      new OpenScanRequest({
        region: region.specifier,
        columns: [{ family: 'f' }],
        columnRange: { from: bytes('a') },
        skipEmptyValues: true,
        startRow: row,
        includeStartRow: false,
        stopRow: bytes('s'),
        reversed: false,
        rowsMax: 10,
        bytesMax: 1000,
        once: false,
      }).encode(out),
    '\x0a\x08\x08\x01\x12\x04t,,1\x12\xf6\x01\x0a\x03\x0a\x01f\x1a\x01r"\x01s*\xda\x01\x0a)org.apache.hadoop.hbase.filter.FilterList\x12\xac\x01\x08\x01\x12;\x0a0org.apache.hadoop.hbase.filter.ColumnRangeFilter\x12\x07\x0a\x01a\x10\x01 \x00\x12k\x0a*org.apache.hadoop.hbase.filter.ValueFilter\x12=\x0a;\x08\x03\x127\x0a/org.apache.hadoop.hbase.filter.BinaryComparator\x12\x04\x0a\x02\x0a\x00P\xe8\x07x\x00\x88\x01\x0a\xa8\x01\x00\xb0\x01\x00 \x0a(\x008\x01@\x01X\x0a',
  ],
  [
    'reading on, by an exact scanner id',
    (out) => new NextScanRequest(2n ** 63n - 1n, 3, 10).encode(out),
    '\x18\xff\xff\xff\xff\xff\xff\xff\xff\x7f \x0a(\x000\x038\x01@\x01X\x0a',
  ],
  ['closing a scan', (out) => new CloseScanRequest(5n).encode(out), '\x18\x05 \x00(\x01'],
];

describe('the wire format of', () => {
  it.each(golden)('%s', (_, write, expected) => {
    expect(protoBytes(write).toString('latin1')).toBe(expected);
  });
});

describe('a cell block (KeyValueCodec)', () => {
  const first =
    '0000001a' +
    '00000011' +
    '00000001' +
    '0001' +
    '72' +
    '01' +
    '66' +
    '716171' +
    '0000019a00000001' +
    '04' +
    '76';
  const second =
    '00000017' + '0000000f' + '00000000' + '0001' + '73' + '01' + '66' + '71' + '7fffffffffffffff' + '04';

  it('is read cell by cell, longs exact', () => {
    const cells = new CellBlock(Buffer.from(first + second, 'hex')).take(2);
    const shown = cells.map((each) => [each.row, each.family, each.qualifier, each.value].map(String));
    expect(shown).toEqual([
      ['r', 'f', 'qaq', 'v'],
      ['s', 'f', 'q', ''],
    ]);
    expect(cells.map(({ timestamp }) => timestamp)).toEqual([0x19a00000001n, 2n ** 63n - 1n]);
  });

  it('with fewer cells than the answer claims is refused', () => {
    const block = Buffer.from(first, 'hex');
    expect(() => new CellBlock(block).take(2)).toThrow(ProtoError);
    expect(() => new CellBlock(block).take(0xffffffff)).toThrow(ProtoError);
  });
});

describe('names', () => {
  it.each([
    ['h:1', 'h', 1],
    ['10.0.0.1:16020', '10.0.0.1', 16_020],
    ['[::1]:16020', '::1', 16_020],
  ])('the address %s', (address, host, port) => {
    expect(parseServerAddress(address)).toEqual({ host, port, startCode: 0n, address });
  });

  it.each(['', 'h', 'h:', 'h:0', 'h:65536', ':1', 'a:b:1'])('not the address %j', (address) => {
    expect(() => parseServerAddress(address)).toThrow(RangeError);
  });

  it('the hash of a region name, whatever its start key', () => {
    expect(encodedRegionName(bytes('t,a.b\xff,1700000000000.0123abcd.'))).toBe('0123abcd');
  });
});
