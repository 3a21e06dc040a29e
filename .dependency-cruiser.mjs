// The arrows of ARCHITECTURE.md: for each room of src/, the rooms it may import. Type-only imports count.

/** Low to high. Rooms on one line are siblings and do not see each other. */
const storeys = [
  ['telemetry', 'config', 'row'],
  ['protocol'],
  ['ring'],
  ['conversation'],
  ['mailbox', 'group'],
  ['actor'],
  ['store', 'membership', 'peer'],
  ['router'],
  ['presence'],
  ['handoff'],
  ['session'],
  ['gateway'],
  ['admin'],
];

/** Rows are the business of the mailbox and of what stands above it, not of the wire or of the ring. */
const blindToRows = ['protocol', 'ring'];

const below = (storey) => ['std', ...storeys.slice(0, storey).flat()];
const mayImport = new Map([['std', []]]);
storeys.forEach((rooms, storey) => {
  for (const room of rooms) {
    mayImport.set(
      room,
      storey === 0 ? ['std'] : below(storey).filter((low) => low !== 'row' || !blindToRows.includes(room)),
    );
  }
});

// Rooms beside the spine.
mayImport.set('hbase', ['std']);
mayImport.get('store').push('hbase');
mayImport.set('accounts', ['std', 'row', 'config', 'telemetry', 'protocol', 'router']);
mayImport.set('push', ['std', 'config', 'telemetry', 'protocol', 'router']);
for (const room of ['session', 'gateway', 'admin']) mayImport.get(room).push('accounts');

// Outside the server. They know the wire; of admin only its types (see the rule below).
mayImport.set('client', ['std', 'config', 'protocol', 'admin']);
mayImport.set('web', ['std', 'config', 'protocol', 'admin', 'client']);
mayImport.set('cli', ['std', 'config', 'protocol', 'admin', 'client', 'node.ts']);

// Single files at the top: a node without its doors for clients, and what Prometheus and the log hear of it.
const withoutDoors = [
  'std',
  'row',
  'protocol',
  'ring',
  'conversation',
  'mailbox',
  'actor',
  'membership',
  'peer',
  'router',
  'presence',
  'handoff',
];
mayImport.set('member-node.ts', withoutDoors);
mayImport.set('member-metrics.ts', ['telemetry', 'push', 'member-node.ts']);
mayImport.set('member-events.ts', ['telemetry', 'membership', 'peer', 'handoff', 'member-node.ts']);
const outside = ['client', 'web', 'cli'];
mayImport.set(
  'node.ts',
  [...mayImport.keys()].filter((room) => !outside.includes(room)),
);
mayImport.set('main.ts', ['std', 'config', 'telemetry', 'cli', 'node.ts']);

const path = (room) => (room.endsWith('.ts') ? `^src/${room.replace('.', '[.]')}$` : `^src/${room}/`);
const known = [...mayImport.keys()];

const arrows = known.map((room) => ({
  name: `arrow-${room}`,
  severity: 'error',
  comment: `src/${room} may import ${mayImport.get(room).join(', ') || 'no other room'}.`,
  from: { path: path(room) },
  to: { path: '^src/', pathNot: [room, ...mayImport.get(room)].map(path) },
}));

const inputOutput =
  '^(node:)?(fs|net|tls|http|https|http2|dgram|dns|child_process|worker_threads|cluster|timers)(/|$)';

export default {
  forbidden: [
    ...arrows,
    {
      name: 'unknown-room',
      severity: 'error',
      comment: 'A room of src/ has its place in the order at the top of .dependency-cruiser.mjs.',
      from: { path: '^src/', pathNot: known.map(path) },
      to: {},
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'src-stands-alone',
      severity: 'error',
      comment: 'What runs in production imports nothing that builds, tests or deploys it.',
      from: { path: '^src/' },
      to: { path: '^(cluster|test|scripts)/' },
    },
    {
      name: 'torture-knows-nothing',
      severity: 'error',
      comment:
        'Its clients and its checker are written from the protocol: a mistake of the sources must not be theirs.',
      from: { path: '^scripts/torture/' },
      to: { path: '^src/' },
    },
    {
      name: 'admin-types-only',
      severity: 'error',
      comment: 'Clients know the shapes of the control API, not its code.',
      from: { path: outside.map(path) },
      to: { path: path('admin'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'pure-step',
      severity: 'error',
      comment: 'The step of a mailbox or group, the vocabulary of rows and the ring do no input or output.',
      from: { path: ['conversation', 'mailbox', 'group', 'row', 'ring', 'protocol'].map(path) },
      to: { path: [inputOutput, '/node_modules/(ws|hono|ioredis|lmdb|pino|prom-client)/'] },
    },
    {
      name: 'no-dev-dependency',
      severity: 'error',
      from: { path: '^src/', pathNot: '[.]d[.]ts$' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: '/node_modules/@types/',
      },
    },
    {
      name: 'not-declared',
      severity: 'error',
      comment: 'A package that is imported is in package.json, not there by accident of another one.',
      from: { path: '^(src|test|cluster|scripts)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'not-resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage|[.]data|[.]cache)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json', '.d.ts'],
    },
  },
};
