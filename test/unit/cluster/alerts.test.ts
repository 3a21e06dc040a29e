import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dashboard, rules } from '../../support/monitoring-files.ts';

const root = join(import.meta.dirname, '../../..');
const runbook = readFileSync(join(root, 'docs/runbook.md'), 'utf8');
const tests = readFileSync(join(root, 'cluster/prometheus/tests/mailring.test.yml'), 'utf8');
const alerts = rules.filter(({ alert }) => alert !== undefined);

/** As web pages of repositories make them of headings. */
const anchors = new Set(
  Array.from(runbook.matchAll(/^#+ (.+)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  ),
);

describe.each(alerts.map((rule) => [rule.alert ?? '', rule] as const))(
  '%s',
  (name, { labels, annotations }) => {
    it('links to a part of the runbook, which names it', () => {
      const [file, anchor = ''] = annotations?.['runbook_url']?.split('#') ?? [];
      expect(file).toBe('docs/runbook.md');
      expect([...anchors]).toContain(anchor);
      expect(runbook).toContain(`\`${name}\``);
    });

    it('says what it is, how urgent, and is tested to fire', () => {
      expect(annotations?.['summary']).toBeTruthy();
      expect(annotations?.['description']).toBeTruthy();
      expect(['page', 'warn']).toContain(labels?.['severity']);
      expect(tests).toContain(`alertname="${name}"`);
    });
  },
);

it('the runbook names no alert that is not there', () => {
  const named = new Set(runbook.match(/`Mailring[A-Z]\w+`/g) ?? []);
  expect([...named].toSorted()).toEqual(alerts.map(({ alert = '' }) => `\`${alert}\``).toSorted());
});

it('the runbook names panels that are there', () => {
  const rows = new Map<string, string[]>();
  for (const { type, title } of dashboard.panels) {
    if (type === 'row') rows.set(title, []);
    else [...rows.values()].at(-1)?.push(title);
  }
  const named = Array.from(runbook.replaceAll(/\s+/g, ' ').matchAll(/_(\w+) › ([^_]+)_/g));
  expect(named.length).toBeGreaterThan(10);
  for (const [, row = '', panel = ''] of named) expect(rows.get(row) ?? [], row).toContain(panel);
});
