// Attacks one real node in every way that it should bear, while others chat: memory has to stay bounded, what is
// wrong has to be refused with its code, and those who behave must not wait for it. A second node, which nobody attacks,
// shows what the machine itself makes them wait at that moment.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setNiceness } from '../cluster/niceness.ts';
import { attacks, type Seen as Refusals } from './abuse/attacks.ts';
import type { Seen } from './abuse/bystanders.ts';
import { hundredths, ProcessWatch, rssMib } from './abuse/process-watch.ts';
import { Stand } from './abuse/stand.ts';
import type { Observed } from './abuse/stand.ts';

const usage = `npm run abuse -- [--seconds 14] [--quiet-seconds 6] [--only <attack>,…] [--profile <folder>]

  --seconds <n>        of each attack (14; the time-outs of the node need about that)
  --quiet-seconds <n>  without one, before each
  --only               of ${Object.keys(attacks).join(', ')}
  --profile            folder for what the nodes' processor time went to (.cpuprofile)

Prints one JSON object as its last line. Exit code 0: all was refused and bounded; 1: otherwise; 2: wrong usage.`;

/** The node with its caches full may have so much more than at its start, MiB. */
const rssGrowthMaxMib = 400;
/** What others may wait: so much more than users of the node that nobody attacks, at the same moment. */
const p99RatioMax = 2;
/** A p99 below this counts as this: what the machine adds by chance, ms. */
const noiseMs = 5;
const warmMs = 3_000;

interface Round {
  readonly attack: string;
  readonly seen: Refusals;
  /** Users of the attacked node just before, and during the attack. */
  readonly quiet: Seen;
  readonly attacked: Observed;
  /** Users of the node that nobody attacks, during the attack. */
  readonly elsewhere: Observed;
  /** p99 of the users of the attacked node, against before and against elsewhere. */
  readonly ratioBefore: number;
  readonly ratioElsewhere: number;
  /** Processor time of the attacker, in cores. */
  readonly attackerCores: number;
  /** Share of the time in which the clients of both nodes could have run and had no core. */
  readonly clientsWaitedForCore: number;
  readonly problems: readonly string[];
}

interface Report {
  readonly ok: boolean;
  readonly rssStartMib: number;
  readonly rounds: readonly Round[];
}

interface Attacked {
  readonly seen: Refusals;
  readonly problem?: string;
  /** Processor time of the attacker, in cores. */
  readonly cores: number;
}

/**
 * Elsewhere the attacker would have a machine of its own. Here it gets what cores the others leave over. The nodes have
 * sessions of their own, and Linux shares the cores among sessions before it looks at the processes in them: so the
 * attacker has one as well, with the least weight there is.
 */
function attack(name: string, httpUrl: string, forMs: number): Promise<Attacked> {
  const script = join(import.meta.dirname, 'abuse/attacker.ts');
  const args = ['--idle', '0', process.execPath, script, name, httpUrl, String(forMs)];
  const child = spawn('chrt', args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: forMs + 60_000,
  });
  if (child.pid !== undefined) setNiceness(child.pid, 19);
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (output === '')
        reject(new Error(`the attacker ended with ${code ?? 'no result in time: no core is free'}`));
      else resolve(JSON.parse(output) as Attacked);
    });
  });
}

function forTime(forMs: number): () => boolean {
  const endMs = performance.now() + forMs;
  return () => performance.now() < endMs;
}

interface Options {
  readonly forMs: number;
  readonly quietMs: number;
  readonly names: readonly string[];
  readonly profileFolder: string | undefined;
}

class AbuseRun {
  readonly #victim: Stand;
  readonly #control: Stand;
  readonly #options: Options;
  readonly #rssStartMib: number;

  constructor(victim: Stand, control: Stand, options: Options) {
    this.#victim = victim;
    this.#control = control;
    this.#options = options;
    this.#rssStartMib = rssMib(victim.pid);
  }

  async run(): Promise<Report> {
    const rounds: Round[] = [];
    for (const name of this.#options.names) {
      const round = await this.#round(name);
      rounds.push(round);
      console.log(JSON.stringify(round));
      await sleep(1_000);
    }
    const ok = rounds.every(({ problems }) => problems.length === 0);
    return { ok, rssStartMib: this.#rssStartMib, rounds };
  }

  async #round(name: string): Promise<Round> {
    const { forMs, quietMs } = this.#options;
    const { others: quiet } = (await this.#observeBoth(forTime(quietMs)))[0];
    const clients = new ProcessWatch(process.pid);
    let isOver = false;
    const attacking = attack(name, this.#victim.node.httpUrl, forMs).finally(() => {
      isOver = true;
    });
    const [found, [attacked, elsewhere]] = await Promise.all([attacking, this.#observeBoth(() => !isOver)]);
    const { waitedForCore: clientsWaitedForCore } = clients.usage();
    clients.end();
    const { p99Ms } = attacked.others;
    const ratioBefore = hundredths(p99Ms / quiet.p99Ms);
    const ratioElsewhere = hundredths(p99Ms / elsewhere.others.p99Ms);
    const waited = p99Ms > p99RatioMax * Math.max(noiseMs, elsewhere.others.p99Ms);
    const missing = (attacks[name]?.expected ?? []).filter((refusal) => (found.seen[refusal] ?? 0) === 0);
    const { failed } = attacked.others;
    const isGrown = attacked.rssMaxMib > this.#rssStartMib + rssGrowthMaxMib;
    const problems = [
      ...(found.problem === undefined ? [] : [found.problem]),
      ...missing.map((refusal) => `not seen: ${refusal}`),
      ...(failed > 0 ? [`${failed} sends of others failed`] : []),
      ...(waited
        ? [`p99 of others: ${p99Ms} ms; before ${quiet.p99Ms}, elsewhere ${elsewhere.others.p99Ms}`]
        : []),
      ...(isGrown ? [`${attacked.rssMaxMib} MiB, not ${this.#rssStartMib}`] : []),
    ];
    return {
      attack: name,
      seen: found.seen,
      quiet,
      attacked,
      elsewhere,
      ratioBefore,
      ratioElsewhere,
      attackerCores: hundredths(found.cores),
      clientsWaitedForCore,
      problems,
    };
  }

  #observeBoth(goesOn: () => boolean): Promise<[Observed, Observed]> {
    return Promise.all([this.#victim.observe(goesOn), this.#control.observe(goesOn)]);
  }
}

async function run(options: Options): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'mailring-abuse-'));
  const stands: Stand[] = [];
  try {
    const { profileFolder } = options;
    const victim = await Stand.start({ id: 'victim', folder, profileFolder });
    stands.push(victim);
    const control = await Stand.start({ id: 'control', folder, profileFolder });
    stands.push(control);
    await Promise.all(stands.map((stand) => stand.observe(forTime(warmMs))));
    return await new AbuseRun(victim, control, options).run();
  } finally {
    await Promise.all(stands.map((stand) => stand.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Undefined where the command is not called as `usage` says. */
function optionsOf(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '14' },
      'quiet-seconds': { type: 'string', default: '6' },
      only: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const [seconds, quietSeconds] = [Number(values.seconds), Number(values['quiet-seconds'])];
  const names = values.only?.split(',') ?? Object.keys(attacks);
  const areTimes = [seconds, quietSeconds].every((time) => time >= 1 && time <= 120);
  if (!areTimes || names.some((name) => attacks[name] === undefined)) return undefined;
  return { forMs: seconds * 1_000, quietMs: quietSeconds * 1_000, names, profileFolder: values.profile };
}

let options: Options | undefined;
try {
  options = optionsOf(process.argv.slice(2));
} catch (error) {
  console.error(`${(error as Error).message}\n`);
}
if (options === undefined) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const report = await run(options);
  console.log(JSON.stringify(report));
  process.exitCode = report.ok ? 0 : 1;
}
