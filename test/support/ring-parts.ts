import type { Member } from '../../src/ring/member.ts';
import { RingView } from '../../src/ring/ring-view.ts';

/** Node `n<number>`; another `start` is another incarnation of it. */
export function memberOf(number: number, parts: Partial<Member> & { readonly start?: number } = {}): Member {
  const { start = 0, ...rest } = parts;
  return {
    nodeId: `n${number}`,
    incarnation: incarnationOf(number, start).toString('hex'),
    weight: 100,
    clientUrl: `ws://127.0.0.1:${7400 + number}`,
    peerAddress: `127.0.0.1:${7600 + number}`,
    ...rest,
  };
}

export function incarnationOf(number: number, start = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(number, 0);
  bytes.writeUInt32BE(start, 4);
  return bytes;
}

export function viewIdOf(number: number): string {
  return number.toString(16).padStart(16, '0');
}

export function viewOf(epoch: number, members: readonly Member[]): RingView {
  return new RingView({ epoch, viewId: viewIdOf(epoch), members });
}
