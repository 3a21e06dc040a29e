import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** A process, told apart from a later one with the same pid by the time it started. */
interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

interface PidRecord {
  readonly service: ProcessIdentity;
  readonly owner: ProcessIdentity;
}

/** What a pid file says about the present. */
export type PidFileState =
  | { readonly kind: 'free' }
  /** The service runs and the process that started it is gone. */
  | { readonly kind: 'orphan'; readonly pid: number }
  /** The service runs and so does its owner. */
  | { readonly kind: 'owned'; readonly pid: number; readonly ownerPid: number };

/** Records that `pid` runs and that this process started it. */
export function writePidFile(file: string, pid: number): void {
  const record: PidRecord = { service: identify(pid), owner: identify(process.pid) };
  writeFileSync(file, `${JSON.stringify(record)}\n`);
}

/** Reads a pid file; a pid that meanwhile belongs to some other process counts as gone. */
export function readPidFile(file: string): PidFileState {
  if (!existsSync(file)) return { kind: 'free' };
  let record: PidRecord;
  try {
    record = JSON.parse(readFileSync(file, 'utf8')) as PidRecord;
  } catch {
    return { kind: 'free' }; // Cut off while it was written: it names nobody.
  }
  if (!isAlive(record.service)) return { kind: 'free' };
  if (!isAlive(record.owner)) return { kind: 'orphan', pid: record.service.pid };
  return { kind: 'owned', pid: record.service.pid, ownerPid: record.owner.pid };
}

export function removePidFile(file: string): void {
  rmSync(file, { force: true });
}

function identify(pid: number): ProcessIdentity {
  return { pid, startedAt: startTime(pid) ?? 'gone' };
}

function isAlive(identity: ProcessIdentity): boolean {
  return startTime(identity.pid) === identity.startedAt;
}

/** When this pid started, in whatever the system calls time; undefined when no such process runs. */
function startTime(pid: number): string | undefined {
  if (existsSync('/proc/self/stat')) {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    } catch {
      return undefined; // No such process.
    }
    // The second field is the command in brackets and may hold anything; the rest is fields 3 and on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined; // ps exits with 1 for an unknown pid.
  }
}
