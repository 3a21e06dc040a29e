import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '../replay/seeded-random.ts';
import { Availability } from './availability.ts';
import { summariseCalls } from './call-summary.ts';
import { checkHistory } from './checker/check-history.ts';
import { describeViolation } from './checker/describe-violation.ts';
import type { Violation } from './checker/violation.ts';
import { AuditError } from './client/auditor.ts';
import { Town } from './client/town.ts';
import type { FaultKind } from './faults/fault.ts';
import { FaultDriver } from './faults/fault-driver.ts';
import { History } from './history.ts';
import { callTheRoll } from './roll-call.ts';
import type { TortureCluster } from './stand/torture-cluster.ts';

export interface TortureRunOptions {
  readonly cluster: TortureCluster;
  readonly kinds: readonly FaultKind[];
  /** Heals what the faults do not heal themselves. */
  readonly heal: () => Promise<void>;
  readonly seed: number;
  readonly users: number;
  /** Groups with more members are large ones, as the nodes are told. */
  readonly smallMembersMax: number;
  /** Of clients and faults in all. */
  readonly durationMs: number;
  /** Of one history. They are judged one by one, so that a run may be as long as one likes. */
  readonly episodeMs: number;
  readonly stopsAtViolation: boolean;
  readonly stopped: AbortSignal;
  readonly onProgress: (line: string) => void;
}

export interface TortureReport {
  readonly faults: number;
  /** Messages that were acknowledged. */
  readonly acked: number;
  /** Attempts to send that were answered with an error. */
  readonly failed: number;
  /** Attempts to send that were never answered. */
  readonly unknown: number;
  readonly availability: Readonly<Record<string, number>>;
  readonly violations: number;
}

const pauseMs = 300;
const wellTimeoutMs = 120_000;
/** All that failed while faults were on has to succeed within this time after them. */
const finishTimeoutMs = 120_000;
/** So long what comes a moment after the reply may take. */
const healTimeoutMs = 45_000;
/** Who has gone is away after seconds; a view that changed meanwhile is asked for again. */
const rollCallTimeoutMs = 60_000;
const auditTimeoutMs = 60_000;
const shownMaxPerRule = 3;

/** Tortures a cluster in episodes: people talk, faults come and go, all is well again, and the history is judged. */
export class TortureRun {
  readonly #options: TortureRunOptions;
  readonly #availability = new Availability();
  readonly #counts = { faults: 0, acked: 0, failed: 0, unknown: 0, violations: 0 };
  #isIll = false;
  readonly #faultCounts = new Map<string, number>();

  constructor(options: TortureRunOptions) {
    this.#options = options;
  }

  /** May be asked at any time. */
  get report(): TortureReport {
    const { faults, acked, failed, unknown, violations } = this.#counts;
    return { faults, acked, failed, unknown, availability: this.#availability.report(), violations };
  }

  /** How calls ended by kind of fault, in lines. */
  get availabilityTable(): readonly string[] {
    return this.#availability.table();
  }

  /** How often each fault was done. */
  get faultCounts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#faultCounts);
  }

  /** @throws Error also where there was nothing to judge */
  async run(): Promise<void> {
    const { durationMs, episodeMs, stopped, stopsAtViolation, seed } = this.#options;
    let leftMs = durationMs;
    for (let episode = 1; leftMs > 0 && !stopped.aborted; episode++) {
      // No rest too short to be worth an episode of its own.
      const thisMs = leftMs < 1.5 * episodeMs ? leftMs : episodeMs;
      leftMs -= thisMs;
      await this.#episode(episode, seed * 1_000 + episode, thisMs);
      if (this.#isIll) return; // Nothing that follows would tell more.
      if (stopsAtViolation && this.#counts.violations > 0) return;
    }
    if (this.#counts.acked === 0 && this.#counts.violations === 0)
      throw new Error('no message was acknowledged, so nothing was judged');
  }

  async #episode(episode: number, seed: number, durationMs: number): Promise<void> {
    const { cluster, kinds, heal, users, stopped, onProgress, smallMembersMax } = this.#options;
    const history = new History(smallMembersMax);
    const startedMs = performance.now();
    const now = (): number => performance.now() - startedMs;
    const tell = (line: string): void => onProgress(`[${episode} ${(now() / 1_000).toFixed(1)} s] ${line}`);
    const town = new Town({
      ...{ httpUrls: cluster.httpUrls, wsUrls: cluster.wsUrls, prefix: `e${episode}`, users, pauseMs, seed },
      ...{ history, now, wallNow: () => Date.now() },
    });
    const driver = new FaultDriver({ kinds, random: new SeededRandom(seed), now, onProgress: tell });
    try {
      await town.found();
      await town.start();
      await driver.run(durationMs, stopped);
      tell('all faults are over');
      await heal();
      const illness = await cluster.illness(wellTimeoutMs);
      if (illness !== undefined) {
        this.#tally(history, driver, [{ rule: 'recovery', what: illness, records: [], mayHeal: false }]);
        this.#isIll = true;
        return;
      }
      history.stuck.push(...(await town.finish(finishTimeoutMs)));
      const { watched, typed } = await callTheRoll(town, history, now, rollCallTimeoutMs);
      tell(`${watched} watched states and ${typed} typings were looked at`);
      const violations = await this.#judge(history, town, tell);
      this.#tally(history, driver, violations);
      tell(summariseCalls(history));
    } finally {
      await town.leave();
    }
  }

  /** Reads everything and judges, again and again while what is wrong may yet come right. */
  async #judge(history: History, town: Town, tell: (line: string) => void): Promise<Violation[]> {
    const deadline = performance.now() + healTimeoutMs;
    for (;;) {
      const isLast = performance.now() > deadline;
      try {
        const views = await town.audit(auditTimeoutMs);
        const violations = checkHistory(history, views);
        const isFinal =
          violations.every(({ mayHeal }) => !mayHeal) || violations.some(({ mayHeal }) => !mayHeal);
        tell(
          `judged ${history.pushes.length} pushes: ${violations.length} violations${isFinal ? '' : ' so far'}`,
        );
        if (isFinal || isLast) return violations;
      } catch (error) {
        if (!(error instanceof AuditError)) throw error;
        if (isLast) return [{ rule: 'G7', what: error.message, records: [], mayHeal: false }];
        tell(error.message);
      }
      await sleep(2_000);
    }
  }

  #tally(history: History, { spans }: FaultDriver, violations: readonly Violation[]): void {
    const { onProgress } = this.#options;
    const acked = new Set<string>();
    for (const { outcome, params } of history.callsOf('sendMessage')) {
      if (outcome.kind === 'ok') acked.add(`${params.conversationId} ${params.messageId}`);
      else if (outcome.kind === 'error') this.#counts.failed++;
      else this.#counts.unknown++;
    }
    this.#counts.acked += acked.size;
    this.#counts.faults += spans.length;
    this.#counts.violations += violations.length;
    for (const { kind } of spans) this.#faultCounts.set(kind, (this.#faultCounts.get(kind) ?? 0) + 1);
    this.#availability.add(history, spans);
    for (const [rule, found] of Map.groupBy(violations, (violation) => violation.rule)) {
      for (const violation of found.slice(0, shownMaxPerRule)) onProgress(describeViolation(violation));
      if (found.length > shownMaxPerRule) onProgress(`${rule}: ${found.length - shownMaxPerRule} more`);
    }
  }
}
