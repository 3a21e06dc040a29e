import ts from 'typescript';

/** A committed file; `path` is relative to the root of the repository, with forward slashes. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/**
 * A rule about single files. `violations` returns what is wrong, one line each, empty when all is well.
 * `planted` are files that must be found wanting: the test of the rule itself.
 */
export interface HouseRule {
  readonly name: string;
  readonly appliesTo: (path: string) => boolean;
  readonly violations: (file: TextFile) => string[];
  readonly planted: readonly TextFile[];
}

/** G1 to G10, as listed in the README. */
export const guaranteesCount = 10;

const fileLinesMax = 400;
const mainLinesMax = 60;
const architectureLinesMax = 200;

const isCode = (path: string): boolean => /\.(ts|tsx|js|mjs|cjs|css)$/.test(path);
const isTypeScript = (path: string): boolean => /\.tsx?$/.test(path);
const inSource = (path: string): boolean => path.startsWith('src/') && isTypeScript(path);
const isTest = (path: string): boolean => path.startsWith('test/') && isTypeScript(path);
/** This file has to spell out what it forbids. */
const isRuleBook = (path: string): boolean => path === 'test/support/house-rules.ts';
const isText = (path: string): boolean => path !== 'package-lock.json' && !isRuleBook(path);

export const linesOf = (text: string): number => text.replace(/\n$/, '').split('\n').length;

/** Where a pattern occurs, as `line 12: the matched text`. */
function occurrences(text: string, pattern: RegExp): string[] {
  return text.split('\n').flatMap((line, index) => {
    const match = pattern.exec(line);
    return match ? [`line ${index + 1}: ${match[0].trim()}`] : [];
  });
}

function forbid(
  name: string,
  appliesTo: (path: string) => boolean,
  pattern: RegExp,
  planted: readonly TextFile[],
): HouseRule {
  return { name, appliesTo, violations: ({ text }) => occurrences(text, pattern), planted };
}

/** Visits every node of a TypeScript file; collects what the callback says about it. */
function inspect(file: TextFile, about: (node: ts.Node) => string | undefined): string[] {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, false);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const wrong = about(node);
    if (wrong !== undefined) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
      found.push(`line ${line + 1}: ${wrong}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const sizeRules: HouseRule[] = [
  {
    name: `a code file has at most ${fileLinesMax} lines`,
    appliesTo: isCode,
    violations: ({ text }) => (linesOf(text) > fileLinesMax ? [`${linesOf(text)} lines`] : []),
    planted: [{ path: 'src/store/long.ts', text: 'x\n'.repeat(fileLinesMax + 1) }],
  },
  {
    name: `main.ts has fewer than ${mainLinesMax} lines`,
    appliesTo: (path) => path === 'src/main.ts',
    violations: ({ text }) => (linesOf(text) >= mainLinesMax ? [`${linesOf(text)} lines`] : []),
    planted: [{ path: 'src/main.ts', text: 'x\n'.repeat(mainLinesMax) }],
  },
  {
    name: `ARCHITECTURE.md has at most ${architectureLinesMax} lines`,
    appliesTo: (path) => path === 'ARCHITECTURE.md',
    violations: ({ text }) => (linesOf(text) > architectureLinesMax ? [`${linesOf(text)} lines`] : []),
    planted: [{ path: 'ARCHITECTURE.md', text: 'x\n'.repeat(architectureLinesMax + 1) }],
  },
];

const kebabPart = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const vagueWord = /^(utils?|helpers?|managers?|common|misc|stuff)$/;

const nameRules: HouseRule[] = [
  {
    name: 'files and folders are kebab-case',
    appliesTo: (path) => isCode(path) && !path.startsWith('.'),
    violations: ({ path }) =>
      path.split(/[/.]/).flatMap((part) => (part === '' || kebabPart.test(part) ? [] : [part])),
    planted: [
      { path: 'src/store/rowStore.ts', text: '' },
      { path: 'src/Store/row.ts', text: '' },
      { path: 'test/unit/row_key.test.ts', text: '' },
    ],
  },
  {
    name: 'files are named for the noun they export: no drawers, no barrels',
    appliesTo: isCode,
    violations: ({ path }) => {
      const parts = path.split('/');
      const stem = (parts.at(-1) ?? '').split('.')[0] ?? '';
      const vague = [...parts.slice(0, -1), stem]
        .flatMap((part) => part.split('-'))
        .filter((w) => vagueWord.test(w));
      return stem === 'types' || stem === 'index' ? [stem, ...vague] : vague;
    },
    planted: [
      { path: 'src/store/utils.ts', text: '' },
      { path: 'src/store/connection-manager.ts', text: '' },
      { path: 'src/common/row.ts', text: '' },
      { path: 'test/support/test-helpers.ts', text: '' },
      { path: 'src/store/types.ts', text: '' },
      { path: 'src/store/index.ts', text: '' },
    ],
  },
];

/** A `deadline` is not among them: it is a point on the clock of std/time.ts, passed down as it is. */
const quantity = /(timeout|delay|interval|duration|lifetime|ttl|elapsed|latency|age|size)$/i;

/** A number whose name says how long or how big, but not in what. */
function unitless(node: ts.Node): string | undefined {
  if (!ts.isPropertySignature(node) && !ts.isPropertyDeclaration(node) && !ts.isParameter(node))
    return undefined;
  if (node.type?.kind !== ts.SyntaxKind.NumberKeyword || !ts.isIdentifier(node.name)) return undefined;
  const name = node.name.text;
  // `size` of a collection, as in Map and Set, is a count; every other size is of something and has a unit.
  return name !== 'size' && quantity.test(name) ? `${name}: number has no unit` : undefined;
}

const codeRules: HouseRule[] = [
  {
    name: 'no any in src',
    appliesTo: inSource,
    violations: (file) =>
      inspect(file, (node) => (node.kind === ts.SyntaxKind.AnyKeyword ? 'any' : undefined)),
    planted: [
      { path: 'src/store/a.ts', text: 'export const f = (x: any) => x;' },
      { path: 'src/store/b.ts', text: 'export const y = JSON.parse("1") as any;' },
      { path: 'src/store/c.ts', text: 'export const z: Map<string, any[]> = new Map();' },
    ],
  },
  forbid(
    'no way round the compiler or the linter',
    (path) => isCode(path) && !isRuleBook(path),
    /@ts-(ignore|expect-error|nocheck)|eslint-disable|prettier-ignore|v8 ignore|dependency-cruiser-disable/,
    [
      { path: 'src/store/a.ts', text: '// @ts-ignore\nx' },
      { path: 'test/unit/b.test.ts', text: '// @ts-expect-error wrong on purpose\nx' },
      { path: 'scripts/c.ts', text: '/* eslint-disable no-console */' },
    ],
  ),
  {
    name: 'a number that is a time or a size says its unit, last',
    appliesTo: inSource,
    violations: (file) => inspect(file, unitless),
    planted: [
      { path: 'src/store/a.ts', text: 'export interface A { readonly timeout: number }' },
      { path: 'src/store/b.ts', text: 'export function f(retryDelay: number): void {}' },
      { path: 'src/store/c.ts', text: 'class C { idleInterval: number = 1 }' },
    ],
  },
  {
    name: 'relative imports carry their ending',
    appliesTo: isTypeScript,
    violations: (file) =>
      inspect(file, (node) => {
        if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return undefined;
        const from = node.moduleSpecifier;
        if (from === undefined || !ts.isStringLiteral(from) || !from.text.startsWith('.')) return undefined;
        return /\.(ts|tsx|mjs|cjs|json|css)$/.test(from.text) ? undefined : from.text;
      }),
    planted: [
      { path: 'src/store/a.ts', text: "import { b } from './b.js';" },
      { path: 'src/store/b.ts', text: "import type { C } from '../c';" },
    ],
  },
  forbid('nothing is left for later in a comment', isText, /\b(TODO|FIXME|XXX|HACK)\b/, [
    { path: 'src/store/a.ts', text: '// TODO: later' },
    { path: 'docs/runbook.md', text: 'FIXME' },
    { path: 'cluster/b.ts', text: '// XXX' },
  ]),
];

const suiteCall = String.raw`\b(?:describe|it|test|suite)(?:\.\w+)*`;

/** The titles of tests and suites, wherever the line breaks. */
function titles(text: string): string[] {
  const pattern = new RegExp(
    String.raw`${suiteCall}(?:\([^'"\x60]*\))?\(\s*(?:'([^'\n]*)'|"([^"\n]*)"|\x60([^\x60]*)\x60)`,
    'g',
  );
  return Array.from(text.matchAll(pattern), (match) => match[1] ?? match[2] ?? match[3] ?? '');
}

const testRules: HouseRule[] = [
  forbid(
    'no test is singled out or skipped',
    (path) => isTest(path) && !isRuleBook(path),
    /\b(describe|it|test|suite|ctx|context|task)(\.\w+)*\.(only|skip|skipIf|runIf|todo|fails)\b|\b[xf](it|describe)\(/,
    [
      { path: 'test/unit/a.test.ts', text: "it.only('x', () => {});" },
      { path: 'test/unit/b.test.ts', text: "describe.skip('x', () => {});" },
      { path: 'test/unit/c.test.ts', text: "test.concurrent.skipIf(noRedis)('x', () => {});" },
      { path: 'test/unit/d.test.ts', text: 'ctx.skip();' },
      { path: 'test/unit/e.test.ts', text: "xit('x', () => {});" },
    ],
  ),
  {
    name: `guarantees in test titles are G1 to G${guaranteesCount}`,
    appliesTo: (path) => isTest(path) && !isRuleBook(path),
    violations: ({ text }) =>
      titles(text).filter((title) =>
        Array.from(title.matchAll(/\bG(\d+)\b/g), (match) => Number(match[1])).some(
          (n) => n < 1 || n > guaranteesCount,
        ),
      ),
    planted: [
      { path: 'test/unit/a.test.ts', text: "it('G11: flies', () => {});" },
      { path: 'test/unit/b.test.ts', text: "describe.each([1, 2])(\n  'G0 and G1: %i',\n  () => {});" },
      { path: 'test/unit/c.test.ts', text: 'test.concurrent(`G99: ${x}`, async () => {});' },
    ],
  },
];

const originRules: HouseRule[] = [
  forbid(
    'no path of one machine',
    isText,
    /(?<![\w.}*])\/(work|home|root|Users)\/[\w.]|\b[A-Z]:\\\\?Users\b|\.\.\/shared\b/,
    [
      { path: 'src/store/a.ts', text: "const dir = '/home/someone/data';" },
      { path: 'docs/a.md', text: 'see ../shared/notes.md' },
      { path: 'scripts/b.ts', text: 'open("/work/x")' },
    ],
  ),
  forbid(
    'no host of a package registry',
    isText,
    /\b(registry\.[\w-]+\.(com|org|net|io|dev)|repo1?\.maven\.\w+|npmjs\.(org|com)|unpkg\.com|jsdelivr\.net|esm\.sh|deb\.debian\.org|pypi\.org|proxy\.golang\.org)\b|^\s*registry\s*=/,
    [
      { path: '.npmrc', text: 'registry=http://10.0.0.1:4873/' },
      { path: 'cluster/hbase/a.ts', text: "const from = 'https://repo.maven.apache.org/maven2';" },
      { path: 'src/web/a.ts', text: "import 'https://unpkg.com/preact';" },
    ],
  ),
  forbid(
    'the lock file names no host',
    (path) => path === 'package-lock.json',
    /"resolved":\s*"[a-z+]+:.*"/,
    [{ path: 'package-lock.json', text: '      "resolved": "https://somewhere/x.tgz",' }],
  ),
];

const readmeRule: HouseRule = {
  name: 'the README says how to start and how to test',
  appliesTo: (path) => path === 'README.md',
  violations: ({ text }) => ['npm start', 'npm test'].filter((command) => !text.includes(command)),
  planted: [{ path: 'README.md', text: 'Run npm start.' }],
};

export const houseRules: readonly HouseRule[] = [
  ...sizeRules,
  ...nameRules,
  ...codeRules,
  ...testRules,
  ...originRules,
  readmeRule,
];
