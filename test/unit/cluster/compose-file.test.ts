import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { javaArgs, type Settings } from '../../../cluster/hbase/hbase-java.ts';
import { standaloneProcess, standaloneSettings } from '../../../cluster/hbase/standalone-hbase.ts';
import { hbaseVersionDefault } from '../../../cluster/hbase/install-hbase.ts';
import { secretNames } from '../../../cluster/compose-secrets.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { parseYaml } from '../../support/yaml-document.ts';
import type { YamlMap } from '../../support/yaml-document.ts';

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile?: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly unknown[] };
}

interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: YamlMap;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const compose = parseYaml(read('docker-compose.yml')) as unknown as ComposeFile;
const services = Object.entries(compose.services);
const nodes = services.filter(([, { command }]) => command?.[0] === 'node');

describe('docker-compose.yml', () => {
  it.each(services)('%s has an image of one version', (_name, { image, build }) => {
    const [, tag = ''] = image.split(':');
    expect(build === undefined ? tag : 'built here').toMatch(/^v?\d+\.\d+\.\d+|^built here$/);
    if (build !== undefined) {
      const dockerfile = join(build.context, build.dockerfile ?? 'Dockerfile');
      for (const [, from] of read(dockerfile).matchAll(/^FROM ([^\s]+:[^\s]+)/gm)) {
        expect(from).toMatch(/:\d+\.\d+\.\d+/);
      }
    }
  });

  it.each(services)('%s uses volumes, files, secrets and services that exist', (_name, service) => {
    for (const volume of service.volumes ?? []) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('.')) expect(existsSync(join(root, source)), source).toBe(true);
      else expect(Object.keys(compose.volumes)).toContain(source);
    }
    for (const secret of service.secrets ?? []) expect(Object.keys(compose.secrets)).toContain(secret);
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      const needed = compose.services[name];
      expect(needed, name).toBeDefined();
      if (condition === 'service_healthy') expect(needed?.healthcheck, name).toBeDefined();
    }
  });

  it('shows nothing to other machines', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(6);
    expect(new Set(ports).size).toBe(ports.length);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('every command and argument is a text, as a healthcheck of any other kind never becomes healthy', () => {
    for (const [name, { command, healthcheck }] of services) {
      for (const part of [...(command ?? []), ...(healthcheck?.test ?? [])])
        expect(part, name).toBeTypeOf('string');
    }
  });

  it('names the secrets that `npm run compose:secrets` writes', () => {
    const files = Object.values(compose.secrets).map(({ file }) => file);
    expect(files.toSorted()).toEqual(secretNames.map((name) => `.secrets/${name}`).toSorted());
    expect(read('.gitignore')).toContain('.secrets/');
  });

  it.each(nodes)(
    '%s starts with settings that a production node takes',
    (name, { command = [], environment }) => {
      const flags: Record<string, string> = {};
      for (let index = 1; index < command.length; index += 2) {
        flags[command[index]!.replace('--', '')] = command[index + 1]!;
      }
      const settings = loadSettings({ flags, env: { ...environment } });
      expect(settings).toMatchObject({
        mode: 'production',
        id: name,
        peer: `${name}:7600`,
        store: { kind: 'hbase' },
      });
      for (const file of [
        settings.clusterSecretFile,
        settings.auth.signingKeyFile,
        settings.operatorTokenFile,
      ]) {
        expect(file).toMatch(/^\/run\/secrets\//);
      }
    },
  );

  it('there are three nodes, and a fourth one to join', () => {
    expect(nodes.map(([name]) => name)).toEqual(['n1', 'n2', 'n3', 'n4']);
  });
});

describe('the image of Mailring', () => {
  const dockerfile = read('cluster/mailring/Dockerfile');
  const ignored = read('cluster/mailring/Dockerfile.dockerignore');

  it('runs on the Node of package-lock.json', () => {
    const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version: string }> };
    const froms = Array.from(dockerfile.matchAll(/^FROM node:(\d+\.\d+\.\d+)/gm), ([, version]) => version);
    expect(froms.length).toBeGreaterThan(1);
    for (const version of froms) expect(version).toBe(lock.packages['node_modules/node']?.version);
  });

  it('copies what is in the repository and in the context, and nothing secret gets into that', () => {
    const copied = Array.from(dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm), ([, from = '']) =>
      from.split(' '),
    );
    const paths = copied.flat().filter((path) => path !== '.');
    expect(paths.length).toBeGreaterThan(5);
    for (const path of paths) {
      expect(statSync(join(root, path)), path).toBeDefined();
      expect(ignored).toMatch(new RegExp(`^!${path.split('/')[0]!.replaceAll('.', '[.]')}$`, 'm'));
    }
    expect(ignored.split('\n')).toContain('*');
    expect(ignored).not.toMatch(/^!\.(secrets|data|cache)/m);
  });

  it('does not run as root', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile.lastIndexOf('USER node')).toBeLessThan(dockerfile.indexOf('ENTRYPOINT'));
  });
});

describe('the image of HBase', () => {
  const dockerfile = read('cluster/hbase/Dockerfile');

  it('starts HBase as the tests do', () => {
    const entry = JSON.parse(
      /^ENTRYPOINT (\[[^\]]+\])/m.exec(dockerfile)![1]!.replaceAll('\\\n', ''),
    ) as string[];
    const run = { ...standaloneProcess, configDir: '/opt/hbase/conf', tempDir: '/var/lib/hbase/tmp' };
    const installation = { version: hbaseVersionDefault, libDir: '/opt/hbase/lib', java: 'java' };
    const withoutHeap = (args: readonly string[]): string[] => args.filter((arg) => !arg.startsWith('-Xmx'));
    expect(withoutHeap(entry)).toEqual(['java', ...withoutHeap(javaArgs(installation, run))]);
  });

  it('has the settings of the tests, with its own name and all of its addresses', () => {
    const site = read('cluster/hbase/container/hbase-site.xml');
    const property = /<property><name>(.+)<\/name><value>(.+)<\/value><\/property>/g;
    const settings = Object.fromEntries(
      Array.from(site.matchAll(property), ([, name = '', value]) => [name, value]),
    );
    const tested = standaloneSettings('/var/lib/hbase', {
      zookeeper: 2181,
      master: 16_000,
      regionserver: 16_020,
    });
    const elsewhere = {
      ...{ 'hbase.master.hostname': 'hbase', 'hbase.regionserver.hostname': 'hbase' },
      ...{ 'hbase.master.ipc.address': '0.0.0.0', 'hbase.regionserver.ipc.address': '0.0.0.0' },
      'hbase.rootdir': 'file:///var/lib/hbase/hbase',
    };
    const wanted: Settings = { ...tested, ...elsewhere };
    const expected = Object.entries(wanted).map(([name, value]) => [name, String(value)]);
    expect(settings).toEqual(Object.fromEntries(expected));
  });

  it('does not run as root', () => {
    expect(dockerfile).toMatch(/^USER hbase$/m);
  });
});
