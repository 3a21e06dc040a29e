import { duplexPair } from 'node:stream';
import type { X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import type { Time } from '../std/time.ts';
import { acceptorTls, dialerTls, refusalOf } from './peer-tls.ts';
import type { PeerTls } from './peer-tls.ts';

const trialMs = 5000;

/**
 * Would another node with the same authority take this one's certificate, as dialer and as acceptor? A connection of
 * this process with itself, in memory, tells what OpenSSL makes of it: chain, dates, purposes.
 * Resolves with the time at which the first certificate of the chain expires, epoch ms; rejects with what is wrong.
 */
export async function tryTls(tls: PeerTls, time: Time): Promise<number> {
  const [near, far] = duplexPair();
  const server = createServer(acceptorTls(tls));
  const dialer = connect({ ...dialerTls(tls), socket: near });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const cancel = time.after(trialMs, () => {
    reject(new Error(`no TLS handshake in ${trialMs} ms`));
  });
  dialer.once('error', reject);
  server.once('tlsClientError', (cause, socket) => {
    reject(refusalOf(cause, socket));
  });
  // The acceptor is the last to say yes.
  server.once('secureConnection', () => {
    resolve(firstExpiryMs(dialer.getPeerX509Certificate()));
  });
  server.emit('connection', far);
  try {
    return await promise;
  } finally {
    cancel();
    for (const stream of [dialer, near, far]) stream.on('error', () => undefined).destroy();
  }
}

function firstExpiryMs(leaf: X509Certificate | undefined): number {
  let firstMs = Infinity;
  for (let one = leaf; one !== undefined; one = one.issuerCertificate) {
    firstMs = Math.min(firstMs, Date.parse(one.validTo));
  }
  return firstMs;
}
