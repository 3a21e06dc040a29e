import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';

interface KeyPair {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly published: JWK;
}

/** An issuer of tokens as others run it: signs with its newest key, publishes its keys on a loopback port. */
export class KeyPublisher {
  readonly issuer = 'https://issuer.example/';
  readonly audience = 'chat';
  /** How often it was asked. */
  asked = 0;
  /** Answers so, whatever the keys are. */
  outage: { readonly status: number; readonly body: string } | undefined;
  readonly #server: Server;
  #keys: KeyPair[] = [];
  #made = 0;

  private constructor() {
    this.#server = createServer((_request, response) => {
      this.asked += 1;
      const { status, body } = this.outage ?? {
        status: 200,
        body: JSON.stringify({ keys: this.#keys.map(({ published }) => published) }),
      };
      response.writeHead(status, { location: this.url }).end(body);
    });
  }

  static async start(): Promise<KeyPublisher> {
    const publisher = new KeyPublisher();
    await publisher.addKey();
    publisher.#server.listen(0, '127.0.0.1');
    await once(publisher.#server, 'listening');
    return publisher;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/jwks.json`;
  }

  /** Signs with a new key from now on, and publishes it beside the others. */
  async addKey(): Promise<void> {
    const kid = `key-${++this.#made}`;
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    this.#keys.push({ kid, privateKey, published: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' } });
  }

  /** Publishes the newest key only. */
  withdrawOldKeys(): void {
    this.#keys = this.#keys.slice(-1);
  }

  /** A token of `claims`; `iat` is `nowMs`, and it is good for an hour, unless the claims say otherwise. */
  async sign(claims: Record<string, unknown>, nowMs = Date.now()): Promise<string> {
    const key = this.#keys.at(-1);
    if (key === undefined) throw new Error('no key to sign with');
    const seconds = Math.floor(nowMs / 1000);
    const standard = { iss: this.issuer, aud: this.audience, iat: seconds, exp: seconds + 3_600 };
    return new SignJWT({ ...standard, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: key.kid })
      .sign(key.privateKey);
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
