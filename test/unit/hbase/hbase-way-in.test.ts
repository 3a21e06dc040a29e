import { afterEach, describe, expect, it } from 'vitest';

import { HBaseClient } from '../../../src/hbase/hbase-client.ts';
import type { HBaseOptions } from '../../../src/hbase/hbase-options.ts';
import { FakeHBaseServer, exceptionAnswer, fakeTable } from '../../support/fake-hbase-server.ts';
import { testCertificate } from '../../support/test-certificate.ts';

const row = Buffer.from('r');
const patientMs = 20_000;
const hastyMs = 800;

const servers: FakeHBaseServer[] = [];
const clients: HBaseClient[] = [];

async function serve(...options: ConstructorParameters<typeof FakeHBaseServer>): Promise<FakeHBaseServer> {
  const server = await new FakeHBaseServer(...options).start();
  servers.push(server);
  return server;
}

function connect(server: FakeHBaseServer, options: Partial<HBaseOptions> = {}): HBaseClient {
  const client = new HBaseClient({ servers: [server.address], ...options });
  clients.push(client);
  return client;
}

const get = (client: HBaseClient, timeoutMs = patientMs) =>
  client.get(fakeTable, { row }, performance.now() + timeoutMs);

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

describe('TLS', () => {
  // The certificate is made out to a name, the fake server has an address only.
  const trusting = { ca: testCertificate.cert, checkServerIdentity: () => undefined };

  it('to a server that is trusted: calls go through', async () => {
    const server = await serve(testCertificate);
    expect(await get(connect(server, { tls: trusting }))).toEqual([]);
    expect(server.count('Get')).toBe(1);
  });

  it('that cannot be trusted, or that one side only speaks: an error, and nothing is sent', async () => {
    const [secure, plain] = [await serve(testCertificate), await serve()];
    const ends = await Promise.allSettled([
      get(connect(secure, { tls: {} }), hastyMs), // an unknown authority
      get(connect(secure, { tls: { ca: testCertificate.cert } }), hastyMs), // made out to another name
      get(connect(secure), hastyMs),
      get(connect(plain, { tls: trusting }), hastyMs),
    ]);
    for (const end of ends) {
      expect(end).toMatchObject({ status: 'rejected', reason: { name: 'HBaseError', retryable: true } });
    }
    expect([...secure.calls, ...plain.calls]).toEqual([]);
  });
});

describe('hbase:meta', () => {
  it.each([
    ['is not served there any more', exceptionAnswer('NotServingRegionException')],
    ['is on a server that stops', exceptionAnswer('regionserver.RegionServerStoppedException')],
  ])('that moved (%s) is asked for anew', async (_, refusal) => {
    const [before, after] = [await serve(), await serve()];
    const client = connect(before);
    await get(client);
    // From now on meta is elsewhere, and so is the region; its old server knows both.
    after.regions = [{ startKey: '', endKey: '', regionId: 2n }];
    before.handler = (call) => {
      if (call.method === 'Scan' || call.method === 'Get') return refusal;
      if (call.method === 'GetMetaRegionLocations') return { body: after.metaLocation() };
      return undefined;
    };
    expect(await get(client)).toEqual([]);
    expect(after.count('Scan')).toBe(1);
    expect(after.count('Get')).toBe(1);
    expect(before.count('Scan')).toBe(2);
  });
});
