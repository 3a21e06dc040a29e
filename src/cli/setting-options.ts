import { Option, type Command } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { describeSettings } from '../config/describe-settings.ts';
import { loadSettings } from '../config/load-settings.ts';
import { settingsTable } from '../config/setting.ts';
import type { Settings, SettingsOverride } from '../config/settings.ts';

/** Exit code of a command that was called in a wrong way. */
export const usageExitCode = 2;

/** Adds every setting as an option, and their table to the help. */
export function addSettingOptions(command: Command): Command {
  command.option('--config <file>', 'settings from a JSON file; variables and flags win over it');
  for (const { flags, description } of settingsTable) {
    // Two names of one setting are two options here; giving both is refused where settings are loaded.
    for (const flag of flags) command.addOption(new Option(`--${flag} <value>`, description).hideHelp());
  }
  return command.addHelpText(
    'after',
    `\nSettings (also as MAILRING_… variables and in the file of --config; flags win over variables):\n${describeSettings()}`,
  );
}

/** The settings that a command was given; ends the command with usage exit code where they are wrong. */
export function settingsOf(command: Command, preset?: SettingsOverride): Settings {
  const { config, ...flags } = command.opts<Record<string, string>>();
  try {
    return loadSettings({
      flags,
      env: process.env,
      ...(preset && { preset }),
      ...(config !== undefined && { file: config }),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return command.error(`error: ${error.message}`, { exitCode: usageExitCode });
  }
}
