import { dashboardRows } from './dashboard-rows.ts';
import type { Panel } from './dashboard-rows.ts';

/** The data source of provisioning/datasources/prometheus.yml. */
const datasource = { type: 'prometheus', uid: 'mailring-prometheus' };
const columns = 24;
const panelHeight = 7;
const statHeight = 4;

/** The dashboard as Grafana imports it; `npm run config` writes it to dashboards/mailring.json. */
export function dashboard(): object {
  return {
    uid: 'mailring',
    title: 'Mailring',
    tags: ['mailring'],
    timezone: 'browser',
    editable: false,
    refresh: '5s',
    time: { from: 'now-30m', to: 'now' },
    schemaVersion: 39,
    version: 1,
    templating: { list: [nodeVariable] },
    annotations: { list: [viewChanges] },
    links: [],
    panels: laidOut(),
  };
}

const nodeVariable = {
  name: 'node',
  label: 'Node',
  type: 'query',
  datasource,
  query: { query: 'label_values(mailring_ring_epoch, node)', refId: 'node' },
  refresh: 2,
  includeAll: true,
  multi: true,
  allValue: '.*',
  current: { text: 'All', value: '$__all' },
};

/** A line through all panels wherever a view came into force. */
const viewChanges = {
  name: 'Ring view',
  datasource,
  enable: true,
  iconColor: 'orange',
  expr: 'changes(max(mailring_ring_epoch)[15s:5s]) > 0',
  titleFormat: 'new view of the ring',
  step: '5s',
};

function laidOut(): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const row of dashboardRows) {
    const gridPos = { x: 0, y, w: columns, h: 1 };
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos,
      panels: [],
    });
    y += 1;
    const width = Math.floor(columns / row.panels.length);
    const height = row.panels.every(({ kind }) => kind === 'stat') ? statHeight : panelHeight;
    for (const [index, panel] of row.panels.entries()) {
      const place = { x: index * width, y, w: width, h: height };
      panels.push(panelOf(panel, panels.length + 1, place));
    }
    y += height;
  }
  return panels;
}

function panelOf(panel: Panel, id: number, gridPos: object): object {
  const { title, description, unit, kind, series, max } = panel;
  const isStat = kind === 'stat';
  return {
    id,
    type: kind,
    title,
    description,
    datasource,
    gridPos,
    fieldConfig: {
      defaults: { unit, min: 0, ...(max === undefined ? {} : { max }), custom: isStat ? {} : drawn },
      overrides: [],
    },
    options: isStat
      ? { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'none' }
      : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: series.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource,
      expr,
      legendFormat: legend,
      range: !isStat,
      instant: isStat,
    })),
  };
}

const drawn = { lineWidth: 1, fillOpacity: 8, showPoints: 'never', spanNulls: false };
