import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';
import { PeerCertificates } from '../../../src/peer/peer-certificates.ts';
import { tcpNetwork } from '../../../src/peer/tcp-network.ts';
import { systemTime } from '../../../src/std/time.ts';
import type { Time } from '../../../src/std/time.ts';
import { CertificateAuthority } from '../../support/certificate-authority.ts';
import type { CertifiedKey } from '../../support/certificate-authority.ts';
import { ManualTime } from '../../support/manual-time.ts';
import { PeerNode } from '../../support/peer-rig.ts';
import { writePeerTls } from '../../support/peer-tls-files.ts';
import type { PeerTlsFiles } from '../../support/peer-tls-files.ts';

const authority = new CertificateAuthority('ours');
const foreign = new CertificateAuthority('foreign');
const rereadMs = 60_000;

const folders: string[] = [];
const open: PeerCertificates[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailring-peer-tls-'));
  folders.push(folder);
});
afterEach(() => {
  for (const certificates of open.splice(0)) certificates.stop();
});
afterAll(() => Promise.all(folders.map((one) => rm(one, { recursive: true, force: true }))));

const write = (issued: CertifiedKey, signer = authority): Promise<PeerTlsFiles> =>
  writePeerTls(folder, issued, signer);

/** What is heard of renewals, in order. */
async function opened(
  files: PeerTlsFiles,
  time: Time = systemTime,
): Promise<{ certificates: PeerCertificates; heard: string[] }> {
  const heard: string[] = [];
  const certificates = await PeerCertificates.open(files, {
    time,
    onRenewed: () => heard.push('renewed'),
    onTrouble: (error) => heard.push(String(error)),
  });
  if (certificates === undefined) throw new Error('no certificates');
  open.push(certificates);
  return { certificates, heard };
}

describe('the files of peerTls at the start', () => {
  it('are none where none are set', async () => {
    const ports = { time: systemTime, onRenewed: () => undefined, onTrouble: () => undefined };
    expect(await PeerCertificates.open({}, ports)).toBeUndefined();
  });

  it('tell when the first certificate of the chain expires', async () => {
    const untilMs = Date.UTC(2090, 0, 1);
    const soonMs = Math.floor(Date.now() / 1000) * 1000 + 3_600_000;
    const { certificates: own } = await opened(await write(authority.issue('n1', { untilMs: soonMs })));
    expect(own.expiryMs).toBe(soonMs);
    // The authority's own ends in a day.
    const { certificates: late } = await opened(await write(authority.issue('n1', { untilMs })));
    expect(late.expiryMs).toBeLessThan(Date.now() + 25 * 3_600_000);
  });

  const valid = authority.issue('n1');
  it.each<[string, CertifiedKey, CertificateAuthority, RegExp]>([
    ['of another authority', valid, foreign, /certFile: .*peer\.crt: not accepted with .*ca\.crt .*verify/],
    ['that has expired', authority.issue('n1', { untilMs: Date.now() - 5000 }), authority, /expired/],
    ['for servers only', authority.issue('n1', { purposes: ['serverAuth'] }), authority, /PURPOSE/],
    ['for clients only', authority.issue('n1', { purposes: ['clientAuth'] }), authority, /purpose/],
    [
      'with the key of another one',
      { ...valid, key: authority.issue('n1').key },
      authority,
      /keyFile: .*peer\.key: not the key of the certificate in .*peer\.crt/,
    ],
    ['that is no certificate', { ...valid, cert: Buffer.from('x') }, authority, /certFile: .*peer\.crt: /],
    ['with a key that is none', { ...valid, key: Buffer.from('x') }, authority, /keyFile: .*peer\.key: /],
  ])('are refused with a certificate %s', async (_, issued, signer, message) => {
    const files = await write(issued, signer);
    await expect(opened(files)).rejects.toThrow(message);
    await expect(opened(files)).rejects.toBeInstanceOf(ConfigError);
  });

  it('are refused where one cannot be read, by its name', async () => {
    const files = await write(valid);
    await rm(files.caFile);
    await expect(opened(files)).rejects.toThrow(/^peerTls\.caFile: .*ca\.crt: ENOENT/);
  });

  it('are taken with both purposes', async () => {
    await opened(await write(authority.issue('n1', { purposes: ['serverAuth', 'clientAuth'] })));
  });
});

describe('files of peerTls that are replaced', () => {
  it('are used a minute later, and not before they are whole', async () => {
    const time = new ManualTime();
    const [before, after] = [authority.issue('n1'), authority.issue('n1')];
    const { certificates, heard } = await opened(await write(before), time);
    certificates.watch();
    await write({ ...after, key: before.key });
    time.advance(rereadMs);
    await expect.poll(() => heard).toEqual([expect.stringContaining('not the key of')]);
    expect(certificates.current).toMatchObject(before);

    await write(after);
    await expect.poll(() => time.timerCount).toBe(1);
    time.advance(rereadMs);
    await expect.poll(() => heard.slice(1)).toEqual(['renewed']);
    expect(certificates.current).toMatchObject(after);

    await rm(join(folder, 'peer.key'));
    await expect.poll(() => time.timerCount).toBe(1);
    time.advance(rereadMs);
    await expect.poll(() => heard.slice(2)).toEqual([expect.stringContaining('peerTls.keyFile')]);
    expect(certificates.current).toMatchObject(after);
    certificates.stop();
    await expect.poll(() => time.timerCount).toBe(0);
  });

  it('count for new connections at once, those to a listener that was there before as well', async () => {
    const tls = { current: { ...authority.issue('n1'), ca: authority.cert } };
    const limits = { patienceMs: 300 };
    const n1 = new PeerNode({ nodeId: 'n1', network: tcpNetwork(tls), time: systemTime });
    const address = await n1.listen();
    const askedBy = async (
      nodeId: string,
      signer: CertificateAuthority,
      trusted: Buffer,
    ): Promise<string> => {
      const network = tcpNetwork({ current: { ...signer.issue(nodeId), ca: trusted } });
      const node = new PeerNode({ nodeId, network, time: systemTime, limits });
      node.linkTo('n1', address);
      const { kind } = await node.ask('n1', 1);
      await Promise.all([node.links.close(0), node.server.close(0)]);
      return kind;
    };
    const both = Buffer.concat([authority.cert, foreign.cert]);
    expect(await askedBy('n2', authority, both)).toBe('ok');
    expect(await askedBy('n3', foreign, both)).toBe('refused');
    expect(n1.happenings).toContain('accepted-down ? network');
    // A new authority: first it is trusted beside the old one, then it signs, then the old one goes.
    tls.current = { ...tls.current, ca: both };
    expect(await askedBy('n4', foreign, both)).toBe('ok');
    tls.current = { ...foreign.issue('n1'), ca: foreign.cert };
    expect(await askedBy('n5', foreign, foreign.cert)).toBe('ok');
    expect(await askedBy('n6', authority, both)).toBe('refused');
    await Promise.all([n1.links.close(0), n1.server.close(0)]);
  });
});

it('what is refused of a dialer says why', async () => {
  const tls = { current: { ...authority.issue('n1'), ca: authority.cert } };
  const causes: string[] = [];
  const listener = await tcpNetwork(tls).listen(
    { host: '127.0.0.1', port: 0 },
    {
      accepted: () => {
        throw new Error('accepted');
      },
      failed: (cause) => causes.push(cause.message),
    },
  );
  const stranger = tcpNetwork({ current: { ...foreign.issue('n2'), ca: authority.cert } });
  stranger.dial(listener.address, {
    connected: () => undefined,
    data: () => undefined,
    closed: () => undefined,
  });
  await expect.poll(() => causes).toEqual([expect.stringMatching(/certificate is refused: .*VERIFY/)]);
  await listener.close();
});
