import { expect, it } from 'vitest';

import { countTests } from '../../../scripts/test-report.ts';

const file = (status: string, tests: readonly [string, string][]) => ({
  name: 'some.test.ts',
  status,
  assertionResults: tests.map(([fullName, status]) => ({ fullName, status })),
});

it('counts tests, and names those that were skipped', () => {
  const report = {
    numPassedTests: 2,
    numFailedTests: 1,
    testResults: [
      file('failed', [
        ['a', 'passed'],
        ['b', 'failed'],
      ]),
      file('passed', [
        ['c', 'passed'],
        ['d', 'skipped'],
        ['e', 'todo'],
      ]),
    ],
  };
  expect(countTests(report)).toEqual({ passed: 2, failed: 1, skipped: ['d', 'e'] });
});

it('counts a file that could not be run as a failure', () => {
  const report = {
    numPassedTests: 1,
    numFailedTests: 0,
    testResults: [file('passed', [['a', 'passed']]), file('failed', [])],
  };
  expect(countTests(report)).toEqual({ passed: 1, failed: 1, skipped: [] });
});
