import { ensureProgram, findOnPath } from './debian-packages.ts';

const programs = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/**
 * The path of a Chromium for browser tests: `MAILRING_TEST_CHROMIUM`, else one on the PATH, else Debian's,
 * installed where that is possible. Throws, naming what to install, where there is none.
 */
export function ensureChromium(onProgress: (line: string) => void = () => undefined): string {
  const configured = process.env['MAILRING_TEST_CHROMIUM'];
  if (configured) return configured;
  for (const program of programs) {
    const path = findOnPath(program);
    if (path !== undefined) return path;
  }
  return ensureProgram('chromium', 'chromium', onProgress);
}
