import type { HistoryRecord } from '../history.ts';

/** Which promise was broken: a guarantee by its number, or a rule by its name. */
export type RuleName =
  | `G${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9}`
  | 'nowhere'
  | 'edits'
  | 'members'
  | 'blocks'
  | 'receipts'
  | 'presence'
  | 'typing'
  | 'refusals'
  | 'recovery';

export interface Violation {
  readonly rule: RuleName;
  readonly what: string;
  /** Those records of the history that show it, and no others. */
  readonly records: readonly HistoryRecord[];
  /** Whether it would be none if it went away within seconds: what may come a moment after the reply. */
  readonly mayHeal: boolean;
}

/** Takes what one rule finds. */
export class Findings {
  readonly violations: Violation[] = [];
  readonly #rule: RuleName;

  constructor(rule: RuleName) {
    this.#rule = rule;
  }

  add(what: string, records: readonly (HistoryRecord | undefined)[]): void {
    this.#push(what, records, false);
  }

  /** Something that may come late: a violation only when it stays. */
  addUnlessHealed(what: string, records: readonly (HistoryRecord | undefined)[]): void {
    this.#push(what, records, true);
  }

  #push(what: string, records: readonly (HistoryRecord | undefined)[], mayHeal: boolean): void {
    const shown = [...new Set(records.filter((record) => record !== undefined))];
    this.violations.push({ rule: this.#rule, what, mayHeal, records: shown });
  }
}
