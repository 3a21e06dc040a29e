import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Command, InvalidArgumentError } from 'commander';
import type { RingRequest } from '../admin/control-api.ts';
import { clientTime } from '../client/client-time.ts';
import { RingApi } from './ring/ring-api.ts';
import { jsonScreen, TextScreen } from './ring/ring-screen.ts';
import { RingSession, type RingVerdict } from './ring/ring-session.ts';
import { usageExitCode } from './setting-options.ts';

interface RingFlags {
  readonly ops?: readonly string[];
  readonly operatorTokenFile?: string;
  readonly json?: true;
}

interface ChangeFlags extends RingFlags {
  readonly preview?: true;
  readonly force?: true;
  readonly yes?: true;
  readonly weight?: number;
}

const opsDefault = 'http://127.0.0.1:7500';
const tokenFileDefault = '.data/operator-token';
const weightMax = 1000;

const about = `
The ring says which node serves which users. Any node can be asked; it shows, previews and carries out changes. A change
goes on when this command is interrupted or killed.

  mailring ring show                      nodes, weights, shares, the change that runs
  mailring ring drain n2 --preview        what would move where; changes nothing
  mailring ring drain n2                  its users move away; then it may be stopped
  mailring ring join n2                   it gets them back
  mailring ring weight n2 50              half the users of an ordinary node (100)
  mailring ring remove n2                 out of the ring, until join
  mailring ring follow                    takes up the progress of the change that runs
  mailring ring abort                     ends it, while state is only being sent ahead

Without options it talks to the cluster of \`npm start\` in this folder. Elsewhere:
--ops or MAILRING_OPS (commas between several), --operator-token-file or MAILRING_OPERATOR_TOKEN_FILE.
Exit code 0: done, 1: refused or failed, 2: wrong usage.`;

function opsUrl(value: string, before: readonly string[] = []): readonly string[] {
  const urls = value.split(',').map((part) => part.trim().replace(/\/$/, ''));
  for (const url of urls) {
    const protocol = URL.canParse(url) ? new URL(url).protocol : '';
    if (protocol !== 'http:' && protocol !== 'https:') {
      throw new InvalidArgumentError('addresses like http://127.0.0.1:7500 are expected.');
    }
  }
  return [...before, ...urls];
}

function weightOf(value: string): number {
  const weight = Number(value);
  if (value.trim() !== '' && Number.isInteger(weight) && weight >= 0 && weight <= weightMax) return weight;
  throw new InvalidArgumentError(
    `a whole number from 0 to ${weightMax} is expected; 100 is an ordinary node.`,
  );
}

function nodeIdOf(value: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(value)) return value;
  throw new InvalidArgumentError('the id of a node is expected, as in `mailring ring show`.');
}

/** A command of `mailring ring` with what all of them take. */
function sub(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option(
      '--ops <http-url>',
      `a node's operations address; repeat for more (default: ${opsDefault})`,
      opsUrl,
    )
    .option('--operator-token-file <file>', `the operator token (default: ${tokenFileDefault})`)
    .option('--json', 'print one JSON object a line');
}

/** One that changes the ring. */
function changing(name: RingRequest['kind'], description: string): Command {
  return sub(name, description)
    .argument('<node>', 'id of the node', nodeIdOf)
    .option('--preview', 'say what would move where, and change nothing')
    .option('--force', 'do what is refused where that is possible; the refusal says what it risks')
    .option('--yes', 'do not ask, on a terminal');
}

function change(command: Command, flags: ChangeFlags, request: RingRequest): Promise<void> {
  const options = { force: flags.force === true, previewOnly: flags.preview === true };
  return run(command, flags, (session) => session.change(request, options));
}

/** `mailring ring show|join|drain|remove|weight|follow|abort`: the ring, through any node's operations port. */
export function ringCommand(): Command {
  const show = sub('show', 'show nodes, weights and shares, and the change that runs');
  show.action((flags: RingFlags) => run(show, flags, (session) => session.show()));
  const join = changing('join', 'let a node that was drained or removed serve users again');
  join.option('--weight <n>', 'its share relative to others (default: the one it had)', weightOf);
  join.action((nodeId: string, flags: ChangeFlags) => {
    const { weight } = flags;
    return change(join, flags, { kind: 'join', nodeId, ...(weight === undefined ? {} : { weight }) });
  });
  const drain = changing('drain', 'move all users of a node away');
  drain.action((nodeId: string, flags: ChangeFlags) => change(drain, flags, { kind: 'drain', nodeId }));
  const remove = changing('remove', 'take a node out of the ring, until join');
  remove.action((nodeId: string, flags: ChangeFlags) => change(remove, flags, { kind: 'remove', nodeId }));
  const weigh = changing('weight', "change a node's share of the users");
  weigh.argument('<weight>', '100 for an ordinary node', weightOf);
  weigh.action((nodeId: string, weight: number, flags: ChangeFlags) =>
    change(weigh, flags, { kind: 'weight', nodeId, weight }),
  );
  const follow = sub('follow', 'follow the change that runs, or show how the last one ended');
  follow.argument('[change]', 'its id', 'latest');
  follow.action((id: string, flags: RingFlags) => run(follow, flags, (session) => session.follow(id)));
  const abort = sub('abort', 'end the change that runs, while state is only being sent ahead');
  abort.argument('[change]', 'its id (default: the one that runs)');
  abort.action((id: string | undefined, flags: RingFlags) =>
    run(abort, flags, (session) => session.abort(id)),
  );
  const ring = new Command('ring').description('show and change which node serves which users');
  for (const command of [show, join, drain, remove, weigh, follow, abort]) ring.addCommand(command);
  return ring.addHelpText('after', about);
}

async function run(
  command: Command,
  flags: ChangeFlags,
  act: (session: RingSession) => Promise<RingVerdict>,
): Promise<void> {
  const { json, yes } = flags;
  const ports = {
    out: (text: string): void => void process.stdout.write(text),
    err: (text: string): void => void process.stderr.write(text),
  };
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  const { signal } = interruption;
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const mayAsk = json !== true && yes !== true && process.stdin.isTTY && process.stderr.isTTY;
  try {
    const session = new RingSession({
      api: new RingApi({ opsUrls: opsUrlsOf(command, flags), token: tokenOf(command, flags), signal }),
      screen: json === true ? jsonScreen(ports) : new TextScreen(ports, process.stderr.isTTY),
      time: clientTime,
      interrupted: signal,
      confirm: mayAsk ? (question) => confirmed(question, signal) : undefined,
    });
    process.exitCode = await act(session);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function opsUrlsOf(command: Command, { ops }: RingFlags): readonly string[] {
  if (ops !== undefined) return ops;
  const named = process.env['MAILRING_OPS'];
  if (named === undefined) return [opsDefault];
  try {
    return opsUrl(named);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return command.error(`error: MAILRING_OPS: ${error.message}`, { exitCode: usageExitCode });
  }
}

function tokenOf(command: Command, { operatorTokenFile }: RingFlags): string {
  const path = operatorTokenFile ?? process.env['MAILRING_OPERATOR_TOKEN_FILE'] ?? tokenFileDefault;
  try {
    const token = readFileSync(path, 'utf8').trim();
    if (/^[\x21-\x7e]+$/.test(token)) return token;
    return command.error(`error: ${path} holds no operator token`, { exitCode: usageExitCode });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) throw error;
    if (error.code.startsWith('commander')) throw error;
    const hint =
      "--operator-token-file names the file that nodes were given, or operator-token in a node's data folder";
    return command.error(`error: ${path} cannot be read (${error.code}); ${hint}`, {
      exitCode: usageExitCode,
    });
  }
}

/** False where the operator says no, or leaves. */
async function confirmed(question: string, signal: AbortSignal): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question, { signal })).trim());
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    terminal.close();
  }
}
