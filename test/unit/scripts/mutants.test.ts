import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mutants as simMutants } from '../../../scripts/sim-mutants/mutants.ts';
import { mutants as tortureMutants } from '../../../scripts/torture-mutants/mutants.ts';

const root = join(import.meta.dirname, '../../..');

describe.each([
  ['simulator', simMutants],
  ['torture', tortureMutants],
])('the planted bugs of the %s', (_, mutants) => {
  it.each(mutants)('"$name" still fits the sources', ({ edits }) => {
    for (const { file, find } of edits) {
      expect(readFileSync(join(root, file), 'utf8').split(find), `${file}: ${find}`).toHaveLength(2);
    }
  });
});
