import { WebSocket } from 'ws';
import { closeCodes } from '../protocol/close-code.ts';

/** The codes with which ws ends a connection by itself, and ours for the same. */
const ownCodes = new Map<number, number>([
  [1002, closeCodes.badFrame],
  [1003, closeCodes.badFrame],
  [1007, closeCodes.badFrame],
  [1008, closeCodes.badFrame],
  [1009, closeCodes.tooLarge],
]);

/** A server-side WebSocket that ends with the protocol's close codes where ws would use those of RFC 6455. */
export class ClientSocket extends WebSocket {
  override close(code?: number, data?: string | Buffer): void {
    const reason = code === 1009 ? 'frame too large' : data;
    super.close(code === undefined ? undefined : (ownCodes.get(code) ?? code), reason);
  }
}
