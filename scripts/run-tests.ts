// What `npm test` does once everything is installed: the checks of `npm run check`, then all tests with the
// services they need. The last line is `N passed, N failed`. Arguments go to Vitest, and then only it runs.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { countTests } from './test-report.ts';
import type { TestCount, VitestReport } from './test-report.ts';

const root = join(import.meta.dirname, '..');
const checkTimeoutMs = 6 * 60_000;
const testsTimeoutMs = 17 * 60_000;
/** After a time-out, for Vitest to put its services away. */
const graceMs = 30_000;

type Ending = { readonly kind: 'exit'; readonly code: number } | { readonly kind: 'late' };

async function main(vitestArgs: readonly string[]): Promise<void> {
  const check = vitestArgs.length > 0 ? undefined : await run('npm', ['run', 'check'], checkTimeoutMs);
  const checkFailed = check !== undefined && !isSuccess(check);
  const { passed, failed, skipped } = await runVitest(vitestArgs);
  for (const test of skipped) console.log(`skipped: ${test}`);
  if (checkFailed)
    console.log(`npm run check failed (${describe(check)}), see above; it counts as one failure.`);
  if (passed + failed === 0) console.log('No test ran, which is a failure.');
  const failures = failed + (checkFailed ? 1 : 0);
  console.log(`${passed} passed, ${failures} failed`);
  process.exitCode = failures === 0 && passed > 0 ? 0 : 1;
}

async function runVitest(args: readonly string[]): Promise<TestCount> {
  const folder = mkdtempSync(join(tmpdir(), 'mailring-tests-'));
  const reportFile = join(folder, 'report.json');
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  try {
    const ending = await run(process.execPath, [vitest, 'run', ...reporters, ...args], testsTimeoutMs);
    const count = existsSync(reportFile)
      ? countTests(JSON.parse(readFileSync(reportFile, 'utf8')) as VitestReport)
      : { passed: 0, failed: 0, skipped: [] };
    if (isSuccess(ending) || count.failed > 0) return count;
    // Not a test but something around it went wrong: a service, an unhandled error, a time-out.
    console.log(`Vitest failed as a whole (${describe(ending)}), see above; it counts as one failure.`);
    return { ...count, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[], timeoutMs: number): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), graceMs).unref();
    }, timeoutMs);
    const forward = (signal: NodeJS.Signals): boolean => child.kill(signal);
    process.on('SIGTERM', forward);
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      process.off('SIGTERM', forward);
      resolve(isLate ? { kind: 'late' } : { kind: 'exit', code: code ?? 1 });
    });
  });
}

function isSuccess(ending: Ending): boolean {
  return ending.kind === 'exit' && ending.code === 0;
}

function describe(ending: Ending): string {
  return ending.kind === 'late' ? 'it took too long' : `exit code ${ending.code}`;
}

await main(process.argv.slice(2));
