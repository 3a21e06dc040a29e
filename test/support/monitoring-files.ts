import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseYaml } from './yaml-document.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly query: { readonly query: string } }[] };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
  readonly panels: readonly {
    readonly type: string;
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

export const rules: readonly Rule[] = (
  parseYaml(read('cluster/prometheus/rules/mailring.yml')) as unknown as RuleFile
).groups.flatMap((group) => group.rules);

export const dashboard = JSON.parse(read('cluster/grafana/dashboards/mailring.json')) as Dashboard;

/** Every query that Prometheus is asked, by what asks it. */
export function queries(): { readonly where: string; readonly expr: string }[] {
  const { panels, templating, annotations } = dashboard;
  return [
    ...rules.map(({ alert, record, expr }) => ({ where: alert ?? record ?? '', expr })),
    ...panels.flatMap(({ title, targets }) => (targets ?? []).map(({ expr }) => ({ where: title, expr }))),
    ...templating.list.map(({ query }) => ({ where: 'variable', expr: query.query })),
    ...annotations.list.map(({ expr }) => ({ where: 'annotation', expr })),
  ];
}

/** Names of metrics and of recorded series in a query. */
export function namesIn(expr: string): string[] {
  const withoutTexts = expr.replaceAll(/"[^"]*"/g, '""');
  return withoutTexts.match(/\b(mailring|nodejs|process)[_:][a-z0-9_:]+|\bup\b/g) ?? [];
}
