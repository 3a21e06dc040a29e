import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ringCommand } from '../../../src/cli/ring-command.ts';
import { RingControlError, type RingControlCode } from '../../../src/handoff/ring-control.ts';
import { startTestOpsServer, testOperatorToken } from '../../support/test-ops-server.ts';
import type { TestOpsServer } from '../../support/test-ops-server.ts';

let ops: TestOpsServer;
let folder: string;
let tokenFile: string;
let out = '';
let err = '';

beforeEach(async () => {
  [out, err] = ['', ''];
  ops = await startTestOpsServer();
  folder = await mkdtemp(join(tmpdir(), 'mailring-ring-'));
  tokenFile = join(folder, 'token');
  await writeFile(tokenFile, `${testOperatorToken}\n`);
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
  await ops.stop();
  await rm(folder, { recursive: true });
});

function silenced(command: Command): Command {
  for (const child of command.commands) silenced(child);
  return command.exitOverride();
}

/** The exit code. */
async function ring(...args: string[]): Promise<number> {
  const access = ['--ops', ops.url, '--operator-token-file', tokenFile];
  const [name = '', ...rest] = args;
  try {
    await silenced(ringCommand()).parseAsync([name, ...access, ...rest], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
}

const refusal = (code: RingControlCode): RingControlError =>
  new RingControlError({ code, message: 'for the test', risk: undefined });

const news = (): { kind: string; [key: string]: unknown }[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string });

/** Lets the change that a command starts run to its end. */
function goOnToTheEnd(): void {
  const { start } = ops.control;
  ops.control.start = async (...args) => {
    const progress = await start.apply(ops.control, args);
    setTimeout(() => ops.control.goOn({ movedUsers: 90, movedBytes: 2_000_000 }), 250);
    setTimeout(() => ops.control.goOn({ phase: 'settling', movedUsers: 200 }), 500);
    setTimeout(() => {
      const finishedAt = progress.startedAt + 1_500;
      ops.control.goOn({ phase: 'finished', finishedAt, outcome: { kind: 'done', remark: undefined } });
    }, 750);
    return progress;
  };
}

describe('mailring ring show', () => {
  it('shows nodes, shares and what was removed', async () => {
    expect(await ring('show')).toBe(0);
    expect(out).toContain('epoch 7, as n1 sees it');
    expect(out).toMatch(/^node +weight +users +alive +epoch +clients +peer$/m);
    expect(out).toMatch(/^n2 +100 +33\.3 % +yes +7 +ws:\/\/n2:7400\/v1\/ws +n2:7600$/m);
    expect(out).toMatch(/^n3 +100 +33\.3 % +unknown/m);
    expect(out).toContain('removed: n9 (`mailring ring join n9` lets it in again)');
    expect(out).toContain('no change is under way');
  });

  it('--json has the report as one line', async () => {
    expect(await ring('show', '--json')).toBe(0);
    expect(news()).toMatchObject([{ kind: 'ring', ring: { epoch: 7, members: [{}, {}, {}] } }]);
  });
});

describe('mailring ring drain, join, remove, weight', () => {
  it.each([
    [['drain', 'n2'], { kind: 'drain', nodeId: 'n2' }],
    [['remove', 'n2'], { kind: 'remove', nodeId: 'n2' }],
    [['join', 'n9'], { kind: 'join', nodeId: 'n9' }],
    [['join', 'n9', '--weight', '50'], { kind: 'join', nodeId: 'n9', weight: 50 }],
    [['weight', 'n2', '0'], { kind: 'weight', nodeId: 'n2', weight: 0 }],
  ])('%j previews, starts, and follows until it is done', async (args, request) => {
    goOnToTheEnd();
    expect(await ring(...args, '--json')).toBe(0);
    expect(ops.control.started).toEqual([{ request, force: false }]);
    const lines = news();
    expect(lines[0]).toMatchObject({ kind: 'preview', preview: { request } });
    expect(lines.slice(1, -1).every(({ kind }) => kind === 'progress')).toBe(true);
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.at(-1)).toMatchObject({ kind: 'finished', progress: { outcome: { kind: 'done' } } });
  });

  it('tells people what moves, how far it is, and how it ended', async () => {
    goOnToTheEnd();
    expect(await ring('drain', 'n1')).toBe(0);
    expect(out).toContain('drain n1: 25.0 % of all users move to another node');
    expect(out).toMatch(/^n1 +n2 +120 +2\.9 MiB$/m);
    expect(err).toContain('drain n1: sending state ahead, 0 of 200 users, 0 B of 3.8 MiB');
    expect(err).toContain('drain n1: sending the last of it, moving devices, 200 of 200 users');
    expect(out).toMatch(/drain n1 done in 1\.5 s\n$/);
  });

  it('--preview changes nothing, and fails where the change would be refused', async () => {
    expect(await ring('drain', 'n2', '--preview')).toBe(0);
    ops.control.refusal = { code: 'last_node', message: 'nobody would be left' };
    expect(await ring('drain', 'n2', '--preview')).toBe(1);
    expect(out).toContain('refused: nobody would be left');
    expect(ops.control.started).toEqual([]);
  });

  it('does what is refused only with --force, and says what that risks', async () => {
    ops.control.refusal = { code: 'node_down', message: 'n3 is silent', risk: 'its users wait' };
    expect(await ring('drain', 'n2')).toBe(1);
    expect(err).toContain('error: n3 is silent\n  --force risks: its users wait');
    expect(ops.control.started).toEqual([]);
    goOnToTheEnd();
    expect(await ring('drain', 'n2', '--force')).toBe(0);
    expect(ops.control.started).toMatchObject([{ force: true }]);
  });

  it('what cannot be forced is refused with --force as well', async () => {
    ops.control.refusal = { code: 'last_node', message: 'nobody would be left' };
    expect(await ring('drain', 'n2', '--force', '--json')).toBe(1);
    expect(news().at(-1)).toEqual({ kind: 'error', code: 'last_node', message: 'nobody would be left' });
    expect(ops.control.started).toEqual([]);
  });

  it('what is done at once is done, although nobody keeps a record of it', async () => {
    const { start } = ops.control;
    ops.control.start = async (...args) => {
      await start.apply(ops.control, args);
      const finished = ops.control.goOn({ phase: 'finished', outcome: { kind: 'done', remark: undefined } });
      ops.control.current = undefined;
      return finished;
    };
    expect(await ring('remove', 'n2', '--json')).toBe(0);
    expect(news().at(-1)).toMatchObject({ kind: 'finished', progress: { outcome: { kind: 'done' } } });
  });

  it('says so when nobody knows any more how a change ended', async () => {
    await ops.control.start({ kind: 'drain', nodeId: 'n2' }, { force: false });
    setTimeout(() => {
      ops.control.current = undefined;
    }, 300);
    expect(await ring('follow')).toBe(1);
    expect(err).toContain('nobody knows how it ended: see what `mailring ring show` says');
  });

  it('follows the same change where it runs already', async () => {
    await ops.control.start({ kind: 'drain', nodeId: 'n2' }, { force: false });
    setTimeout(
      () => ops.control.goOn({ phase: 'finished', outcome: { kind: 'done', remark: 'one cold' } }),
      300,
    );
    expect(await ring('drain', 'n2')).toBe(0);
    expect(err).toContain('this change is under way already; following it');
    expect(ops.control.started).toHaveLength(1);
  });

  it.each(['aborted', 'failed'] as const)('a change that %s is a failure, with its reason', async (kind) => {
    await ops.control.start({ kind: 'drain', nodeId: 'n2' }, { force: false });
    const finishedAt = 1_700_000_002_000;
    ops.control.goOn({ phase: 'finished', finishedAt, outcome: { kind, reason: 'no way' } });
    expect(await ring('follow')).toBe(1);
    expect(out).toContain(`drain n2 ${kind} after 2.0 s: no way`);
  });
});

describe('going on', () => {
  it('Ctrl-C leaves the change running and says how to follow it', async () => {
    await ops.control.start({ kind: 'drain', nodeId: 'n2' }, { force: false });
    setTimeout(() => process.emit('SIGINT'), 300);
    expect(await ring('follow')).toBe(1);
    expect(err).toContain('the change goes on without this command: `mailring ring follow` shows it');
    expect(ops.control.current).toMatchObject({ phase: 'preparing' });
  });

  it('asks another node where the one it asked is gone', async () => {
    await ops.control.start({ kind: 'drain', nodeId: 'n2' }, { force: false });
    setTimeout(
      () => ops.control.goOn({ phase: 'finished', outcome: { kind: 'done', remark: undefined } }),
      300,
    );
    vi.stubEnv('MAILRING_OPERATOR_TOKEN_FILE', tokenFile);
    vi.stubEnv('MAILRING_OPS', `http://127.0.0.1:1,${ops.url}`);
    await silenced(ringCommand()).parseAsync(['follow'], { from: 'user' });
    expect(process.exitCode).toBe(0);
  });

  it('says who does not answer while nobody does, and tries on', async () => {
    vi.stubEnv('MAILRING_OPERATOR_TOKEN_FILE', tokenFile);
    setTimeout(() => process.emit('SIGINT'), 300);
    await silenced(ringCommand()).parseAsync(['follow', '--ops', 'http://127.0.0.1:1'], { from: 'user' });
    expect(err).toMatch(/no answer from http:\/\/127\.0\.0\.1:1 \(.+\); --ops names .*; trying on/);
  });

  it('lets a node in again that was removed, although that one was named first and can do nothing', async () => {
    const outside = await startTestOpsServer();
    const refuse = (): Promise<never> => Promise.reject(refusal('not_member'));
    Object.assign(outside.control, { show: refuse, preview: refuse, start: refuse, progress: refuse });
    goOnToTheEnd();
    vi.stubEnv('MAILRING_OPERATOR_TOKEN_FILE', tokenFile);
    vi.stubEnv('MAILRING_OPS', `${outside.url},${ops.url}`);
    await silenced(ringCommand()).parseAsync(['join', 'n9', '--yes'], { from: 'user' });
    await outside.stop();
    expect(process.exitCode).toBe(0);
    expect(outside.control.started).toEqual([]);
    expect(ops.control.started).toEqual([{ request: { kind: 'join', nodeId: 'n9' }, force: false }]);
  });

  it('does not start a change at a second node while the first may have begun it', async () => {
    const silent = await startTestOpsServer();
    silent.control.start = () => Promise.reject(refusal('unavailable'));
    vi.stubEnv('MAILRING_OPERATOR_TOKEN_FILE', tokenFile);
    vi.stubEnv('MAILRING_OPS', `${silent.url},${ops.url}`);
    await silenced(ringCommand()).parseAsync(['drain', 'n2', '--yes'], { from: 'user' });
    await silent.stop();
    expect(process.exitCode).toBe(1);
    expect(err).toContain('error: for the test');
    expect(ops.control.started).toEqual([]);
  });

  it('abort ends the change that runs, while it can', async () => {
    expect(await ring('abort')).toBe(1);
    expect(err).toContain('error: no change is under way');
    await ops.control.start({ kind: 'drain', nodeId: 'n2' }, { force: false });
    expect(await ring('abort')).toBe(0);
    await ops.control.start({ kind: 'drain', nodeId: 'n2' }, { force: false });
    ops.control.goOn({ phase: 'settling' });
    expect(await ring('abort')).toBe(1);
    expect(err).toContain('error: users are served elsewhere');
  });
});

describe('wrong usage', () => {
  it.each([
    [['drain'], 'missing required argument'],
    [['drain', '../n1'], 'the id of a node is expected'],
    [['weight', 'n1'], 'missing required argument'],
    [['weight', 'n1', '1001'], 'a whole number from 0 to 1000 is expected'],
    [['weight', 'n1', 'much'], 'a whole number from 0 to 1000 is expected'],
    [['show', '--ops', 'n1:7500'], 'addresses like http://127.0.0.1:7500 are expected'],
    [['show', '--operator-token-file', '/nowhere/token'], '/nowhere/token cannot be read (ENOENT)'],
    [['burn', 'n1'], "unknown command 'burn'"],
  ])('%j is refused with exit code 2', async (args, message) => {
    expect(await ring(...args)).toBe(2);
    expect(err).toContain(message);
  });

  it('an empty token file is none', async () => {
    await writeFile(tokenFile, '\n');
    expect(await ring('show')).toBe(2);
    expect(err).toContain('holds no operator token');
  });

  it('a wrong token and an address that is no node are failures that say so', async () => {
    await writeFile(tokenFile, 'not-the-token');
    expect(await ring('show')).toBe(1);
    expect(err).toContain('error: the operator token is needed');
    vi.stubEnv('MAILRING_OPERATOR_TOKEN_FILE', tokenFile);
    await silenced(ringCommand()).parseAsync(['show', '--ops', 'http://127.0.0.1:1'], { from: 'user' });
    expect(process.exitCode).toBe(1);
    expect(err).toContain('no answer from http://127.0.0.1:1');
  });

  it("a node's port for clients is told from that for operations", async () => {
    const error = { code: -32003, message: 'there is nothing here', data: { kind: 'not_found' } };
    const answer = Response.json({ error }, { status: 404 });
    vi.spyOn(globalThis, 'fetch').mockResolvedValueOnce(answer);
    expect(await ring('show')).toBe(1);
    expect(err).toContain("answered 404: is it a node's operations address?");
  });
});
