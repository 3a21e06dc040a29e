/** The part of Vitest's JSON report that is read here. */
export interface VitestReport {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  /** Names of tests that were not meant to run. */
  readonly skipped: readonly string[];
}

/**
 * Counts tests. A file that failed without a failing test is a failure: it could not be loaded, or a hook failed.
 * What a failed hook keeps from running is reported as skipped, so in a failed file the skipped ones have failed.
 */
export function countTests(report: VitestReport): TestCount {
  const broken = report.testResults.filter(({ status }) => status === 'failed');
  const sound = report.testResults.filter(({ status }) => status !== 'failed');
  return {
    passed: report.numPassedTests,
    failed: broken.reduce((sum, file) => sum + Math.max(1, notPassed(file).length), 0),
    skipped: sound.flatMap(notPassed),
  };
}

const notPassed = ({ assertionResults }: VitestReport['testResults'][number]): string[] =>
  assertionResults.filter(({ status }) => status !== 'passed').map(({ fullName }) => fullName);
