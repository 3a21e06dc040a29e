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
    testResults: [file('passed', [['a', 'passed']]), file('failed', [])],
  };
  expect(countTests(report)).toEqual({ passed: 1, failed: 1, skipped: [] });
});

it('counts what a failed hook kept from running as failures, though it is reported as skipped', () => {
  const report = {
    numPassedTests: 1,
    testResults: [
      file('failed', [
        ['its beforeAll failed', 'skipped'],
        ['this one as well', 'skipped'],
      ]),
      file('failed', [['its afterAll failed', 'passed']]),
    ],
  };
  expect(countTests(report)).toEqual({ passed: 1, failed: 3, skipped: [] });
});
