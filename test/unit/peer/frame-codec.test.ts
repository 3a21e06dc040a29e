import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packNote, packReply, packRequest, unpackFrame } from '../../../src/peer/frame-codec.ts';
import type { FrameContent, PeerFrame } from '../../../src/peer/frame-codec.ts';
import { FrameReader } from '../../../src/peer/frame-reader.ts';
import { FrameWriter } from '../../../src/peer/frame-writer.ts';
import { PeerFault } from '../../../src/peer/peer-fault.ts';
import type { PeerReply } from '../../../src/peer/peer-request.ts';

const seq = 0x1_0000_0002;

function written(write: (out: FrameWriter) => void): Buffer {
  const out = new FrameWriter();
  write(out);
  return out.take();
}

const numbered = (content: FrameContent, remainingMs?: number): Buffer =>
  written((out) => out.numbered(seq, content, remainingMs));

/** Frames of a stream that comes in pieces. */
function read(stream: Buffer, pieces: readonly number[] = [], frameBytesMax = 10_000): PeerFrame[] {
  const frames: PeerFrame[] = [];
  const reader = new FrameReader(frameBytesMax, (bytes, start, end) =>
    frames.push(unpackFrame(bytes, start, end)),
  );
  let at = 0;
  for (let turn = 0; at < stream.length; turn++) {
    const piece = Buffer.from(stream.subarray(at, at + (pieces[turn] ?? stream.length)));
    at += piece.length;
    reader.push(piece, piece.length);
    piece.fill(0xee);
  }
  return frames;
}

const note = { epoch: 7, to: 'u-bob', body: ['hi', 1] };
const refused: PeerReply = {
  kind: 'refused',
  error: 'overloaded',
  message: 'no',
  details: { retryAfterMs: 9 },
};

describe('frames on the wire, version 1', () => {
  const golden: readonly [string, Buffer, string, PeerFrame][] = [
    [
      'request',
      numbered(packRequest(3, note), 1234.5),
      '0000001e' + '9401cf0000000100000002ce000004d3' + '940307a5752d626f6292a2686901',
      { kind: 'request', seq, id: 3, remainingMs: 1235, request: note },
    ],
    [
      'note',
      numbered(packNote(note)),
      '00000018' + '9302cf0000000100000002' + '9307a5752d626f6292a2686901',
      { kind: 'note', seq, note },
    ],
    [
      'ok',
      numbered(packReply(3, { kind: 'ok', body: { a: null } })),
      '00000013' + '9303cf0000000100000002' + '9203de0001a161c0',
      { kind: 'reply', seq, id: 3, reply: { kind: 'ok', body: { a: null } } },
    ],
    [
      'wrongOwner',
      numbered(packReply(3, { kind: 'wrongOwner', epoch: 8 })),
      '0000000e' + '9304cf0000000100000002' + '920308',
      { kind: 'reply', seq, id: 3, reply: { kind: 'wrongOwner', epoch: 8 } },
    ],
    [
      'refused',
      numbered(packReply(3, refused)),
      '0000002c' +
        '9305cf0000000100000002' +
        '9403aa6f7665726c6f61646564a26e6fde0001ac726574727941667465724d7309',
      { kind: 'reply', seq, id: 3, reply: refused },
    ],
    [
      'acknowledge',
      written((out) => out.acknowledge(seq)),
      '0000000b' + '9206cf0000000100000002',
      { kind: 'acknowledge', received: seq },
    ],
    [
      'goodbye',
      written((out) => out.goodbye('stopping', 'bye')),
      '00000008' + '930705d903627965',
      { kind: 'goodbye', code: 'stopping', text: 'bye' },
    ],
  ];

  it.each(golden)('%s', (_name, bytes, hex, frame) => {
    expect(bytes.toString('hex')).toBe(hex);
    expect(read(bytes)).toEqual([frame]);
  });

  it('come out the same, whatever pieces they come in', () => {
    const stream = Buffer.concat(golden.map(([, bytes]) => bytes));
    const frames = golden.map(([, , , frame]) => frame);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 })), (pieces) => {
        expect(read(stream, pieces)).toEqual(frames);
      }),
    );
  });

  it('an error kind that is not known here is an internal one', () => {
    const bytes = Buffer.from('00000017' + '9305cf0000000000000001' + '9401a86d795f6572726f72a0c0', 'hex');
    bytes.writeUInt32BE(bytes.length - 4, 0);
    expect(read(bytes)).toMatchObject([{ reply: { kind: 'refused', error: 'internal' } }]);
  });

  it('a late request is sent with nothing left', () => {
    expect(read(numbered(packRequest(3, note), -5))).toMatchObject([{ remainingMs: 0 }]);
  });
});

describe('what is no frame', () => {
  it.each([
    ['an empty frame', '00000000'],
    ['a frame above the limit', '00002711'],
    ['the start of an HTTP request', Buffer.from('GET / HTTP/1.1\r\n').toString('hex')],
    ['a tag that is not known', '00000003' + '926301'],
    ['no array', '00000001' + '05'],
    ['a request without content', '00000003' + '920101'],
    ['an array that claims four billion items', '00000005' + 'ddffffffff'],
    ['text that is cut short', '00000002' + 'd9ff'],
    ['a negative number', '00000003' + '9206ff'],
  ])('%s is a fault of the protocol', (_name, hex) => {
    expect(() => read(Buffer.from(hex, 'hex'))).toThrow(PeerFault);
  });

  it('any bytes are frames or a fault, nothing else', () => {
    const frameLike = fc.tuple(
      fc.constantFrom(0x92, 0x93, 0x94),
      fc.nat(9),
      fc.uint8Array({ maxLength: 40 }),
    );
    const payload = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      frameLike.map(([head, tag, rest]) => Uint8Array.of(head, tag, ...rest)),
    );
    fc.assert(
      fc.property(payload, (bytes) => {
        const frame = Buffer.concat([Buffer.alloc(4), bytes]);
        frame.writeUInt32BE(bytes.length, 0);
        try {
          read(frame);
        } catch (error) {
          expect(error).toBeInstanceOf(PeerFault);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
