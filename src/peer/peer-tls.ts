import type { ConnectionOptions, TlsOptions } from 'node:tls';

/** Certificate and key of this node, and who signs the certificates of the others; all PEM. */
export interface PeerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

const minVersion = 'TLSv1.3';
const handshakeTimeout = 5000;

/** For whoever listens: only dialers whose certificate the authority has signed get in. */
export function acceptorTls(tls: PeerTls): TlsOptions {
  return { ...tls, minVersion, handshakeTimeout, requestCert: true, rejectUnauthorized: true };
}

/** For whoever dials. Names in the certificate are not looked at: which node it is, the handshake of the link tells. */
export function dialerTls(tls: PeerTls): ConnectionOptions {
  return { ...tls, minVersion, rejectUnauthorized: true, checkServerIdentity: () => undefined };
}

/** Why an acceptor lets nobody in: what is wrong with the certificate, where that is it, else `cause`. */
export function refusalOf(cause: Error, socket: { readonly authorizationError?: unknown }): Error {
  const { authorizationError: code } = socket;
  return typeof code === 'string' ? new Error(`the certificate is refused: ${code}`, { cause }) : cause;
}
