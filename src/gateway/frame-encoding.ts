import type { Change } from '../protocol/message.ts';
import type { Payload, ReplyEncoding } from '../session/device-connection.ts';
import type { FrameKind } from './websocket-frame.ts';

/** What `decode` returns for a frame that holds no value but can be answered: `parse_error`. */
export const unparsable = Symbol('unparsable');
/** What `decode` returns for a frame that cannot be answered at all: close code 4500. */
export const unanswerable = Symbol('unanswerable');

/** How frames of one subprotocol carry JSON-RPC objects. */
export interface FrameEncoding extends ReplyEncoding {
  readonly subprotocol: string;
  readonly frameKind: FrameKind;
  /** The value in a frame, or one of the two symbols above. Never throws. */
  decode(frame: Buffer, isBinary: boolean): unknown;
  /** The push of a change. */
  change(change: Change): Payload;
}
