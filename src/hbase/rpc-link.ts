import type { Time } from '../std/time.ts';
import { FrameSplitter } from './frame-splitter.ts';
import type { FrameSink } from './frame-splitter.ts';
import { ProtoError } from './proto-reader.ts';
import { ProtoWriter, protoBytes } from './proto-writer.ts';
import type { ServiceName } from './rpc-call.ts';
import type { ServerName } from './server-name.ts';
import type { Dial, Wire } from './wire.ts';

const rpcVersion = 0;
const simpleAuthentication = 80;
const cellCodec = 'org.apache.hadoop.hbase.codec.KeyValueCodec';
/** HBase sends cell blocks for gets, and tells overload apart, only to clients that say they are new enough. */
const spokenVersion = { text: '2.6.0', major: 2, minor: 6 };

export interface RpcLinkOptions {
  readonly server: ServerName;
  readonly service: ServiceName;
  readonly user: string;
  readonly frameBytesMax: number;
  readonly dial: Dial;
  readonly time: Time;
}

export interface RpcLinkEvents {
  opened(): void;
  readonly frame: FrameSink;
  /** After each piece of data, when its frames were handed over. */
  drained(): void;
  /** Once; nothing follows. */
  lost(cause: Error): void;
}

/** One connection while it lives: the preamble, frames in, and all frames of a tick out in one write. */
export class RpcLink {
  /** Frames are appended here; {@link flushSoon} sends them. */
  readonly out = new ProtoWriter(16 * 1024);
  readonly #time: Time;
  readonly #wire: Wire;
  #open = true;
  #flushing = false;
  #spare: Buffer | undefined;

  constructor(options: RpcLinkOptions, events: RpcLinkEvents) {
    this.#time = options.time;
    const splitter = new FrameSplitter(options.frameBytesMax, events.frame);
    writePreamble(this.out, options.user, options.service);
    this.#wire = options.dial(options.server.host, options.server.port, {
      connected: () => {
        if (!this.#open) return;
        this.#flush();
        events.opened();
      },
      data: (bytes, length) => {
        if (!this.#open) return;
        try {
          splitter.push(bytes, length);
        } catch (error) {
          if (!(error instanceof ProtoError)) throw error;
          this.close();
          events.lost(error);
          return;
        }
        events.drained();
      },
      closed: (cause) => {
        if (!this.#open) return;
        this.#open = false;
        events.lost(cause);
      },
    });
  }

  /** Sends what {@link out} holds at the end of this tick. */
  flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#time.soon(() => {
      this.#flushing = false;
      if (this.#open && this.out.length > 0) this.#flush();
    });
  }

  /** Closes at once and silently. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#wire.destroy();
  }

  #flush(): void {
    const bytes = this.out.take(this.#spare);
    this.#spare = undefined;
    this.#wire.write(bytes, () => {
      this.#spare = Buffer.from(bytes.buffer, 0, bytes.buffer.byteLength);
    });
  }
}

/** `HBas`, version, authentication method, then the ConnectionHeader as the first frame. */
export function writePreamble(out: ProtoWriter, user: string, service: ServiceName): void {
  out.raw(Buffer.from('HBas', 'latin1'));
  out.raw(Buffer.of(rpcVersion, simpleAuthentication));
  const length = out.skipInt32();
  out.raw(
    protoBytes((header) => {
      const userInfo = header.open(1);
      header.text(1, user);
      header.close(userInfo);
      header.text(2, service);
      header.text(3, cellCodec);
      const version = header.open(5);
      header.text(1, spokenVersion.text);
      for (const required of [2, 3, 4, 5, 6]) header.text(required, '');
      header.uint(7, spokenVersion.major);
      header.uint(8, spokenVersion.minor);
      header.close(version);
    }),
  );
  out.patchInt32(length, out.length - length - 4);
}
