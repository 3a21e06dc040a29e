// Attacks one real node in every way that it should bear, while others chat: memory has to stay bounded, what is
// wrong has to be refused with its code, and those who behave must not wait for it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { NodeProcess } from '../cluster/mailring/node-process.ts';
import { attacks, type Seen as Refusals } from './abuse/attacks.ts';
import { Bystanders, type Seen } from './abuse/bystanders.ts';

const usage = `npm run abuse -- [--seconds 14] [--only <attack>,…]

  --seconds <n>  of each attack (14; the time-outs of the node need about that)
  --only         of ${Object.keys(attacks).join(', ')}

Prints one JSON object as its last line. Exit code 0: all was refused and bounded; 1: otherwise; 2: wrong usage.`;

const root = join(import.meta.dirname, '..');
/** The node with its caches full may have so much more than at its start, MiB. */
const rssGrowthMaxMib = 400;
/** A p99 below this is as good as none: the machine's own noise, ms. */
const noiseMs = 10;

interface Round {
  readonly attack: string;
  readonly seen: Refusals;
  readonly others: Seen;
  readonly p99Ratio: number;
  readonly rssMaxMib: number;
  /** Processor time of the node, in cores. */
  readonly cores: number;
  readonly problems: readonly string[];
}

interface Report {
  readonly ok: boolean;
  readonly quiet: Seen;
  readonly rssStartMib: number;
  readonly rounds: readonly Round[];
}

function rssMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

/** Processor time so far, s: Linux counts it in hundredths. */
function cpuSeconds(pid: number): number {
  const [, ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const [userTicks = 0, systemTicks = 0] = fields.join('').split(' ').slice(11, 13).map(Number);
  return (userTicks + systemTicks) / 100;
}

function attacked(
  name: string,
  httpUrl: string,
  forMs: number,
): Promise<{ seen: Refusals; problem?: string }> {
  const script = join(root, 'scripts/abuse/attacker.ts');
  const child = spawn(process.execPath, [script, name, httpUrl, String(forMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: forMs + 60_000,
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (output === '') reject(new Error(`the attacker ended with ${code}`));
      else resolve(JSON.parse(output) as { seen: Refusals; problem?: string });
    });
  });
}

class AbuseRun {
  readonly #node: NodeProcess;
  readonly #others: Bystanders;
  readonly #forMs: number;

  constructor(node: NodeProcess, others: Bystanders, forMs: number) {
    this.#node = node;
    this.#others = others;
    this.#forMs = forMs;
  }

  async round(name: string, quiet: Seen, rssStartMib: number): Promise<Round> {
    const pid = this.#node.process.pid ?? 0;
    let rssMaxMib = 0;
    const watch = setInterval(() => {
      rssMaxMib = Math.max(rssMaxMib, rssMib(pid));
    }, 250);
    const [startedMs, cpuBefore] = [performance.now(), cpuSeconds(pid)];
    const [found, others] = await Promise.all([
      attacked(name, this.#node.httpUrl, this.#forMs),
      this.#others.chat(this.#forMs),
    ]);
    clearInterval(watch);
    const spent = (cpuSeconds(pid) - cpuBefore) / ((performance.now() - startedMs) / 1_000);
    const cores = Math.round(spent * 100) / 100;
    const p99Ratio = Math.round((others.p99Ms / quiet.p99Ms) * 100) / 100;
    const missing = (attacks[name]?.expected ?? []).filter((refusal) => (found.seen[refusal] ?? 0) === 0);
    const problems = [
      ...(found.problem === undefined ? [] : [found.problem]),
      ...missing.map((refusal) => `not seen: ${refusal}`),
      ...(others.failed > 0 ? [`${others.failed} sends of others failed`] : []),
      ...(p99Ratio > 2 && others.p99Ms > noiseMs
        ? [`p99 of others: ${others.p99Ms} ms, not ${quiet.p99Ms}`]
        : []),
      ...(rssMaxMib > rssStartMib + rssGrowthMaxMib ? [`${rssMaxMib} MiB, not ${rssStartMib}`] : []),
    ];
    return { attack: name, seen: found.seen, others, p99Ratio, rssMaxMib, cores, problems };
  }
}

async function run(forMs: number, names: readonly string[]): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'mailring-abuse-'));
  const settings = [
    ...['--config', join(root, 'config/default.json'), '--log-level', 'error'],
    // As by default, but for the time-out that would make the run last minutes.
    ...['--session-stalled-ms', '5000'],
  ];
  const node = await NodeProcess.prepare({ id: 'n1', folder, settings });
  try {
    await node.process.start();
    const others = await Bystanders.connect(node.httpUrl);
    await others.chat(3_000); // warm
    const quiet = await others.chat(8_000);
    const rssStartMib = rssMib(node.process.pid ?? 0);
    console.log(`quiet: ${JSON.stringify(quiet)}, ${rssStartMib} MiB`);
    const abuse = new AbuseRun(node, others, forMs);
    const rounds: Round[] = [];
    for (const name of names) {
      const round = await abuse.round(name, quiet, rssStartMib);
      rounds.push(round);
      console.log(JSON.stringify(round));
      await sleep(1_000);
    }
    others.close();
    return { ok: rounds.every(({ problems }) => problems.length === 0), quiet, rssStartMib, rounds };
  } finally {
    await node.process.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '14' }, only: { type: 'string' } },
});
const seconds = Number(values.seconds);
const names = values.only?.split(',') ?? Object.keys(attacks);
if (!(seconds >= 1 && seconds <= 120) || names.some((name) => attacks[name] === undefined)) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const report = await run(seconds * 1_000, names);
  console.log(JSON.stringify(report));
  process.exitCode = report.ok ? 0 : 1;
}
