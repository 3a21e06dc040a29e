import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { writePidFile } from '../../../cluster/pid-file.ts';
import { ServiceProcess, stopRecorded } from '../../../cluster/service-process.ts';

let dir: string;
let service: ServiceProcess;
const progress: string[] = [];

const obedient = "console.log('serving'); setInterval(() => undefined, 1000)";
const stubborn = `process.on('SIGTERM', () => console.log('no')); ${obedient}`;

/** Starts a service in the folder it is told, prints the service's pid and waits to be killed. */
const ownerScript = `
import { ServiceProcess } from ${JSON.stringify(join(import.meta.dirname, '../../../cluster/service-process.ts'))};
const dir = process.argv[1];
const service = new ServiceProcess({
  name: 'owned', command: process.execPath, args: ['-e', ${JSON.stringify(obedient)}], cwd: dir,
  logFile: dir + '/owned.log', pidFile: dir + '/owned.pid', readyLine: /serving/,
  readyTimeoutMs: 5_000, stopTimeoutMs: 1_000, onProgress: () => undefined,
});
await service.start();
console.log(service.pid);
setInterval(() => undefined, 1_000);`;

function serviceOf(script: string, readyTimeoutMs = 5_000, niceness = 0): ServiceProcess {
  return new ServiceProcess({
    name: 'sample',
    command: process.execPath,
    args: ['-e', script],
    cwd: dir,
    logFile: join(dir, 'sample.log'),
    pidFile: join(dir, 'sample.pid'),
    readyLine: /serving/,
    readyTimeoutMs,
    stopTimeoutMs: 1_000,
    niceness,
    onProgress: (line) => progress.push(line),
  });
}

/** A zombie is gone, too: somebody else has only not looked yet. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc/self') || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 100 && isRunning(pid); attempt++) await delay(100);
  return !isRunning(pid);
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'service-process-'));
  progress.length = 0;
  service = serviceOf(obedient);
});

afterEach(async () => {
  await service.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('ServiceProcess', () => {
  it('gives it, and the session that it leads, less of the cores where that is wanted', async () => {
    service = serviceOf(obedient, 5_000, 7);
    await service.start();
    const pid = service.pid ?? 0;
    expect(getPriority(pid)).toBe(7);
    const session = `/proc/${pid}/autogroup`;
    if (existsSync(session)) expect(readFileSync(session, 'utf8')).toMatch(/ nice 7$/m);
  });

  it('starts, is ready, stops, and starts again', async () => {
    await service.start();
    const first = service.pid!;
    expect(isRunning(first)).toBe(true);
    await service.stop();
    expect(isRunning(first)).toBe(false);
    expect(existsSync(join(dir, 'sample.pid'))).toBe(false);
    await service.start();
    expect(service.pid).not.toBe(first);
  });

  it('tells the end of the log when the service ends before it is ready', async () => {
    service = serviceOf("console.error('no such database'); process.exitCode = 3");
    await expect(service.start()).rejects.toThrow(/exit code 3[^]*no such database/);
  });

  it('tells the end of the log when the service is not ready in time', async () => {
    service = serviceOf("console.log('warming up'); setInterval(() => undefined, 1000)", 500);
    await expect(service.start()).rejects.toThrow(/not ready in 500 ms[^]*warming up/);
  });

  it('does not take the ready line of an earlier run for its own', async () => {
    await service.start();
    await service.stop();
    service = serviceOf('setInterval(() => undefined, 1000)', 500);
    await expect(service.start()).rejects.toThrow(/not ready/);
  });

  it('says when a service ends that nobody told to', async () => {
    await service.start();
    const pid = service.pid!;
    process.kill(pid, 'SIGKILL');
    expect(await untilGone(pid)).toBe(true);
    await delay(100);
    expect(progress).toContain('sample ended by itself (SIGKILL)');
    expect(service.pid).toBeUndefined();
  });

  it('kills a service that does not stop', async () => {
    service = serviceOf(stubborn);
    await service.start();
    const pid = service.pid!;
    await service.stop();
    expect(isRunning(pid)).toBe(false);
    expect(progress.at(-1)).toMatch(/killing it/);
  });

  it('stops a paused service', async () => {
    await service.start();
    const pid = service.pid!;
    service.signal('SIGSTOP');
    await service.stop();
    expect(isRunning(pid)).toBe(false);
    expect(progress).not.toContainEqual(expect.stringMatching(/killing it/));
  });

  it('refuses to start what another live owner runs', async () => {
    await service.start();
    await expect(serviceOf(obedient).start()).rejects.toThrow(/runs already as process/);
  });

  it('stops what it finds in a pid file only when that is the recorded process', async () => {
    const bystander = spawn(process.execPath, ['-e', obedient], { detached: true, stdio: 'ignore' });
    try {
      const file = join(dir, 'sample.pid');
      writePidFile(file, bystander.pid!);
      const record = JSON.parse(readFileSync(file, 'utf8')) as { service: { startedAt: string } };
      writeFileSync(
        file,
        JSON.stringify({ ...record, service: { pid: bystander.pid, startedAt: 'earlier' } }),
      );
      expect(await stopRecorded(file, 1_000)).toBe(false);
      await service.start();
      expect(isRunning(bystander.pid!)).toBe(true);
    } finally {
      bystander.kill('SIGKILL');
    }
  });

  it('does not outlive the process that started it, even a killed one', async () => {
    const owner = spawn(process.execPath, ['--input-type=module', '-e', ownerScript, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(isRunning(pid)).toBe(true);
    owner.kill('SIGKILL');
    expect(await untilGone(pid)).toBe(true);
  });
});
