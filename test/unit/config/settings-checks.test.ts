import { describe, expect, it } from 'vitest';
import { coherenceProblems } from '../../../src/config/coherence-check.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { productionExample } from '../../../src/config/presets.ts';
import { productionWarnings } from '../../../src/config/production-check.ts';
import type { SettingsOverride } from '../../../src/config/settings.ts';

describe('settings that contradict each other', () => {
  it('the defaults do not', () => {
    expect(coherenceProblems(loadSettings({}))).toEqual([]);
  });

  it.each<[string, SettingsOverride]>([
    ['store.deadlineMs', { store: { deadlineMs: 9000 } }],
    ['commit.deadlineMs', { commit: { deadlineMs: 11_000 } }],
    ['limits.frameBytesMax', { limits: { textBytesMax: 20_000 } }],
    ['commit.bytesMax', { limits: { frameBytesMax: 2 ** 20 }, commit: { bytesMax: 2 ** 19 } }],
    ['session.writeBufferBytesMax', { session: { writeBufferBytesMax: 2 ** 15 } }],
    ['dedup.windowMs', { dedup: { windowMs: 25.5 * 3_600_000, aheadMs: 3_600_000 } }],
    ['hbase.servers', { store: { kind: 'hbase' } }],
    ['peerTls.keyFile and peerTls.caFile', { peerTls: { certFile: 'peer.crt' } }],
    ['peerTls.caFile: expected', { peerTls: { certFile: 'peer.crt', keyFile: 'peer.key' } }],
  ])('%s', (name, preset) => {
    expect(() => loadSettings({ preset })).toThrow(name);
    expect(() => loadSettings({ preset })).toThrow(ConfigError);
  });
});

describe('mode production', () => {
  const load = (changes: (example: Record<string, unknown>) => void) => {
    const preset: Record<string, unknown> = structuredClone({ ...productionExample });
    changes(preset);
    return loadSettings({ preset });
  };

  it('accepts the example', () => {
    expect(load(() => undefined).mode).toBe('production');
  });

  it.each<[string, (example: Record<string, unknown>) => void]>([
    ['store.kind: memory', (example) => (example['store'] = { kind: 'memory' })],
    ['clusterSecretFile', (example) => delete example['clusterSecretFile']],
    ['auth.signingKeyFile', (example) => delete example['auth']],
    ['advertise', (example) => delete example['advertise']],
    ['peer', (example) => (example['peer'] = '0.0.0.0:7600')],
    ['redis', (example) => delete example['redis']],
  ])('refuses: %s', (name, changes) => {
    expect(() => load(changes)).toThrow(name);
  });

  it.each<[string, SettingsOverride, number]>([
    ['without TLS', {}, 1],
    ['with TLS', { peerTls: { certFile: 'c', keyFile: 'k', caFile: 'a' } }, 0],
    ['on the loopback interface', { peer: '127.0.0.1:7600' }, 0],
    ['on the loopback interface, by IPv6', { peer: '[::1]:7600' }, 0],
    ['in development', { mode: 'development' }, 0],
  ])('warns where what nodes say can be read on its way, and refuses nothing: %s', (_, change, count) => {
    const { peerTls, ...example } = productionExample;
    expect(peerTls).toBeDefined();
    const warnings = productionWarnings(loadSettings({ preset: { ...example, ...change } }));
    expect(warnings).toHaveLength(count);
  });

  it('asks for nothing of it in development', () => {
    expect(
      load((example) => {
        example['mode'] = 'development';
        delete example['clusterSecretFile'];
        delete example['auth'];
      }).mode,
    ).toBe('development');
  });
});
