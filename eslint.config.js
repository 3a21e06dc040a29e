// House rules that need types or syntax. What needs only text (names, sizes, forbidden words) is in
// test/unit/tidy.test.ts; who may import whom is in .dependency-cruiser.mjs.
import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const functionLinesMax = 70;
const fileLinesMax = 400;

const isDescribe = (node) => {
  if (node?.type !== 'CallExpression') return false;
  let callee = node.callee; // describe(…), describe.each(…)(…), describe.runIf(…)(…)
  while (callee.type === 'CallExpression' || callee.type === 'MemberExpression') {
    callee = callee.type === 'CallExpression' ? callee.callee : callee.object;
  }
  return callee.type === 'Identifier' && callee.name === 'describe';
};

/** A `describe` block, or a function that lays one out (a contract suite), is a table of contents, not a function. */
const isSuite = (node) =>
  isDescribe(node.parent) ||
  (node.body.type === 'BlockStatement' &&
    node.body.body.some((line) => line.type === 'ExpressionStatement' && isDescribe(line.expression)));

const house = {
  rules: {
    'function-length': {
      meta: {
        type: 'suggestion',
        schema: [],
        messages: { long: 'Function has {{lines}} lines; at most {{max}}.' },
      },
      create(context) {
        const check = (node) => {
          const lines = node.loc.end.line - node.loc.start.line + 1;
          if (lines <= functionLinesMax || isSuite(node)) return;
          context.report({ node, messageId: 'long', data: { lines, max: functionLinesMax } });
        };
        return { FunctionDeclaration: check, FunctionExpression: check, ArrowFunctionExpression: check };
      },
    },
  },
};

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: the file is named for the noun it exports.',
};
const noBarrel = {
  selector: 'ExportAllDeclaration',
  message: 'No barrels: import from the file that defines it.',
};
const ambient = (selector, instead) => ({ selector, message: `Time and chance are arguments: ${instead}.` });
const ambientTimeAndChance = [
  ambient(
    'CallExpression[callee.object.name="Date"][callee.property.name="now"]',
    'take the Time of src/std',
  ),
  ambient(
    'CallExpression[callee.object.name="performance"][callee.property.name="now"]',
    'take the Time of src/std',
  ),
  ambient('NewExpression[callee.name="Date"][arguments.length=0]', 'take the Time of src/std'),
  ambient('CallExpression[callee.object.name="Math"][callee.property.name="random"]', 'take a random source'),
  ambient(
    'CallExpression[callee.object.name="AbortSignal"][callee.property.name="timeout"]',
    'take the Time of src/std',
  ),
];
const timers = ['setTimeout', 'setInterval', 'setImmediate'];
const onlyDoor = 'src/std/time.ts is the only door to timers, so that the simulator can own time.';
const noAmbientEnvironment = {
  selector: 'MemberExpression[object.name="process"][property.name="env"]',
  message: 'Settings come through src/config; only the command line reads the environment.',
};

/** The files that stand at the edge and hand the real clock, chance and environment to the rest. */
const edges = ['src/std/**', 'src/cli/**', 'src/main.ts', 'src/node.ts'];

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '.data/', '.cache/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' }, plugins: { house } },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.ts'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { requireDefaultForNonUnion: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/strict-void-return': 'off', // says again what no-misused-promises says
      '@typescript-eslint/no-unused-vars': [
        'error',
        {
          argsIgnorePattern: '^_',
          varsIgnorePattern: '^_',
          destructuredArrayIgnorePattern: '^_',
          ignoreRestSiblings: true,
        },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNever: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // An implementation of an asynchronous port (memory store, fake clock) need not wait for anything.
      '@typescript-eslint/require-await': 'off',
      // `return promise` outside try is as good and shorter; inside try it has to be awaited.
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    rules: {
      'max-lines': ['error', { max: fileLinesMax }],
      'house/function-length': 'error',
      'no-restricted-syntax': ['error', noDefaultExport, noBarrel],
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'object-shorthand': 'error',
      'no-duplicate-imports': ['error', { allowSeparateTypeImports: true }],
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    ignores: edges,
    rules: {
      'no-console': 'error',
      'no-restricted-globals': ['error', ...timers.map((name) => ({ name, message: onlyDoor }))],
      'no-restricted-imports': [
        'error',
        ...['timers', 'node:timers', 'timers/promises', 'node:timers/promises'],
      ],
      'no-restricted-syntax': [
        'error',
        noDefaultExport,
        noBarrel,
        ...ambientTimeAndChance,
        noAmbientEnvironment,
      ],
    },
  },
  {
    // Clients live outside the server: a browser's clock is the clock.
    files: ['src/web/**', 'src/client/**'],
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-imports': 'off',
      'no-restricted-syntax': ['error', noDefaultExport, noBarrel],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off', // a wrong `!` fails the test, which is the point
      '@typescript-eslint/unbound-method': 'off', // expect(spy.method)
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  { files: ['*.config.{js,ts}', '.*.mjs'], rules: { 'no-restricted-syntax': 'off' } },
);
