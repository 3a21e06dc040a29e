import { callList, everyCallErrors } from '../../src/protocol/call-list.ts';
import { closeCodes } from '../../src/protocol/close-code.ts';
import type { Change } from '../../src/protocol/message.ts';
import { pushList } from '../../src/protocol/shape-schemas.ts';
import { transports } from './protocol-stand.ts';
import type { Transport } from './protocol-stand.ts';

interface Elsewhere {
  readonly place: string;
  readonly why: string;
}

const fullList = {
  place: 'test/unit/actor/people.test.ts',
  why: 'a list of contacts is full with 5,000 people, who would all have to be registered',
};

/** What three nodes cannot be brought to within a test, or what there is not; where it is shown instead. */
const elsewhere = new Map<string, Elsewhere>([
  ['addContact forbidden', fullList],
  ['blockUser forbidden', fullList],
  [
    'any call overloaded',
    {
      place: 'test/unit/session/call-desk.test.ts, test/unit/actor/limits.test.ts',
      why: 'a node has to be brought to its limits: 2,048 calls under way on a connection, or a mailbox with a full queue',
    },
  ],
  ['any call internal', { place: 'test/wire/limits.test.ts', why: 'it takes a mistake in the code' }],
  [
    'frame parse_error msgpack',
    {
      place: 'close code 4500',
      why: 'what is no MessagePack cannot be told from the middle of something: the connection ends',
    },
  ],
]);

function elsewhereOf({ what, outcome }: Row, transport: Transport): Elsewhere | undefined {
  return elsewhere.get(`${what} ${outcome}`) ?? elsewhere.get(`${what} ${outcome} ${transport}`);
}

export const changeKinds: readonly string[] = Object.keys({
  message: true,
  edited: true,
  deleted: true,
  read: true,
  contact: true,
  receipt: true,
  conversation: true,
} satisfies Record<Change['kind'], true>);

/** What belongs to sessions and frames, not to one call; over HTTP some of it has no counterpart. */
const sessionRows = [
  [
    'session.open',
    [
      ...['good', 'good since', 'moved', 'unauthenticated', 'invalid_params', 'invalid_request'],
      'rate_limited',
    ],
  ],
  ['close code', Object.values(closeCodes).map(String)],
] as const;
const frameRows = [
  ['frame', ['parse_error', 'invalid_request', 'method_not_found', 'too_large', 'batch', 'notification']],
] as const;
const httpRows = [
  ['POST /v1/users', ['good', 'conflict', 'invalid_params', 'parse_error', 'too_large', 'rate_limited']],
  [
    'POST /v1/sessions',
    ['good', 'unauthenticated', 'invalid_params', 'parse_error', 'too_large', 'rate_limited'],
  ],
  ['GET /v1/changes', ['good', 'good reset', 'unauthenticated', 'invalid_params']],
  ['GET /v1/events', ['good', 'good reset', 'unauthenticated', 'invalid_params']],
] as const;

interface Row {
  readonly what: string;
  readonly outcome: string;
  readonly transports: readonly Transport[];
}

const sockets = ['json', 'msgpack'] as const;

function rowsOf(
  table: readonly (readonly [string, readonly string[]])[],
  over: readonly Transport[],
): readonly Row[] {
  return table.flatMap(([what, outcomes]) =>
    outcomes.map((outcome) => ({ what, outcome, transports: over })),
  );
}

const calls = Object.entries(callList).map(([method, { errors }]) => [method, ['good', ...errors]] as const);

const sections: readonly (readonly [string, readonly Row[]])[] = [
  ['Calls', rowsOf(calls, transports)],
  ['What any call may fail with', rowsOf([['any call', everyCallErrors]], transports)],
  ['Changes, pushed and read', rowsOf([['change', changeKinds]], transports)],
  ['Pushes', rowsOf([['push', Object.keys(pushList)]], sockets)],
  ['Sessions', rowsOf(sessionRows, sockets)],
  ['Frames and bodies', rowsOf(frameRows, transports)],
  ['HTTP', rowsOf(httpRows, ['http'])],
];

/** What was seen: a call (or what stands for one), its outcome, and the way it was asked. */
export class ProtocolCoverage {
  readonly #seen = new Set<string>();

  note(what: string, outcome: string, transport: Transport): void {
    this.#seen.add(`${what} ${outcome} ${transport}`);
  }

  /** Rows of the protocol without a case. */
  missing(): readonly string[] {
    return sections
      .flatMap(([, rows]) => rows)
      .flatMap((row) =>
        row.transports
          .filter((transport) => elsewhereOf(row, transport) === undefined)
          .map((transport) => `${row.what} ${row.outcome} ${transport}`),
      )
      .filter((combination) => !this.#seen.has(combination));
  }

  /** The table of docs/protocol-coverage.md, before it is formatted. */
  markdown(): string {
    return [
      '# What the wire tests show',
      '<!-- Written by test/wire/protocol-coverage.test.ts out of what its run has seen; `npm run coverage` renews it. -->',
      'Every call of the protocol, the good case and each error of its own, and what any call may fail with: asked of ' +
        'three nodes on the embedded store, by WebSocket in both subprotocols and over HTTP. The one who asks, the one ' +
        'who is asked about and the node that takes HTTP are on three different nodes. All that comes back is held ' +
        'against the schemas of [docs/api](api). A row without its cases fails the test.',
      ...sections.map(([title, rows]) => `## ${title}\n\n${this.#table(rows)}`),
      '## Why not here',
      [...elsewhere].map(([row, { place, why }]) => `- ${row} (${place}): ${why}.`).join('\n'),
    ].join('\n\n');
  }

  #table(rows: readonly Row[]): string {
    return [
      `| | | ${transports.join(' | ')} |`,
      '| --- | --- | --- | --- | --- |',
      ...rows.map((row) => {
        const { what, outcome } = row;
        const cells = transports.map((transport) => {
          if (this.#seen.has(`${what} ${outcome} ${transport}`)) return 'yes';
          if (!row.transports.includes(transport)) return '';
          const other = elsewhereOf(row, transport);
          return other === undefined ? '**no**' : `in ${other.place}`;
        });
        return `| \`${what}\` | ${outcome} | ${cells.join(' | ')} |`;
      }),
    ].join('\n');
  }
}
