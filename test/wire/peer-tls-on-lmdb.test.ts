import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeCluster } from '../../cluster/mailring/node-cluster.ts';
import { NodeProcess } from '../../cluster/mailring/node-process.ts';
import { ReplayRun } from '../../scripts/replay/replay-run.ts';
import { CertificateAuthority } from '../support/certificate-authority.ts';
import { peerTlsFlags, writePeerTls } from '../support/peer-tls-files.ts';

const startMaxMs = 180_000;
const testMaxMs = 400_000;
/** A removal window, as another stranger may have been removed a moment ago, and a silent node's time. */
const outcomeMaxMs = 120_000;

describe('three nodes on LMDB whose links are TLS', () => {
  const authority = new CertificateAuthority('ours');
  let folder: string;
  let settings: string[];
  let cluster: NodeCluster;
  const strangers: NodeProcess[] = [];

  const flagsFor = async (name: string, signer: CertificateAuthority): Promise<string[]> =>
    peerTlsFlags(await writePeerTls(join(folder, name), signer.issue(name), signer));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mailring-peer-tls-'));
    settings = ['--store', 'lmdb', '--data', join(folder, 'data'), '--ring-lease-ms', '3000'];
    const tls = await flagsFor('nodes', authority);
    cluster = await NodeCluster.start({ count: 3, folder, settings: [...settings, ...tls] });
  }, startMaxMs);
  afterAll(async () => {
    await Promise.all(strangers.map(({ process }) => process.stop()));
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }, startMaxMs);

  /** Users of all nodes chat; then all promises are checked. */
  const chat = async (seed: number): Promise<void> => {
    const run = new ReplayRun({
      ...{ wsUrls: cluster.wsUrls, messages: 300, users: 30, seed },
      ...{ duplicates: 0.1, reconnects: 0.02, concurrency: 8 },
      onProgress: () => undefined,
    });
    const report = await run.run();
    expect(run.violations.shown).toEqual([]);
    expect(report).toMatchObject({ acked: 300, violations: 0 });
  };

  it(
    'G1 to G9 hold in a chat among users of all nodes',
    async () => {
      await chat(21);
      for (const node of cluster.nodes) {
        expect(await node.metric('mailring_peer_links_open')).toBe(2);
        expect(await node.metric('mailring_peer_requests_received_total')).toBeGreaterThan(0);
        const expiry = await node.metric('mailring_peer_certificate_expiry_timestamp_seconds');
        expect(expiry).toBeGreaterThan(Date.now() / 1000);
      }
    },
    testMaxMs,
  );

  /** A node of this cluster, with its data and its secret, but for what it shows its peers. */
  const stranger = async (id: string, tls: readonly string[]): Promise<NodeProcess> => {
    const node = await NodeProcess.prepare({
      id,
      folder: join(folder, 'nodes'),
      settings: [...settings, ...tls],
    });
    strangers.push(node);
    // Not until it is ready: it waits long for the users that it cannot be given.
    await node.process.spawn();
    return node;
  };

  it.each([
    ['a certificate of another authority', 'n4', () => flagsFor('n4', new CertificateAuthority('foreign'))],
    ['plain links', 'n5', () => Promise.resolve([])],
  ])(
    'a node with %s knows the secret, and gets no link to any of them',
    async (_, id, flags) => {
      const node = await stranger(id, await flags());
      const levels = (of: NodeProcess): Promise<readonly number[]> =>
        of.metrics([
          'mailring_ring_members',
          'mailring_peer_failed_connects_total',
          'mailring_peer_links_open',
        ]);
      const seen = async (of: NodeProcess): Promise<object> => {
        try {
          const [members = 0, failed = 0, links] = await levels(of);
          return { isJoined: members > 3, hasFailed: failed > 5, links };
        } catch (error) {
          return { error: String(error) };
        }
      };
      const timeout = outcomeMaxMs;
      await expect.poll(() => seen(node), { timeout }).toEqual({ isJoined: true, hasFailed: true, links: 0 });
      for (const one of cluster.nodes) {
        await expect
          .poll(() => seen(one), { timeout })
          .toEqual({ isJoined: true, hasFailed: true, links: 2 });
      }
      await node.process.kill('SIGKILL');
      await cluster.untilAgreed(cluster.nodes, outcomeMaxMs);
      await chat(22);
    },
    testMaxMs,
  );
});

describe('a node that cannot use the files of its peerTls', () => {
  it('says which one and ends with the exit code of wrong settings', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mailring-peer-tls-'));
    const [ours, foreign] = [new CertificateAuthority('ours'), new CertificateAuthority('foreign')];
    const files = await writePeerTls(folder, ours.issue('n1'), foreign);
    const refusalWith = async (settings: readonly string[]): Promise<string> => {
      const node = await NodeProcess.prepare({ id: 'n1', folder, settings });
      return node.process.start().then(
        () => 'started',
        (error: unknown) => String(error),
      );
    };
    const useless = await refusalWith(peerTlsFlags(files));
    expect(useless).toContain(`peerTls.certFile: ${files.certFile}: not accepted with ${files.caFile}`);
    expect(useless).toContain('code 2');
    const missing = await refusalWith(['--peer-tls-cert-file', files.certFile]);
    expect(missing).toContain('peerTls.keyFile and peerTls.caFile: expected');
    expect(missing).toContain('code 2');
    await rm(folder, { recursive: true, force: true });
  });
});
