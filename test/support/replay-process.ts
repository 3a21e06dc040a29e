import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { CacheReport } from '../../scripts/replay/cache-watch.ts';
import type { ReplayReport } from '../../scripts/replay/replay-run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs `npm run replay` on a node of its own to the end. Rejects with what it printed where it does not end well. */
export async function replayOnOwnNode(
  options: Readonly<Record<string, number>>,
  nodeSettings: readonly string[],
): Promise<ReplayReport & { readonly kills: number; readonly cache: CacheReport }> {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, ['scripts/replay.ts', ...flags, '--', ...nodeSettings], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [printed, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<unknown[]>,
  ]);
  if (code !== 0) throw new Error(`replay ended with exit code ${String(code)}:\n${printed}\n${errors}`);
  return JSON.parse(printed.trimEnd().split('\n').at(-1) ?? '') as Awaited<
    ReturnType<typeof replayOnOwnNode>
  >;
}
