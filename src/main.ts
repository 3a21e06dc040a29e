import { Command, CommanderError } from 'commander';
import { benchCommand } from './cli/bench-command.ts';
import { devCommand } from './cli/dev-command.ts';
import { nodeCommand } from './cli/node-command.ts';
import { ringCommand } from './cli/ring-command.ts';
import { schemaCommand } from './cli/schema-command.ts';
import { usageExitCode } from './cli/setting-options.ts';

const program = new Command('mailring')
  .description('a messenger backend whose app servers are the cache')
  .showHelpAfterError('(add --help for what is possible)')
  .exitOverride();
for (const command of [devCommand(), nodeCommand(), schemaCommand(), ringCommand(), benchCommand()]) {
  program.addCommand(inheritSettings(command));
}

/** Sub-commands leave the process to `main` as the program does. */
function inheritSettings(command: Command): Command {
  command.copyInheritedSettings(program);
  for (const child of command.commands) inheritSettings(child);
  return command;
}

// The timers of our rooms keep no process alive; a command that only waits for one has not ended.
const alive = setInterval(() => undefined, 60_000);
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Help and version were asked for; everything else that commander refuses is wrong usage.
  process.exitCode = error.exitCode === 0 ? 0 : usageExitCode;
} finally {
  clearInterval(alive);
}
