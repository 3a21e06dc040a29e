import type { TestProject } from 'vitest/node';

import { provideHBase } from '../../cluster/hbase/provide-hbase.ts';
import type { ProvidedService } from '../../cluster/provided-service.ts';

let hbase: ProvidedService<string[]> | undefined;

/** Vitest calls this once, before the first test of the project `services`, and not at all without such a test. */
export async function setup(project: TestProject): Promise<void> {
  hbase = await provideHBase((line) => console.error(line));
  project.provide('hbaseServers', hbase.address);
  // For the programs that tests start; the tests themselves ask hbaseServers().
  process.env['MAILRING_TEST_HBASE'] = hbase.address.join(',');
}

export async function teardown(): Promise<void> {
  await hbase?.release();
}
