import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const runUntilSignal = fileURLToPath(new URL('../../../src/cli/run-until-signal.ts', import.meta.url));
const testTimeoutMs = 30_000;

let child: ChildProcess | undefined;

afterEach(() => {
  child?.kill('SIGKILL');
});

/** A process that runs one node, whose stop is `stop`, until a signal; resolves when it is ready. */
async function startProcess(stop: string): Promise<ChildProcess> {
  const program = `
    const { runUntilSignal } = await import(${JSON.stringify(runUntilSignal)});
    setInterval(() => undefined, 1_000);
    const stop = () => { console.log('stopping'); return ${stop}; };
    await runUntilSignal(async () => [{ url: 'http://somewhere', stop }]);`;
  child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  expect(await said(child)).toBe('ready http://somewhere\n');
  return child;
}

async function said(process: ChildProcess): Promise<string> {
  const [chunk] = (await once(process.stdout ?? process, 'data')) as [Buffer];
  return chunk.toString();
}

async function exitCode(process: ChildProcess): Promise<number | null> {
  const [code] = (await once(process, 'exit')) as [number | null];
  return code;
}

test(
  'one Ctrl-C that arrives several times at once stops cleanly',
  async () => {
    const process = await startProcess('new Promise((stopped) => setTimeout(stopped, 300))');
    const ended = exitCode(process);
    // Two of the same kind may be merged into one by the system; these are not.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGINT'] as const) process.kill(signal);
    expect(await ended).toBe(0);
  },
  testTimeoutMs,
);

test(
  'a second Ctrl-C after a while ends a stop that hangs',
  async () => {
    const process = await startProcess('new Promise(() => undefined)');
    const ended = exitCode(process);
    const stopping = said(process);
    process.kill('SIGINT');
    expect(await stopping).toBe('stopping\n');
    // How long a while is, is not this test's business; it is well before the stop would be given up.
    const impatience = setInterval(() => process.kill('SIGINT'), 100);
    await ended;
    expect(process.signalCode).toBe('SIGKILL');
    clearInterval(impatience);
  },
  testTimeoutMs,
);

test(
  'a stop that fails is told by the exit code',
  async () => {
    const process = await startProcess("Promise.reject(new Error('disk is gone'))");
    const ended = exitCode(process);
    process.kill('SIGTERM');
    expect(await ended).toBe(1);
  },
  testTimeoutMs,
);

test.each([
  { when: 'serves', start: "[{ url: 'http://somewhere', stop: async () => undefined }]" },
  { when: 'starts', start: 'new Promise(() => undefined)' },
])(
  'ends with what has started it, while it $when, whatever a thread of libuv waits for',
  async ({ start }) => {
    const folder = mkdtempSync(join(tmpdir(), 'mailring-run-'));
    const pipe = join(folder, 'pipe');
    execFileSync('/usr/bin/mkfifo', [pipe]);
    // A thread waits in open() for a writer, as one of LMDB's waits for the main thread: `process.exit` never returns.
    const program = `
      const { open } = await import('node:fs');
      const { runUntilSignal } = await import(${JSON.stringify(runUntilSignal)});
      setInterval(() => undefined, 1_000);
      open(${JSON.stringify(pipe)}, 'r', () => undefined);
      setTimeout(() => console.log('under way'), 200);
      await runUntilSignal(async () => ${start});`;
    child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    let output = '';
    for await (const chunk of child.stdout ?? []) {
      output += String(chunk);
      if (output.includes('under way')) break;
    }
    const ended = exitCode(child);
    child.disconnect();
    await ended;
    expect(child.signalCode).toBe('SIGKILL');
    rmSync(folder, { recursive: true });
  },
  testTimeoutMs,
);
