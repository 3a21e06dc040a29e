import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const testTimeoutMs = 60_000;

/** `mailring schema …` as a process of its own: nothing but the command itself keeps it alive. */
async function schema(...args: string[]): Promise<{ code: unknown; errors: string }> {
  const child = spawn(process.execPath, [main, 'schema', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [errors, [code]] = (await Promise.all([text(child.stderr), once(child, 'exit')])) as [
    string,
    unknown[],
  ];
  return { code, errors };
}

test.each(['apply', 'show'])(
  'schema %s waits for an HBase that is not there, then says so and fails',
  async (name) => {
    // Nothing listens on port 1.
    const { code, errors } = await schema(name, '--hbase', '127.0.0.1:1', '--wait', '0.5');
    expect(errors).toMatch(new RegExp(`^schema ${name} failed: HBase: .*127\\.0\\.0\\.1:1`));
    expect(code).toBe(1);
  },
  testTimeoutMs,
);

test.each(['0', 'soon', '99999'])(
  'a wait of %s is wrong usage',
  async (seconds) => {
    const { code, errors } = await schema('apply', '--hbase', '127.0.0.1:1', '--wait', seconds);
    expect(errors).toContain('--wait <seconds>');
    expect(code).toBe(2);
  },
  testTimeoutMs,
);
