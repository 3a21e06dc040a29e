import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** A certificate and its key, PEM. */
export interface CertifiedKey {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface CertificateOptions {
  /** From when it is good; default: a minute ago. */
  readonly fromMs?: number;
  /** Until when it is good, whole seconds; default: a day. */
  readonly untilMs?: number;
  /** Extended key usages; default: none, which is good for all. */
  readonly purposes?: readonly ('serverAuth' | 'clientAuth')[];
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** DER: a value is its tag, its length and its content. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), content]);
}

const sequence = (...items: readonly Buffer[]): Buffer => der(0x30, ...items);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
const nameOf = (common: string): Buffer =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(common)))));
const purposeOids = { serverAuth: oid('2b06010505070301'), clientAuth: oid('2b06010505070302') };

function instant(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(digits));
}

function pem(label: string, bytes: Buffer): Buffer {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return Buffer.from(`-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`);
}

const newKeys = (): { publicKey: KeyObject; privateKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Signs certificates for tests; its own one is signed by itself. */
export class CertificateAuthority {
  readonly cert: Buffer;
  readonly #name: string;
  readonly #keys = newKeys();

  constructor(name: string) {
    this.#name = name;
    const isAuthority = der(0x01, Buffer.from([0xff]));
    const constraints = sequence(oid('551d13'), isAuthority, der(0x04, sequence(isAuthority)));
    this.cert = this.#signed(name, this.#keys.publicKey, [constraints], {});
  }

  /** A new key pair and the certificate for it. */
  issue(name: string, options: CertificateOptions = {}): CertifiedKey {
    const { publicKey, privateKey } = newKeys();
    const purposes = options.purposes?.map((purpose) => purposeOids[purpose]);
    const usage = purposes && sequence(oid('551d25'), der(0x04, sequence(...purposes)));
    const cert = this.#signed(name, publicKey, usage === undefined ? [] : [usage], options);
    return { cert, key: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
  }

  #signed(
    name: string,
    publicKey: KeyObject,
    extensions: readonly Buffer[],
    { fromMs = Date.now() - minuteMs, untilMs = Date.now() + dayMs }: CertificateOptions,
  ): Buffer {
    const body = sequence(
      der(0xa0, der(0x02, Buffer.from([2]))), // version 3
      der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])), // serial number
      ecdsaWithSha256,
      nameOf(this.#name),
      sequence(instant(fromMs), instant(untilMs)),
      nameOf(name),
      publicKey.export({ type: 'spki', format: 'der' }),
      ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
    );
    const signature = sign('sha256', body, this.#keys.privateKey);
    return pem('CERTIFICATE', sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature)));
  }
}
