import Type from 'typebox';
import { Value } from 'typebox/value';
import { formatQuantity, parseQuantity, quantityKindOf } from './quantity.ts';
import { settingsSchema } from './settings.ts';

/** One line of the table of settings. */
export interface Setting {
  /** Where it stands in a file, as in `cache.budgetBytes`. */
  readonly path: string;
  /** Names on the command line, without dashes in front; the derived one first, then the short one. */
  readonly flags: readonly string[];
  /** Names in the environment, in the same order. */
  readonly variables: readonly string[];
  /** What a value has to look like, in words. */
  readonly expects: string;
  /** The default as one would write it; undefined where there is none or an empty list. */
  readonly fallback: string | undefined;
  readonly description: string;
  /** The default as a value. */
  readonly fallbackValue: unknown;
  readonly accepts: (value: unknown) => boolean;
  /** The value that a text stands for; undefined if it stands for none. */
  readonly parse: (text: string) => unknown;
}

/** Short names that the command line promises. */
const shortNames = new Map([
  ['store.kind', 'store'],
  ['hbase.servers', 'hbase'],
]);

const leafShape = Type.Object({
  type: Type.Optional(Type.Enum(['integer', 'string', 'boolean', 'array'])),
  enum: Type.Optional(Type.Array(Type.String())),
  minimum: Type.Optional(Type.Number()),
  maximum: Type.Optional(Type.Number()),
  default: Type.Optional(Type.Unknown()),
  title: Type.Optional(Type.String()),
  description: Type.String(),
});
type Leaf = Type.Static<typeof leafShape>;

const kebab = (path: string): string =>
  path.replaceAll('.', '-').replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
const variable = (flag: string): string => `MAILRING_${flag.replaceAll('-', '_').toUpperCase()}`;

function expectation(path: string, leaf: Leaf): string {
  if (leaf.enum) return `one of ${leaf.enum.join(', ')}`;
  if (leaf.type === 'boolean') return 'true or false';
  if (leaf.type !== 'integer') return leaf.title ?? 'a text';
  const kind = quantityKindOf(path);
  const range = [leaf.minimum, leaf.maximum].map((bound) => formatQuantity(bound ?? 0, kind)).join(' to ');
  const unit = { bytes: 'bytes, ', ms: 'milliseconds, ', count: '' }[kind];
  return `a whole number (${unit}${range})`;
}

function valueOf(path: string, leaf: Leaf, text: string): unknown {
  if (leaf.type === 'integer') return parseQuantity(text, quantityKindOf(path));
  if (leaf.type === 'boolean') return text === 'true' || (text === 'false' ? false : undefined);
  return leaf.type === 'array' ? text.split(',').map((item) => item.trim()) : text;
}

function written(path: string, { default: fallback }: Leaf): string | undefined {
  if (typeof fallback === 'number') return formatQuantity(fallback, quantityKindOf(path));
  if (typeof fallback === 'boolean') return String(fallback);
  return typeof fallback === 'string' ? fallback : undefined;
}

function settingAt(path: string, schema: Type.TSchema): Setting {
  if (!Value.Check(leafShape, schema)) throw new Error(`the schema of ${path} is not that of a setting`);
  const short = shortNames.get(path);
  const flags = short === undefined ? [kebab(path)] : [kebab(path), short];
  return {
    path,
    flags,
    variables: flags.map(variable),
    expects: expectation(path, schema),
    fallback: written(path, schema),
    fallbackValue: schema.default,
    description: schema.description,
    accepts: (value) => Value.Check(schema, value),
    parse: (text) => valueOf(path, schema, text),
  };
}

function flatten(schema: Type.TObject, prefix: string): Setting[] {
  return Object.entries(schema.properties).flatMap(([name, inner]) =>
    Type.IsObject(inner) ? flatten(inner, `${prefix}${name}.`) : [settingAt(prefix + name, inner)],
  );
}

/** All settings, in the order of the table. */
export const settingsTable: readonly Setting[] = flatten(settingsSchema, '');
