import { ensureProgram } from '../debian-packages.ts';

/**
 * The path of Prometheus's own checker: `MAILRING_TEST_PROMTOOL`, else the one on the PATH, else Debian's, installed
 * where that is possible. Throws, naming what to install, where there is none.
 */
export function ensurePromtool(onProgress: (line: string) => void = () => undefined): string {
  const configured = process.env['MAILRING_TEST_PROMTOOL'];
  return configured ? configured : ensureProgram('promtool', 'prometheus', onProgress);
}
