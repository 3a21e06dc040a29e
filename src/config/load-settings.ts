import { readFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import { ConfigError } from './config-error.ts';
import { coherenceProblems } from './coherence-check.ts';
import { productionProblems } from './production-check.ts';
import { settingsTable } from './setting.ts';
import type { Setting } from './setting.ts';
import { settingsSchema } from './settings.ts';
import type { Settings, SettingsOverride } from './settings.ts';

/** Where settings come from; a later source wins over an earlier one. */
export interface SettingsSources {
  /** Laid over the defaults, as a development cluster does for its nodes. */
  readonly preset?: SettingsOverride;
  /** Path of a JSON file of the shape of `Settings`; where not given, that of `MAILRING_CONFIG`. */
  readonly file?: string;
  /** The environment. Variables that do not start with `MAILRING_` are none of ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** By flag name without dashes, `cache-budget-bytes` or `cacheBudgetBytes`; `true` for a flag without a value. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

/** A value somebody gave for a setting, and the name by which they gave it. */
interface Given {
  readonly setting: Setting;
  readonly value: unknown;
}

const byPath = new Map(settingsTable.map((setting) => [setting.path, setting]));
const byVariable = new Map(settingsTable.flatMap((s) => s.variables.map((name) => [name, s] as const)));
const byFlag = new Map(settingsTable.flatMap((s) => s.flags.map((name) => [name, s] as const)));
const groups = new Set(
  settingsTable.flatMap(({ path }) => (path.includes('.') ? path.slice(0, path.indexOf('.')) : [])),
);

const configVariable = 'MAILRING_CONFIG';
/** Names services for the test run; means nothing to a node. */
const testPrefix = 'MAILRING_TEST_';

/** Gathers the values of all sources, and everything that is wrong with them. */
class Collection {
  readonly values = new Map<string, unknown>();
  readonly problems: string[] = [];

  /** Takes one source whole; the same setting given twice in it is a mistake, not a choice. */
  take(source: Iterable<readonly [name: string, given: Given | undefined]>): void {
    const names = new Map<string, string>();
    for (const [name, given] of source) {
      if (given === undefined) {
        this.problems.push(`${name}: there is no such setting`);
        continue;
      }
      const { path } = given.setting;
      const other = names.get(path);
      if (other !== undefined) this.problems.push(`${name}: says the same as ${other}, give one of them`);
      names.set(path, name);
      this.#put(name, given);
    }
  }

  #put(name: string, { setting, value }: Given): void {
    if (setting.accepts(value)) this.values.set(setting.path, value);
    else this.problems.push(`${name}: expected ${setting.expects}`);
  }
}

/** The value that was meant, and if it does not mean one, what was given. */
const meant = (setting: Setting, value: unknown): unknown =>
  typeof value === 'string' ? setting.parse(value) : value;

const given = (setting: Setting | undefined, value: unknown): Given | undefined =>
  setting && { setting, value: meant(setting, value) };

function* fromObject(source: string, object: object): Generator<[string, Given | undefined]> {
  for (const [name, value] of Object.entries(object) as [string, unknown][]) {
    if (groups.has(name) && isPlainObject(value)) {
      for (const [inner, innerValue] of Object.entries(value) as [string, unknown][]) {
        const path = `${name}.${inner}`;
        yield [`${source}${path}`, given(byPath.get(path), innerValue)];
      }
    } else {
      yield [`${source}${name}`, given(byPath.get(name), value)];
    }
  }
}

function* fromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Generator<[string, Given | undefined]> {
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('MAILRING_') || name.startsWith(testPrefix) || name === configVariable) continue;
    if (value !== undefined) yield [name, given(byVariable.get(name), value)];
  }
}

function* fromFlags(flags: Readonly<Record<string, unknown>>): Generator<[string, Given | undefined]> {
  for (const [key, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const name = key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
    yield [`--${name}`, given(byFlag.get(name), value)];
  }
}

const isPlainObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readJson(file: string): object {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new ConfigError([
      `${file}: cannot be read as JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
    ]);
  }
  if (!isPlainObject(content)) throw new ConfigError([`${file}: expected a JSON object of settings`]);
  return content;
}

function nested(values: ReadonlyMap<string, unknown>): object {
  const entries = [...values];
  const inGroup = (name: string): object =>
    Object.fromEntries(
      entries.flatMap(([path, value]) =>
        path.startsWith(`${name}.`) ? [[path.slice(name.length + 1), value]] : [],
      ),
    );
  // Every group is there, also one of whose settings none has a value.
  return {
    ...Object.fromEntries(entries.filter(([path]) => !path.includes('.'))),
    ...Object.fromEntries(Array.from(groups, (name) => [name, inGroup(name)])),
  };
}

/**
 * The settings in force: defaults, then `preset`, `file`, `env`, `flags`, each winning over those before it.
 * Throws `ConfigError` with everything that is wrong: unknown names, values of the wrong kind or out of range,
 * settings that contradict each other, and in production what is only good for development.
 */
export function loadSettings(sources: SettingsSources): Settings {
  const { preset = {}, env = {}, flags = {}, file = env[configVariable] } = sources;
  const collection = new Collection();
  for (const { path, fallbackValue } of settingsTable) {
    if (fallbackValue !== undefined) collection.values.set(path, fallbackValue);
  }
  collection.take(fromObject('', preset));
  if (file !== undefined) collection.take(fromObject(`${file}: `, readJson(file)));
  collection.take(fromEnvironment(env));
  collection.take(fromFlags(flags));
  if (collection.problems.length > 0) throw new ConfigError(collection.problems);

  const settings = nested(collection.values);
  if (!Value.Check(settingsSchema, settings))
    throw new Error('settings that were checked one by one do not fit the schema');
  const problems = [...coherenceProblems(settings), ...productionProblems(settings)];
  if (problems.length > 0) throw new ConfigError(problems);
  return settings;
}
