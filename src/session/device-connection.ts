import type { CloseCode } from '../protocol/close-code.ts';
import type { RequestId } from '../protocol/json-rpc.ts';
import type { Change } from '../protocol/message.ts';
import type { Refusal } from '../protocol/protocol-error.ts';
import type { ChangeBatch } from '../router/mailbox-port.ts';

/** One encoded JSON-RPC message (or batch of them): text or bytes, as the encoding has it. */
export type Payload = string | Uint8Array;

/** How replies become payloads in one subprotocol. */
export interface ReplyEncoding {
  result(id: RequestId, method: string, result: object): Payload;
  error(id: RequestId, refusal: Refusal): Payload;
  /** A push: a notification of the server. */
  push(method: string, params: object): Payload;
  /** Several replies as one message. */
  batch(replies: readonly Payload[]): Payload;
}

/** Where replies go. */
export interface ReplyOutlet {
  readonly encoding: ReplyEncoding;
  send(payload: Payload): void;
  /** False while enough waits for the socket: reads are not started then. */
  hasRoom(): boolean;
  /** Many calls are under way: read no more from the client until told otherwise. */
  setBusy(busy: boolean): void;
  close(code: CloseCode, reason: string): void;
}

/** Where changes of the feed go. */
export interface FeedSink {
  /** Writes the whole batch and returns true, or, without room for it, writes nothing. */
  pushBatch(batch: ChangeBatch): boolean;
  pushChange(change: Change): boolean;
}

/** The device's end of a session, as far as the session needs to know it. */
export interface DeviceConnection extends ReplyOutlet, FeedSink {
  /** How long the device has given no sign of life or taken no data, ms. */
  quietMs(): number;
  /** The session is open: the device has said who it is. */
  opened(): void;
}
