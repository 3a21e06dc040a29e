import { readFileSync } from 'node:fs';

interface Counted {
  readonly atMs: number;
  readonly cpuSeconds: number;
  readonly loopSeconds: number;
  readonly waitedSeconds: number;
}

/** What a process used of the machine while it was watched. */
export interface Usage {
  readonly rssMaxMib: number;
  /** Processor time, in cores; of its event loop, which is one thread, and of all its threads. */
  readonly loopCores: number;
  readonly cores: number;
  /** Share of the time in which its event loop could have run and had no core: the machine's doing, not its own. */
  readonly waitedForCore: number;
}

/** Looks at a process from outside: Linux only. */
export class ProcessWatch {
  readonly #pid: number;
  readonly #before: Counted;
  readonly #timer: NodeJS.Timeout;
  #rssMaxMib = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#before = counted(pid);
    this.#timer = setInterval(() => {
      this.#rssMaxMib = Math.max(this.#rssMaxMib, rssMib(pid));
    }, 250);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  usage(): Usage {
    const after = counted(this.#pid);
    const seconds = (after.atMs - this.#before.atMs) / 1_000;
    const rate = (what: keyof Counted): number => hundredths((after[what] - this.#before[what]) / seconds);
    return {
      rssMaxMib: this.#rssMaxMib,
      loopCores: rate('loopSeconds'),
      cores: rate('cpuSeconds'),
      waitedForCore: rate('waitedSeconds'),
    };
  }
}

export function rssMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

export function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

function counted(pid: number): Counted {
  const [, ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const [userTicks = 0, systemTicks = 0] = fields.join('').split(' ').slice(11, 13).map(Number);
  // Of the first thread, which has the event loop: time on a core, time waiting for one, ns.
  const [ranNs = 0, waitedNs = 0] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number);
  return {
    atMs: performance.now(),
    cpuSeconds: (userTicks + systemTicks) / 100, // Linux counts it in hundredths
    loopSeconds: ranNs / 1e9,
    waitedSeconds: waitedNs / 1e9,
  };
}
