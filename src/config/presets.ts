import type { SettingsOverride } from './settings.ts';

/** A development cluster on one machine; its rate limits leave room for the load generator. */
export const developmentPreset: SettingsOverride = {
  mode: 'development',
  log: { level: 'warn' },
  limits: {
    connectionsPerUserMax: 1000,
    requestsPerSecondPerUser: 1_000_000,
    openingsPerMinutePerUser: 1_000_000,
    accountsPerMinutePerAddress: 1_000_000,
    loginsPerMinutePerAddress: 1_000_000,
    loginsPerMinutePerUser: 1_000_000,
  },
};

/** One node of a production cluster, to be copied and changed. */
export const productionExample: SettingsOverride = {
  mode: 'production',
  id: 'chat-1',
  listen: '0.0.0.0:7400',
  ops: '10.0.0.11:7500',
  peer: '10.0.0.11:7600',
  advertise: 'wss://chat-1.example.com/v1/ws',
  data: '/var/lib/mailring',
  redis: 'redis://redis.example.com:6379',
  clusterSecretFile: '/etc/mailring/cluster-secret',
  operatorTokenFile: '/etc/mailring/operator-token',
  peerTls: {
    certFile: '/etc/mailring/peer.crt',
    keyFile: '/etc/mailring/peer.key',
    caFile: '/etc/mailring/peer-ca.crt',
  },
  store: { kind: 'hbase' },
  hbase: {
    servers: ['hbase-1.example.com:16000', 'hbase-2.example.com:16000', 'hbase-3.example.com:16020'],
  },
  cache: { budgetBytes: 4 * 1024 ** 3 },
  auth: { signingKeyFile: '/etc/mailring/signing-key.json' },
};
