import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateAuthority, CertifiedKey } from './certificate-authority.ts';

/** The settings `peerTls`, all of them. */
export interface PeerTlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** Writes what a node with that certificate and authority needs into a folder, over what is there. */
export async function writePeerTls(
  folder: string,
  { cert, key }: CertifiedKey,
  authority: Pick<CertificateAuthority, 'cert'>,
): Promise<PeerTlsFiles> {
  const files = {
    certFile: join(folder, 'peer.crt'),
    keyFile: join(folder, 'peer.key'),
    caFile: join(folder, 'ca.crt'),
  };
  await mkdir(folder, { recursive: true });
  await writeFile(files.certFile, cert);
  await writeFile(files.keyFile, key);
  await writeFile(files.caFile, authority.cert);
  return files;
}

/** The same as flags of `mailring node`. */
export const peerTlsFlags = ({ certFile, keyFile, caFile }: PeerTlsFiles): string[] => [
  ...['--peer-tls-cert-file', certFile],
  ...['--peer-tls-key-file', keyFile],
  ...['--peer-tls-ca-file', caFile],
];
