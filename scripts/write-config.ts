// Writes what is derived: the files in config/ and docs/configuration.md from the table of settings, the dashboard
// from cluster/grafana. Run `npm run config` after changing either; a test fails when they have drifted.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format } from 'prettier';
import { dashboard } from '../cluster/grafana/dashboard.ts';
import { developmentPreset, productionExample } from '../src/config/presets.ts';
import { settingsTable } from '../src/config/setting.ts';
import type { Setting } from '../src/config/setting.ts';
import { settingsSchema } from '../src/config/settings.ts';

const root = join(import.meta.dirname, '..');

/** The defaults in the shape of a settings file. */
function defaults(): object {
  const top = new Map<string, unknown>();
  const groups = new Map<string, Map<string, unknown>>();
  for (const { path, fallbackValue } of settingsTable) {
    if (fallbackValue === undefined) continue;
    const [name = '', inner] = path.split('.');
    if (inner === undefined) top.set(name, fallbackValue);
    else groups.set(name, (groups.get(name) ?? new Map<string, unknown>()).set(inner, fallbackValue));
  }
  for (const [name, entries] of groups) top.set(name, Object.fromEntries(entries));
  return Object.fromEntries(top);
}

const escaped = (text: string): string => text.replaceAll('|', '\\|');

function row({ path, flags, expects, fallback, description }: Setting): string {
  const names = flags.map((flag) => `\`--${flag}\``).join(', ');
  const standard = fallback === undefined ? '-' : `\`${fallback}\``;
  return `| \`${path}\` | ${names} | ${escaped(expects)} | ${standard} | ${escaped(description)} |`;
}

function table(settings: readonly Setting[]): string {
  return [
    '| setting | flag | value | default | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...settings.map(row),
  ].join('\n');
}

function sections(): string {
  const top = settingsTable.filter(({ path }) => !path.includes('.'));
  const groups = Object.entries(settingsSchema.properties).flatMap(([name, schema]) => {
    const inner = settingsTable.filter(({ path }) => path.startsWith(`${name}.`));
    const about = 'description' in schema && typeof schema.description === 'string' ? schema.description : '';
    return inner.length === 0 ? [] : [`## ${name}\n\n${about}\n\n${table(inner)}`];
  });
  return [`## The node\n\n${table(top)}`, ...groups].join('\n\n');
}

const reference = (): string => `# Configuration

<!-- Generated from src/config by \`npm run config\`; edit the table there. -->

Each setting can be given in four ways; a later one wins over an earlier one:

1. its default, as in [config/default.json](../config/default.json);
2. the JSON file named by \`--config FILE\` (or \`MAILRING_CONFIG\`), with the groups below as objects: [config/development.json](../config/development.json), [config/production.example.json](../config/production.example.json);
3. a variable: \`cache.budgetBytes\` is \`MAILRING_CACHE_BUDGET_BYTES\`, and short flags have short variables (\`MAILRING_STORE\`);
4. a flag: \`cache.budgetBytes\` is \`--cache-budget-bytes\`.

Bytes may be written with \`KiB\`, \`MiB\`, \`GiB\`, times with \`s\`, \`m\`, \`h\`, \`d\` (in a file as a string: \`"64MiB"\`). Lists are separated by commas, in a file they are arrays. A name that is not in this table, a value of another kind or out of its range, and settings that contradict each other stop the node with an error that names them. With \`mode\` \`production\` it also refuses what is only good enough for trying out.

${sections()}
`;

/** Every derived file: its path from the root of the repository, and its text. */
export async function derivedFiles(): Promise<ReadonlyMap<string, string>> {
  const json = (value: object): string => JSON.stringify(value);
  const raw = new Map([
    ['config/default.json', json(defaults())],
    ['config/development.json', json(developmentPreset)],
    ['config/production.example.json', json(productionExample)],
    ['docs/configuration.md', reference()],
    ['cluster/grafana/dashboards/mailring.json', json(dashboard())],
  ]);
  const files = new Map<string, string>();
  for (const [path, text] of raw) {
    const objectWrap = 'collapse';
    files.set(path, await format(text, { filepath: path, printWidth: 110, singleQuote: true, objectWrap }));
  }
  return files;
}

if (import.meta.main) {
  for (const [path, text] of await derivedFiles()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
