import type { Change } from '../protocol/message.ts';
import type { ChangeBatch } from '../router/mailbox-port.ts';
import type { FrameEncoding } from './frame-encoding.ts';
import { framesOf } from './websocket-frame.ts';

/**
 * Changes as frames of one subprotocol, encoded once for all of a user's devices: a commit is heard by all of them
 * one after the other, so remembering the last one is enough.
 */
export class PushFrames {
  readonly #encoding: FrameEncoding;
  #batch: ChangeBatch | undefined;
  #frames: Buffer = Buffer.alloc(0);

  constructor(encoding: FrameEncoding) {
    this.#encoding = encoding;
  }

  ofBatch(batch: ChangeBatch): Buffer {
    if (batch === this.#batch) return this.#frames;
    const { frameKind } = this.#encoding;
    this.#frames = framesOf(
      frameKind,
      batch.changes.map((change) => this.#encoding.change(change)),
    );
    this.#batch = batch;
    return this.#frames;
  }

  ofChange(change: Change): Buffer {
    return framesOf(this.#encoding.frameKind, [this.#encoding.change(change)]);
  }
}
