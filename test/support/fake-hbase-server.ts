import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsOptions } from 'node:tls';

import { FrameSplitter } from '../../src/hbase/frame-splitter.ts';
import { ProtoReader } from '../../src/hbase/proto-reader.ts';
import { ProtoWriter, protoBytes } from '../../src/hbase/proto-writer.ts';
import { serverName, writeServerName } from '../../src/hbase/server-name.ts';
import { writeRegionInfo } from '../../src/hbase/region.ts';

/** A call as it arrived. */
export interface FakeCall {
  readonly service: string;
  readonly method: string;
  readonly callId: number;
  readonly timeoutMs: number;
  readonly parameter: Buffer;
  readonly connection: FakeConnection;
}

export interface FakeAnswer {
  readonly body?: Buffer;
  readonly cells?: Buffer;
  readonly exception?: { readonly className: string; readonly trace?: string; readonly doNotRetry?: boolean };
}

/** Answers a call, or leaves it (undefined) to the server's own knowledge, or says nothing at all. */
export type FakeHandler = (call: FakeCall) => FakeAnswer | 'silence' | undefined;

/** A region of the fake table `t`. */
export interface FakeRegion {
  readonly startKey: string;
  readonly endKey: string;
  readonly regionId: bigint;
  /** Where meta says it is; here without. */
  readonly port?: number;
}

export const fakeTable = 't';
const preambleBytes = 6;

/** Speaks enough of HBase's protocol to be found and asked, and does what a test tells it: for faults on demand. */
export class FakeHBaseServer {
  handler: FakeHandler = () => undefined;
  regions: FakeRegion[] = [{ startKey: '', endKey: '', regionId: 1n }];
  readonly calls: FakeCall[] = [];
  readonly connections = new Set<FakeConnection>();
  readonly #server: Server;

  /** Plain TCP without `tls`. */
  constructor(tls?: TlsOptions) {
    const accept = (socket: Socket): void => {
      const connection = new FakeConnection(socket, (call) => this.#called(call));
      this.connections.add(connection);
      socket.on('close', () => this.connections.delete(connection));
    };
    this.#server = tls ? createTlsServer(tls, accept) : createServer(accept);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.disconnect();
    await stopped;
  }

  /** The answer that says: hbase:meta is here. */
  metaLocation(): Buffer {
    return protoBytes((out) => this.#writeMetaLocation(out));
  }

  disconnect(): void {
    for (const connection of this.connections) connection.socket.destroy();
  }

  count(method: string): number {
    return this.calls.filter((call) => call.method === method && call.service === 'ClientService').length;
  }

  #called(call: FakeCall): void {
    this.calls.push(call);
    const answer = this.handler(call) ?? this.#ownAnswer(call);
    if (answer !== undefined && answer !== 'silence') call.connection.answer(call.callId, answer);
  }

  #ownAnswer(call: FakeCall): FakeAnswer | undefined {
    switch (call.method) {
      case 'GetMetaRegionLocations':
        return { body: this.metaLocation() };
      case 'GetBootstrapNodes':
      case 'GetActiveMaster':
        return { body: protoBytes((out) => writeServerName(out, 1, serverName('127.0.0.1', this.port, 1n))) };
      case 'Scan':
        return this.#metaScan(call.parameter);
      case 'Get':
        return getAnswer();
      case 'Multi':
        return call.parameter.length === 0 ? { body: Buffer.alloc(0) } : undefined;
      default:
        return undefined;
    }
  }

  #writeMetaLocation(out: ProtoWriter): void {
    const location = out.open(1);
    const nothing = Buffer.alloc(0);
    writeRegionInfo(out, 1, {
      ...regionInfo('', '', 1n),
      table: 'hbase:meta',
      startKey: nothing,
      endKey: nothing,
    });
    writeServerName(out, 2, serverName('127.0.0.1', this.port, 1n));
    out.long(3, 0n);
    out.close(location);
  }

  /** The reversed scan that look-ups make: regions of `t` whose name is at most the start row. */
  #metaScan(parameter: Buffer): FakeAnswer {
    const startRow = fieldOf(fieldOf(parameter, 2) ?? Buffer.alloc(0), 3)?.toString('latin1') ?? '';
    const names = this.regions
      .map((region) => ({ region, name: `${fakeTable},${region.startKey},${region.regionId}.hash.` }))
      .filter(({ name }) => name <= startRow && startRow.startsWith(`${fakeTable},`))
      .sort((a, b) => (a.name < b.name ? 1 : -1));
    const rows = names.map(({ region, name }) => {
      const info = protoBytes((out) =>
        writeRegionInfo(out, 1, regionInfo(region.startKey, region.endKey, region.regionId)),
      );
      const withoutTag = info.subarray(info.length - (fieldOf(info, 1)?.length ?? 0));
      return [
        keyValue(name, 'info', 'regioninfo', Buffer.concat([Buffer.from('PBUF'), withoutTag])),
        keyValue(name, 'info', 'server', Buffer.from(`127.0.0.1:${region.port ?? this.port}`)),
        keyValue(name, 'info', 'state', Buffer.from('OPEN')),
      ];
    });
    const body = protoBytes((out) => {
      for (const row of rows) out.uint(1, row.length);
      out.bool(3, false);
    });
    return { body, cells: Buffer.concat(rows.flat()) };
  }
}

export class FakeConnection {
  readonly socket: Socket;
  service = '';
  #preamble = Buffer.alloc(0);

  constructor(socket: Socket, called: (call: FakeCall) => void) {
    this.socket = socket;
    const splitter = new FrameSplitter(1 << 26, (bytes, start, end) => {
      const frame = Buffer.from(bytes.subarray(start, end));
      if (this.service === '') this.service = fieldOf(frame, 2)?.toString() ?? '?';
      else called(this.#read(frame));
    });
    socket.on('error', () => undefined); // the client hangs up in many of these tests
    socket.on('data', (chunk: Buffer) => {
      const bytes = this.#withoutPreamble(chunk);
      splitter.push(bytes, bytes.length);
    });
  }

  answer(callId: number, answer: FakeAnswer): void {
    this.socket.write(responseFrame(callId, answer));
  }

  #withoutPreamble(chunk: Buffer): Buffer {
    if (this.#preamble.length === preambleBytes) return chunk;
    const missing = preambleBytes - this.#preamble.length;
    this.#preamble = Buffer.concat([this.#preamble, chunk.subarray(0, missing)]);
    return chunk.subarray(missing);
  }

  #read(frame: Buffer): FakeCall {
    const reader = new ProtoReader(frame);
    const header = reader.bytes();
    const parameter = reader.bytes();
    return {
      service: this.service,
      method: fieldOf(header, 3)?.toString() ?? '',
      callId: numberOf(header, 1),
      timeoutMs: numberOf(header, 7),
      parameter,
      connection: this,
    };
  }
}

/** A whole answer as it goes over the wire. */
export function responseFrame(
  callId: number,
  { body = Buffer.alloc(0), cells, exception }: FakeAnswer,
): Buffer {
  const out = new ProtoWriter();
  const start = out.skipInt32();
  const header = out.openDelimited();
  out.uint(1, callId);
  if (exception) {
    const open = out.open(2);
    out.text(1, exception.className);
    out.text(2, exception.trace ?? exception.className);
    out.bool(5, exception.doNotRetry ?? false);
    out.close(open);
  }
  if (cells) {
    const meta = out.open(3);
    out.uint(1, cells.length);
    out.close(meta);
  }
  out.close(header);
  if (!exception) {
    const open = out.openDelimited();
    out.raw(body);
    out.close(open);
    if (cells) out.raw(cells);
  }
  out.patchInt32(start, out.length - start - 4);
  return out.take(undefined);
}

/** A cell in HBase's KeyValue format, with its length in front. */
export function keyValue(
  row: string,
  family: string,
  qualifier: string,
  value: Buffer,
  timestamp = 1n,
): Buffer {
  const keyLength = 12 + row.length + family.length + qualifier.length;
  const head = Buffer.alloc(14);
  head.writeUInt32BE(8 + keyLength + value.length, 0);
  head.writeUInt32BE(keyLength, 4);
  head.writeUInt32BE(value.length, 8);
  head.writeUInt16BE(row.length, 12);
  const tail = Buffer.alloc(9, 4); // type: put
  tail.writeBigInt64BE(timestamp, 0);
  const name = Buffer.from(row + String.fromCharCode(family.length) + family + qualifier, 'latin1');
  return Buffer.concat([head, name, tail, value]);
}

export const mutateAnswer = (processed: boolean): FakeAnswer => ({
  body: protoBytes((out) => out.bool(2, processed)),
});

export function getAnswer(...cells: Buffer[]): FakeAnswer {
  const body = protoBytes((out) => {
    const result = out.open(1);
    out.uint(2, cells.length);
    out.close(result);
  });
  return { body, cells: Buffer.concat(cells) };
}

export const exceptionAnswer = (name: string): FakeAnswer => ({
  exception: {
    className: `org.apache.hadoop.hbase.${name}`,
    trace: `${name}: as the test wants\n\tat Somewhere`,
  },
});

function regionInfo(startKey: string, endKey: string, regionId: bigint) {
  return {
    table: fakeTable,
    regionId,
    startKey: Buffer.from(startKey),
    endKey: Buffer.from(endKey),
    offline: false,
    split: false,
    replicaId: 0,
  };
}

/** The bytes of the first length-delimited field with that number. */
export function fieldOf(message: Buffer, field: number): Buffer | undefined {
  const reader = new ProtoReader(message);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === ((field << 3) | 2)) return reader.bytes();
    reader.skip(tag);
  }
  return undefined;
}

function numberOf(message: Buffer, field: number): number {
  const reader = new ProtoReader(message);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === field << 3) return reader.uint();
    reader.skip(tag);
  }
  return 0;
}
