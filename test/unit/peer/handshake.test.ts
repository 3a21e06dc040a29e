import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AcceptorHandshake, DialerHandshake } from '../../../src/peer/handshake.ts';
import type { Greeted, HandshakeContext } from '../../../src/peer/handshake.ts';
import { encodeRefusal } from '../../../src/peer/handshake-codec.ts';
import type { Attachment } from '../../../src/peer/handshake-codec.ts';
import { PeerFault } from '../../../src/peer/peer-fault.ts';
import { clusterSecret, countedEntropy } from '../../support/peer-rig.ts';

const terms = { frameBytesMax: 1000, windowFramesMax: 20, windowBytesMax: 30_000 };
const offered: Attachment = { terms, channel: 5, received: 41 };
const granted: Attachment = { terms: { ...terms, windowFramesMax: 99 }, channel: 6, received: 17 };

function contextOf(nodeId: string, overrides: Partial<HandshakeContext> = {}): HandshakeContext {
  return {
    self: { nodeId, incarnation: `${nodeId}-start` },
    secret: clusterSecret,
    entropy: countedEntropy(),
    ...overrides,
  };
}

const dialerOf = (overrides: Partial<HandshakeContext> = {}, wanted = 'n2'): DialerHandshake =>
  new DialerHandshake(contextOf('n1', overrides), wanted, () => offered);

interface Outcome {
  readonly frames: readonly Buffer[];
  readonly seenByDialer: Greeted;
  readonly seenByAcceptor: Greeted;
}

function sent(step: { kind: string; frame?: Buffer }): Buffer {
  if (step.frame === undefined) throw new Error(`nothing to send after ${step.kind}`);
  return step.frame;
}

/** A whole handshake; `meddle` may change any of the four frames on its way. */
function shake(
  dialer: DialerHandshake,
  acceptor: AcceptorHandshake,
  meddle = (frame: Buffer, _index: number): Buffer => frame,
): Outcome {
  const hello = meddle(dialer.hello(), 0);
  const challenge = meddle(sent(acceptor.receive(hello)), 1);
  const proof = meddle(sent(dialer.receive(challenge)), 2);
  const proven = acceptor.receive(proof);
  if (proven.kind !== 'proven') throw new Error('not proven');
  const welcome = meddle(acceptor.welcome(granted), 3);
  const welcomed = dialer.receive(welcome);
  if (welcomed.kind !== 'welcome') throw new Error('not welcome');
  return { frames: [hello, challenge, proof, welcome], seenByDialer: welcomed, seenByAcceptor: proven };
}

/** The code of the fault that ends the handshake. */
function faultOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof PeerFault) return error.code;
    throw error;
  }
  return 'none';
}

describe('handshake', () => {
  it('tells each side who the other is, and what it offers', () => {
    const { seenByDialer, seenByAcceptor } = shake(dialerOf(), new AcceptorHandshake(contextOf('n2')));
    expect(seenByDialer).toMatchObject({
      peer: { nodeId: 'n2', incarnation: 'n2-start' },
      version: 2,
      ...granted,
    });
    expect(seenByAcceptor).toMatchObject({
      peer: { nodeId: 'n1', incarnation: 'n1-start' },
      version: 2,
      ...offered,
    });
  });

  it('fails as `secret` where the secrets differ', () => {
    const acceptor = new AcceptorHandshake(contextOf('n2', { secret: Buffer.alloc(32, 8) }));
    expect(faultOf(() => shake(dialerOf(), acceptor))).toBe('secret');
  });

  it('a dialer does not believe an acceptor that only lets everybody in', () => {
    const dialer = dialerOf();
    const acceptor = new AcceptorHandshake(contextOf('n2'));
    dialer.receive(sent(acceptor.receive(dialer.hello())));
    const impostor = new AcceptorHandshake(contextOf('n2', { secret: Buffer.alloc(32) }));
    expect(faultOf(() => dialer.receive(impostor.welcome(granted)))).toBe('secret');
  });

  it('a recorded handshake opens no second connection', () => {
    const entropy = countedEntropy();
    const first = shake(dialerOf(), new AcceptorHandshake(contextOf('n2', { entropy })));
    const again = new AcceptorHandshake(contextOf('n2', { entropy }));
    const [hello, , proof] = first.frames;
    again.receive(hello!);
    expect(faultOf(() => again.receive(proof!))).toBe('secret');
  });

  it('a proof of one direction is none in the other', () => {
    const { frames } = shake(dialerOf(), new AcceptorHandshake(contextOf('n2')));
    const dialer = dialerOf();
    dialer.hello();
    const proof = sent(dialer.receive(frames[1]!));
    const reflected = Buffer.from(proof);
    reflected[0] = 4; // the tag of a welcome
    expect(faultOf(() => dialer.receive(reflected))).toBe('secret');
  });

  it('chooses the greatest version that both speak', () => {
    const dialer = dialerOf({ versions: { min: 1, max: 3 } });
    const acceptor = new AcceptorHandshake(contextOf('n2', { versions: { min: 2, max: 7 } }));
    expect(shake(dialer, acceptor).seenByDialer.version).toBe(3);
  });

  it.each([
    [
      { min: 1, max: 2 },
      { min: 3, max: 4 },
    ],
    [
      { min: 3, max: 4 },
      { min: 1, max: 2 },
    ],
  ])('fails as `version` between %o and %o', (ours, theirs) => {
    const acceptor = new AcceptorHandshake(contextOf('n2', { versions: theirs }));
    expect(faultOf(() => shake(dialerOf({ versions: ours }), acceptor))).toBe('version');
  });

  it('a dialer refuses a version that it does not speak', () => {
    const acceptor = new AcceptorHandshake(contextOf('n2'));
    const dialer = dialerOf({ versions: { min: 1, max: 1 } });
    const challenge = sent(acceptor.receive(dialer.hello()));
    challenge[5] = 2;
    expect(faultOf(() => dialer.receive(challenge))).toBe('version');
  });

  it('fails as `wrongNode` where another node listens than the one that is wanted', () => {
    const acceptor = new AcceptorHandshake(contextOf('n2'));
    expect(faultOf(() => acceptor.receive(dialerOf({}, 'n3').hello()))).toBe('wrongNode');
    const dialer = dialerOf({}, 'n3');
    const challenge = sent(new AcceptorHandshake(contextOf('n2')).receive(dialerOf().hello()));
    expect(faultOf(() => dialer.receive(challenge))).toBe('wrongNode');
  });

  it('passes on the reason of a refusal', () => {
    const refusal = encodeRefusal({ code: 'busy', text: 'come back later' });
    const dialer = dialerOf();
    dialer.hello();
    expect(() => dialer.receive(refusal)).toThrow('come back later');
  });

  it('no byte of it can be changed, cut off or added', () => {
    const meddled = fc.record({
      index: fc.nat(3),
      at: fc.nat(200),
      change: fc.oneof(
        fc.record({ kind: fc.constant('flip' as const), bits: fc.integer({ min: 1, max: 255 }) }),
        fc.record({ kind: fc.constant('cut' as const), bits: fc.constant(0) }),
        fc.record({ kind: fc.constant('add' as const), bits: fc.nat(255) }),
      ),
    });
    fc.assert(
      fc.property(meddled, ({ index, at, change }) => {
        const meddle = (frame: Buffer, current: number): Buffer => {
          if (current !== index) return frame;
          const changed = Buffer.from(frame);
          const position = at % frame.length;
          if (change.kind === 'cut') return changed.subarray(0, position);
          if (change.kind === 'add') return Buffer.concat([changed, Buffer.of(change.bits)]);
          changed[position] = (changed[position] ?? 0) ^ change.bits;
          return changed;
        };
        const fault = faultOf(() => shake(dialerOf(), new AcceptorHandshake(contextOf('n2')), meddle));
        expect(fault).not.toBe('none');
      }),
      { numRuns: 1000 },
    );
  });
});

describe('handshake on the wire, version 1', () => {
  const versions = { min: 1, max: 1 };
  const { frames } = shake(dialerOf({ versions }), new AcceptorHandshake(contextOf('n2', { versions })));
  // The proofs were computed by another program, after docs/wire-peer.md.
  const nonce = `00000001${'01'.repeat(28)}`;
  it.each([
    ['hello', 0, `4d52504c010101${nonce}026e31086e312d7374617274026e32`],
    ['challenge', 1, `4d52504c0201${nonce}026e32086e322d7374617274`],
    [
      'proof',
      2,
      '03000003e800000014000075300000000000050000000000294756d134f4c319c4f08b578c383e125f111a7618611bd78640362152ced1ee3d',
    ],
    [
      'welcome',
      3,
      '04000003e80000006300007530000000000006000000000011c95c1f3abad103ebaafcf28fedae701c98f08cae27a472fac09185849767c397',
    ],
  ])('%s', (_name, index, golden) => {
    expect(frames[index]?.toString('hex')).toBe(golden);
  });

  it('is what a peer of the first release and one of this agree on', () => {
    const toOlder = shake(dialerOf(), new AcceptorHandshake(contextOf('n2', { versions })));
    const ofOlder = shake(dialerOf({ versions }), new AcceptorHandshake(contextOf('n2')));
    expect([toOlder.seenByDialer.version, ofOlder.seenByAcceptor.version]).toEqual([1, 1]);
    expect(ofOlder.frames).toEqual(frames);
  });

  it('refusal', () => {
    expect(encodeRefusal({ code: 'stopping', text: 'bye' }).toString('hex')).toBe('050503627965');
  });
});
