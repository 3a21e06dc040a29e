import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ConfigError } from '../config/config-error.ts';
import type { Settings } from '../config/settings.ts';
import type { Cancel, Time } from '../std/time.ts';
import type { PeerTls } from './peer-tls.ts';
import { tryTls } from './tls-trial.ts';

export interface PeerCertificatesPorts {
  readonly time: Time;
  /** New connections use other files than before; open ones stay as they are. Must not throw. */
  readonly onRenewed: (certificates: PeerCertificates) => void;
  /** What is in the files now is not used: what was read before is. They are read again. Must not throw. */
  readonly onTrouble: (error: unknown) => void;
}

type Paths = Required<Settings['peerTls']>;
type Name = keyof Paths;

interface Proven {
  readonly tls: PeerTls;
  readonly expiryMs: number;
}

const rereadMs = 60_000;

/**
 * The files of `peerTls`, read again every minute, so that they may be replaced while the node runs. Nothing is used that
 * another node would not accept.
 */
export class PeerCertificates {
  readonly #paths: Paths;
  readonly #ports: PeerCertificatesPorts;
  #proven: Proven;
  #cancel: Cancel = () => undefined;
  #isStopped = false;

  private constructor(paths: Paths, ports: PeerCertificatesPorts, proven: Proven) {
    this.#paths = paths;
    this.#ports = ports;
    this.#proven = proven;
  }

  /** undefined where none are set. Rejects with ConfigError where they cannot be read or are of no use. */
  static async open(
    { certFile, keyFile, caFile }: Settings['peerTls'],
    ports: PeerCertificatesPorts,
  ): Promise<PeerCertificates | undefined> {
    if (certFile === undefined || keyFile === undefined || caFile === undefined) return undefined;
    const paths = { certFile, keyFile, caFile };
    return new PeerCertificates(paths, ports, await prove(paths, await read(paths), ports.time));
  }

  get current(): PeerTls {
    return this.#proven.tls;
  }

  /** When others begin to refuse it: the first end of a certificate from this node's up to the authority's, epoch ms. */
  get expiryMs(): number {
    return this.#proven.expiryMs;
  }

  /** Reads the files again from now on, until `stop`. */
  watch(): void {
    this.#cancel = this.#ports.time.after(rereadMs, () => void this.#reread());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #reread(): Promise<void> {
    const { time, onRenewed, onTrouble } = this.#ports;
    try {
      const tls = await read(this.#paths);
      if (!isSame(tls, this.current)) {
        this.#proven = await prove(this.#paths, tls, time);
        if (!this.#isStopped) onRenewed(this);
      }
    } catch (error) {
      if (!this.#isStopped) onTrouble(error);
    }
    if (!this.#isStopped) this.watch();
  }
}

function isSame(one: PeerTls, other: PeerTls): boolean {
  return one.cert.equals(other.cert) && one.key.equals(other.key) && one.ca.equals(other.ca);
}

async function read(paths: Paths): Promise<PeerTls> {
  const text = (name: Name): Promise<Buffer> => understood(paths, name, () => readFile(paths[name]));
  const [cert, key, ca] = await Promise.all([text('certFile'), text('keyFile'), text('caFile')]);
  return { cert, key, ca };
}

async function prove(paths: Paths, tls: PeerTls, time: Time): Promise<Proven> {
  const certificate = await understood(paths, 'certFile', () => new X509Certificate(tls.cert));
  const key: KeyObject = await understood(paths, 'keyFile', () => createPrivateKey(tls.key));
  await understood(paths, 'caFile', () => new X509Certificate(tls.ca));
  if (!certificate.checkPrivateKey(key)) {
    throw wrong(paths, 'keyFile', `not the key of the certificate in ${paths.certFile}`);
  }
  try {
    return { tls, expiryMs: await tryTls(tls, time) };
  } catch (error) {
    throw wrong(paths, 'certFile', `not accepted with ${paths.caFile} at both ends: ${reasonOf(error)}`);
  }
}

/** The result of `act`; where it fails, an error that says with which setting and file. */
async function understood<T>(paths: Paths, name: Name, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw wrong(paths, name, reasonOf(error));
  }
}

const wrong = (paths: Paths, name: Name, reason: string): ConfigError =>
  new ConfigError([`peerTls.${name}: ${paths[name]}: ${reason}`]);

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
